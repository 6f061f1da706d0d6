"""Messages are values: they say the same in every language, and come back from JSON as they were."""

import msgspec
import pytest

from tests.spanish import in_spanish
from xsmigui.core.messages import (
    Duration,
    Message,
    Moment,
    Rate,
    Size,
    Text,
    coded,
    facts,
    listed,
    m_,
    mn_,
    render,
    sentences,
    with_texts,
)
from xsmigui.core.units import GiB

FREE = m_("{sr} has {free} free; the disks need {need}.", sr="NFS", free=Size(3 * GiB), need=Size(5 * GiB))

EVERY: tuple[Text, ...] = (
    "the server's own words",
    FREE,
    mn_("{n} disk", "{n} disks", 1),
    mn_("{n} disk", "{n} disks", 3),
    listed(["a", "b", "c"]),
    listed(["a", "b"], mark=", "),
    coded("{0} is busy: {1} is running.", "web", "snapshot"),
    sentences(FREE, m_("Choose another SR."), "raw"),
    m_("{vm} cannot be migrated live: {reasons}.", vm="web", reasons=listed([m_("running"), m_("halted")])),
    m_("{low} {high} {since}", low=Duration(5400), high=Rate(2.5e6), since=Moment("20260821T02:00:23Z")),
)


def test_they_are_rendered_when_they_are_shown() -> None:
    assert render(FREE) == "NFS has 3.0 GiB free; the disks need 5.0 GiB."
    with in_spanish():
        spanish = render(FREE)
        assert "NFS" in spanish
        assert "3,0 GiB" in spanish
        assert "has" not in spanish
    assert render(FREE) == "NFS has 3.0 GiB free; the disks need 5.0 GiB."


def test_what_stands_in_fields_is_rendered_with_them() -> None:
    message = m_("{vm} cannot be migrated live: {reasons}.", vm="web", reasons=listed([m_("running"), m_("halted")]))
    assert render(message) == "web cannot be migrated live: running and halted."
    with in_spanish():
        assert " y " in render(message)
        assert "running" not in render(message)
    assert render(listed(["a", "b", "c", "d", "e"])) == "a, b, c and 2 more"
    assert render(mn_("{n} disk", "{n} disks", 1)) == "1 disk"
    assert render(mn_("{n} disk", "{n} disks", 2)) == "2 disks"
    assert render(sentences("", FREE, "")) == render(FREE)
    assert sentences() == ""


@pytest.mark.parametrize("text", EVERY, ids=str)
def test_they_survive_a_journal(text: Text) -> None:
    raw = msgspec.json.encode(text)
    found = msgspec.json.decode(raw, type=Text)
    assert found == text
    assert render(found) == render(text)
    assert hash(found) == hash(text)


def test_names_are_shown_and_never_obeyed() -> None:
    message = m_("{vm} is paused.", vm="a\n{vm}\x1b[31m")
    assert render(message) == "a␊{vm}␛[31m is paused."
    assert render(m_("{reason}", reason=OSError("line\nline"))) == "line line"
    assert len(render(m_("{vm}", vm="x" * 10_000))) == 2000


def test_sentences_of_error_codes_close_where_parameters_are_missing() -> None:
    assert render(coded("The server refused: {0}")) == "The server refused."
    assert render(coded("{0} is busy: {1} is running.", "web")) == "web is busy: – is running."
    assert coded("") == ""


def test_programs_read_pattern_and_fields() -> None:
    assert facts(FREE) == {
        "pattern": "{sr} has {free} free; the disks need {need}.",
        "fields": {"sr": "NFS", "free": 3 * GiB, "need": 5 * GiB},
    }
    assert facts(mn_("{n} disk", "{n} disks", 3)) == {"pattern": "{n} disk", "fields": {"n": 3}}
    assert facts(coded("{0} is busy.", "web")) == {"pattern": "{0} is busy.", "fields": {"0": "web"}}
    assert facts(sentences("a", listed(["b", "c"]))) == ["a", ["b", "c"]]
    assert facts(m_("{a}{b}{c}", a=Duration(2.0), b=Rate(3.0), c=Moment("t"))) == {
        "pattern": "{a}{b}{c}",
        "fields": {"a": 2.0, "b": 3.0, "c": "t"},
    }


def test_texts_inside_are_changed_and_patterns_stay() -> None:
    text = sentences(
        m_("secret {a} {n}", a=listed(["secret", "b"]), n=3), coded("secret {0}", "secret"), listed(["secret", "x"])
    )
    assert render(with_texts(text, lambda found: found.replace("secret", "…"))) == "secret … and b 3 secret … … and x"


def test_a_message_is_a_value() -> None:
    assert m_("{vm} is paused.", vm="web") == Message("{vm} is paused.", (("vm", "web"),))
    assert len({m_("{vm} is paused.", vm="web"), m_("{vm} is paused.", vm="web")}) == 1
