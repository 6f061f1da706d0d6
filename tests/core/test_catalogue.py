import re

import pytest

from tests.core.site import PoolBuilder
from xsmigui.core.catalogue import ENTRIES, INSIDE, entry_for, named, problem, sentence
from xsmigui.core.failures import (
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ServerFailure,
    SessionLost,
    Unreachable,
)
from xsmigui.core.problems import Page, Severity, Subject
from xsmigui.core.units import GiB

SUBJECT = Subject("VM", "u", "web")
RULES = re.compile(r"R\d\d")


@pytest.mark.parametrize("code", ENTRIES)
@pytest.mark.parametrize("params", [(), ("a",), tuple("abcdefghij")], ids=["none", "one", "many"])
def test_every_entry_can_be_said(code: str, params: tuple[str, ...]) -> None:
    message, hint = sentence(ServerFailure(code, params))
    assert message
    assert not re.search(r"[{}]", message + hint)
    assert not message.endswith("!")


@pytest.mark.parametrize("code", ENTRIES)
def test_every_entry_is_a_sentence_about_something(code: str) -> None:
    entry = ENTRIES[code]
    assert entry.message[0].isupper() or entry.message[0] == "{"
    assert entry.message.rstrip("”").endswith((".", "}"))
    assert entry.hint == "" or entry.hint.endswith((".", "}"))
    assert entry.rule == "" or RULES.fullmatch(entry.rule)


def test_parameters_become_names() -> None:
    pool = PoolBuilder()
    host = pool.host("m1")
    inventory = pool.inventory()
    assert named([host, "text"], [inventory]) == ["m1", "text"]
    assert sentence(ServerFailure("HOST_DISABLED", (host,)), inventory)[0] == "m1 is in maintenance mode."


def test_sizes_are_said_in_units() -> None:
    failure = ServerFailure("HOST_NOT_ENOUGH_FREE_MEMORY", (str(4 * GiB), str(GiB)))
    assert sentence(failure)[0] == "The host has 1.0 GiB of memory free; 4.0 GiB is needed."
    assert sentence(ServerFailure("SR_FULL", (str(GiB), "?")))[0] == "The SR is full: 1.0 GiB needed, ? at most."


def test_evacuation_names_the_vm_instead_of_sizes() -> None:
    assert (
        sentence(ServerFailure("HOST_NOT_ENOUGH_FREE_MEMORY", ("web",)))[0] == "No host has enough free memory for web."
    )


@pytest.mark.parametrize(("mark", "code"), INSIDE)
def test_storage_errors_are_found_inside_internal_errors(mark: str, code: str) -> None:
    failure = ServerFailure("INTERNAL_ERROR", (f"Storage_error ([S(x);S({mark}: y)])",))
    entry = entry_for(failure)
    assert entry is not None
    assert entry.rule == ("R51" if "SOURCE" in code else "R50")


def test_other_internal_errors_are_shown_whole() -> None:
    failure = ServerFailure("INTERNAL_ERROR", ("Not_found",))
    assert sentence(failure) == ("The server refused: INTERNAL_ERROR(Not_found)", "")
    assert sentence(ServerFailure("SOMETHING_NEW"))[0] == "The server refused: SOMETHING_NEW"


@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("https://h", "refused"),
        NotSpeaking("https://h", 404),
        CertificateUnknown("https://h", "AA"),
        CertificateChanged("https://h", "AA", "BB"),
        SessionLost("https://h"),
    ],
)
def test_the_wire_s_failures_name_the_server_and_say_what_to_do(failure: Exception) -> None:
    message, hint = sentence(failure)
    assert "https://h" in message
    assert hint.endswith(".")


def test_anything_else_says_something() -> None:
    assert sentence(ValueError("odd")) == ("odd", "")
    assert sentence(ValueError()) == ("ValueError", "")


def test_a_refusal_becomes_a_problem_of_its_rule() -> None:
    found = problem(ServerFailure("VDI_CBT_ENABLED", ("disk",)), SUBJECT)
    assert (found.rule, found.page, found.severity, found.source) == ("R53", Page.storage, Severity.block, "server")
    assert found.raw == "VDI_CBT_ENABLED(disk)"
    other = problem(Unreachable("https://h", "refused"), SUBJECT, page=Page.destination)
    assert (other.rule, other.page, other.raw) == ("R05", Page.destination, "https://h: refused")
    assert problem(ServerFailure("SOMETHING_NEW"), SUBJECT).page is Page.summary
