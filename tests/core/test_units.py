import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmigui.core.units import GiB, MiB, TiB, duration, natural, percent, size


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
