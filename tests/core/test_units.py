from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spanish import in_spanish
from xsmigui.core.text import in_use, use, use_zone
from xsmigui.core.units import GiB, MiB, TiB, count, day, duration, moment, natural, percent, rate, size
from xsmigui.local import paths
from xsmigui.local.languages import catalogue


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0.0 GiB"),
        (256 << 10, "256 KiB"),
        (5 * MiB, "5 MiB"),
        (GiB // 10, "0.1 GiB"),
        (GiB, "1.0 GiB"),
        (1536 * MiB, "1.5 GiB"),
        (TiB, "1.0 TiB"),
        (-2 * TiB, "-2.0 TiB"),
        (-GiB, "-1.0 GiB"),
    ],
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (40.4, "40 s"),
        (89, "89 s"),
        (360, "6 min"),
        (3599, "1 h"),
        (7800, "2 h 10 min"),
        (3600 * 48, "2 days"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_percent_stays_within_bounds() -> None:
    assert [percent(f) for f in (-1, 0.256, 2)] == ["0 %", "26 %", "100 %"]


def test_natural_order() -> None:
    assert sorted(["host-10", "Host-2", "host-1"], key=natural) == ["host-1", "Host-2", "host-10"]


@given(st.text(), st.text())
def test_any_two_names_compare(one: str, other: str) -> None:
    assert (natural(one) < natural(other)) or (natural(other) <= natural(one))


def test_digits_that_are_no_numbers() -> None:
    assert natural("²") == ((1, 0, "²"),)


def test_numbers_and_times_as_each_language_writes_them() -> None:
    before = in_use()
    try:
        assert (size(1536 * MiB), rate(2.5 * MiB), count(2228)) == ("1.5 GiB", "2.5 MiB/s", "2,228")
        assert moment("20260821T02:00:23Z") == "2026-08-21 02:00 UTC"
        use_zone(lambda at: at.astimezone(timezone(timedelta(hours=2))))
        assert moment("2026-12-31T23:30:00Z") == "2027-01-01 01:30"
        use(catalogue("es", paths.resources()))
        assert (size(1536 * MiB), rate(2.5 * MiB), count(2228)) == ("1,5 GiB", "2,5 MiB/s", "2.228")
        assert moment("20260821T02:00:23Z") == "21/08/2026 04:00"
    finally:
        use(before)
        use_zone(None)


@pytest.mark.parametrize("text", ["", "soon", "20261341T02:00:00Z", "00000000T00:00:00Z"])
def test_what_is_no_time_stays_as_it_is(text: str) -> None:
    assert moment(text) == text


def test_days_are_written_as_the_language_has_them() -> None:
    assert day("2036-01-02") == "2036-01-02"
    with in_spanish():
        assert (day("2036-01-02"), day("no day")) == ("02/01/2036", "no day")
