"""Secrets that servers repeat in their errors, and what is left of the rest."""

import pytest

from tests.core.site import PoolBuilder
from xsmigui.core.catalogue import problem, raw, sentence
from xsmigui.core.failures import NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.problems import Subject
from xsmigui.core.redaction import redacted
from xsmigui.xapi import limits

SESSION = "OpaqueRef:0b1c2d3e-1111-2222-3333-444455556666"
SUBJECT = Subject("VM", "u", "web")


@pytest.mark.parametrize(
    "failure",
    [
        ServerFailure("HANDLE_INVALID", ("session", SESSION)),
        ServerFailure(
            "INTERNAL_ERROR", (f"Http_client.Http_error(https://10.0.0.1/services/SM?session_id={SESSION})",)
        ),
        ServerFailure("INTERNAL_ERROR", (f'{{"session_id":"{SESSION}","x":"y"}}',)),
        ServerFailure("NOBODY_KNOWS_THIS", (SESSION, f"x {SESSION} y")),
        ServerFailure("VM_MIGRATE_FAILED", ("a", "b", "c", f"({SESSION})")),
        ServerFailure("SR_BACKEND_FAILURE_46", ("", f"session {SESSION}", "")),
        ServerFailure(SESSION, ()),
        ServerFailure("OPERATION_NOT_ALLOWED", ("password=0b1c2d3e",)),
        NotSpeaking("https://h", 500, f"no {SESSION}"),
        Unreachable("https://h", f"closed by {SESSION}"),
    ],
    ids=str,
)
def test_a_session_that_a_server_repeats_is_in_no_text(failure: Exception) -> None:
    """Nothing of this run knows the session: as after a restart."""
    inventory = PoolBuilder().inventory()
    found = problem(failure, SUBJECT, inventory)
    for text in (*sentence(failure, inventory), *sentence(failure), found.message, found.hint, found.raw):
        assert "0b1c2d3e" not in text, text


def test_references_of_known_objects_stay_in_the_raw_error() -> None:
    pool = PoolBuilder()
    host = pool.host("m1")
    failure = ServerFailure("HOST_DISABLED", (host, f"see {host} and {SESSION}"))
    assert raw(failure, pool.inventory()) == f"HOST_DISABLED({host}, see {host} and OpaqueRef:…)"


def test_the_null_reference_is_no_secret() -> None:
    assert redacted("OpaqueRef:NULL, OpaqueRef:NULL") == "OpaqueRef:NULL, OpaqueRef:NULL"


ODD = ("\x1b[2J\x07", "a\r\nb\x85c", "\u202eabc", "x" * limits.PARAMETER, "\ud800")


@pytest.mark.parametrize("param", ODD, ids=["terminal", "lines", "direction", "long", "half"])
@pytest.mark.parametrize("code", ["INTERNAL_ERROR", "HOST_OFFLINE", "UNKNOWN_CODE", "SR_BACKEND_FAILURE_999"])
def test_sentences_are_printable_and_of_bounded_length(code: str, param: str) -> None:
    failure = ServerFailure(code, (param,) * 3)
    found = problem(failure, SUBJECT)
    for text in (found.message, found.hint, found.raw, str(failure)):
        assert text.isprintable()
        assert len(text) < 5000


def test_line_breaks_of_a_library_are_no_part_of_a_sentence() -> None:
    failure = Unreachable("https://h", "400, message:\n  Invalid header:\n\n    b'x'\n      ^")
    assert "\n" not in sentence(failure)[0]
    assert "␊" not in sentence(ValueError("a\n  b"))[0]
