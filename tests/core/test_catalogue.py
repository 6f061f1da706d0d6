import json
import re
from pathlib import Path

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
    assert sentence(failure)[0] == "The host has 1.0 GiB of free memory; 4.0 GiB is needed."
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
    failure = ServerFailure("INTERNAL_ERROR", ("Something_else",))
    assert sentence(failure)[0] == "The server failed with an error of its own: Something_else"
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


def test_backend_failures_without_an_entry_tell_the_driver_s_words() -> None:
    failure = ServerFailure("SR_BACKEND_FAILURE_46", ("", "The VDI is not available", "EIO"))
    assert sentence(failure)[0] == "The driver of the SR failed: The VDI is not available"
    assert problem(failure, SUBJECT).page is Page.storage


@pytest.mark.parametrize(
    "failure",
    [
        ServerFailure("SR_BACKEND_FAILURE_46", ("", "The VDI is not available [opterr=VDI x already attached RW]", "")),
        ServerFailure(
            "INTERNAL_ERROR",
            (
                "Storage_error ([S(Backend_error);[S(SR_BACKEND_FAILURE_46);[S();"
                "S(The VDI is not available [opterr=VDI x already attached RW]);S()]]])",
            ),
        ),
    ],
)
def test_a_disk_that_a_host_still_holds(failure: ServerFailure) -> None:
    assert sentence(failure)[0] == "The SR cannot attach the disk: a host still holds it."
    assert problem(failure, SUBJECT).rule == "R69"


def test_image_formats_come_as_free_text() -> None:
    failure = ServerFailure("VDI_INCOMPATIBLE_TYPE", ("Image format qcow2 is not supported by x",))
    assert sentence(failure)[0] == "Image format qcow2 is not supported by x."
    assert problem(failure, SUBJECT).rule == "R62"
    assert problem(ServerFailure("VDI_INCOMPATIBLE_TYPE", ("OpaqueRef:1", "cbt_metadata")), SUBJECT).rule == "R61"


def test_the_roles_are_found_in_the_server_s_words() -> None:
    text = "No permission in user session. (Roles with this permission: pool-admin, vm-power-admin)"
    message, hint = sentence(ServerFailure("RBAC_PERMISSION_DENIED", ("vm.migrate_send", text)))
    assert message == "Your role does not allow vm.migrate_send."
    assert hint == "Log in as a user with one of these roles: pool-admin, vm-power-admin"
    assert sentence(ServerFailure("RBAC_PERMISSION_DENIED"))[0] == "Your role does not allow –."


def test_handles_of_objects_that_nobody_knows_are_not_shown() -> None:
    assert sentence(ServerFailure("SR_NOT_ATTACHED", ("OpaqueRef:1",)))[0] == "an unknown object is not attached."


OF_DRIVERS = ("SR_BACKEND_FAILURE_44",)
"""Codes that storage drivers make, of a prefix that xapi knows."""


def test_every_entry_is_of_a_code_that_servers_have() -> None:
    """As xapi 24.10 and 26.17 spell them (xapi-consts/api_errors.ml): a misspelt one would never be shown."""
    codes = set(json.loads((Path(__file__).parent / "api_errors.json").read_bytes()))
    assert len(codes) > 600
    assert sorted(set(ENTRIES) - codes - set(OF_DRIVERS)) == []


SHEET = Path(__file__).parents[3] / "shared" / "research" / "xapi.md"


@pytest.mark.shared
@pytest.mark.skipif(not SHEET.exists(), reason="lies beside the checkout")
def test_every_code_that_migration_can_raise_has_an_entry() -> None:
    """The codes that the sheet on the server names in the sections on moves; features of drivers look like codes."""
    text = SHEET.read_text(encoding="utf-8")
    sections = re.split(r"(?m)^## ", text)
    about = "".join(s for s in sections if s.startswith(("4.", "5.", "6.", "7.", "11.")))
    features = {"SNAPSHOT", "MIRROR", "MIRROR_IN", "CLONE", "CONFIG_CBT", "DELETE", "GENERATE_CONFIG", "UPDATE"}
    features |= {"RESET_ON_BOOT", "RESIZE", "RESIZE_ONLINE"}
    known = {"VM_MIGRATED", "SR_SOURCE_SPACE_INSUFFICIENT"} | {f"VDI_{feature}" for feature in features}
    codes = set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b", about)) - known
    assert codes
    assert {code for code in codes if not entry_for(ServerFailure(code))} == set()
