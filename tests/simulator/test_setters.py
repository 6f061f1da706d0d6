"""Every call that writes a field, of every class and of two releases: wrong types, references to nothing, roles,
what arrives in record and event, sets and maps, texts that cannot be kept, fields that are only read.

From xapi: ocaml/idl/ocaml_backend/gen_server.ml (parameters, then the session, then the role, then the call),
gen_db_actions.ml and ocaml/database/db_cache_impl.ml (what the database does). What single calls look at is in
`test_setter_values`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.simulator.inside import Client, clients, watching
from tests.simulator.test_schema_walk import has_rows
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.schema import Message

STALE: Final = "OpaqueRef:11111111-2222-3333-4444-555555555555"
VERBS: Final = {"set", "add", "remove"}
INVALID_TEXT: Final = ["INTERNAL_ERROR", "Xapi_database.Db_exn.Invalid_value"]
EMPTY_KEY: Final = ["INTERNAL_ERROR", "Xapi_database.Db_exn.Empty_key_in_map"]


@pytest.fixture(params=["Current 8.4", "New 9"])
async def one(request: pytest.FixtureRequest) -> Client:
    pools = {c.pool.name: c for c in await clients("mixed-versions")}
    watching.clear()  # what is written here makes no sense
    return pools[request.param]


def setters(one: Client, *, plain: bool = False) -> Iterator[Message]:
    """Those that clients may call; with `plain` those that only the database carries out."""
    for described in one.pool.schema.classes.values():
        for message in described.messages.values():
            wanted = message.implicit and message.full != "VM.set_is_a_template" if plain else not message.internal
            if wanted and message.name.partition("_")[0] in VERBS and not message.removed:
                yield message


def row_of(one: Client, cls: str) -> str:
    return one.session if cls == "session" else next(iter(one.pool.db.table(cls)), "") or one.pool.db.create(cls, {})


def empty(word: str) -> Any:
    if word.endswith((" set", "option")):
        return []
    return {"int": 0, "bool": False, "float": 0.0, "datetime": "20250101T00:00:00Z"}.get(
        word, {} if "map" in word else ""
    )


def values(one: Client, message: Message) -> list[Any]:
    """Of the right types, after the reference."""
    enums = one.pool.schema.enums
    found = []
    for param in message.params[1:]:
        word = param.type.word
        found.append(enums[word[5:]][0] if word.startswith("enum ") and not word.endswith("set") else empty(word))
    return found


async def told(one: Client, method: str, *params: Any) -> list[str]:
    try:
        await one(method, *params)
    except Failure as failure:
        return failure.description
    return []


# -- types -------------------------------------------------------------------------------------------------------------


def of_wrong_type(word: str) -> list[tuple[Any, str]]:
    """Values of another type, and what rpclib says of them."""
    if word.endswith((" set", " option")):
        inner = of_wrong_type(word.rpartition(" ")[0])
        return [("x", "Expected list, got 'S(x)'"), *(([value], text) for value, text in inner)]
    if word.endswith(" map"):
        _, _, item = word[1 : -len(") map")].partition(" -> ")
        key = "start" if word.startswith("(enum vm_operations") else "1"
        inner = of_wrong_type(item)
        return [("x", "Expected dictionary, got 'S(x)'"), *(({key: value}, text) for value, text in inner)]
    if word == "enum bond_mode":
        return [("no such", "Unmarshalling error in bond-mode")]
    if word.startswith("enum "):
        return [("no such", "Unknown tag/contents")]
    known: dict[str, list[tuple[Any, str]]] = {
        "int": [("x", "Int64.of_string"), (True, "Expected int64, got 'B(true)'"), (" 5", "Int64.of_string"),
                ("9223372036854775808", "Int64.of_string")],
        "bool": [(1, "Expected bool, got 'I(1)'"), ("true", "Expected bool, got 'S(true)'")],
        "float": [(True, "Expected float, got 'B(true)'"), ("x", "float_of_string")],
        "datetime": [(5, "Expected string, got 'I(5)'")],
    }  # fmt: skip
    return known.get(word, [(5, "Expected string, got 'I(5)'"), (None, "Expected string, got 'N'")])


async def test_every_parameter_of_a_wrong_type(one: Client) -> None:
    wrong: list[Any] = []
    for message in setters(one):
        ref = row_of(one, message.cls)
        good = [ref, *values(one, message)]
        for place, param in enumerate(message.params):
            for value, text in of_wrong_type(param.type.word):
                given = [*good[:place], value, *good[place + 1 :]]
                answer = await told(one, message.full, *given[: len(message.params)])
                if answer != ["INTERNAL_ERROR", f'Failure("{text}")']:
                    wrong.append((message.full, value, answer))
    assert wrong == []


DATES: Final = {
    "20250203T04:05:06Z": "20250203T04:05:06Z", "2025-02-03T04:05:06Z": "20250203T04:05:06Z",
    "2025-02-03T04:05:06.75Z": "20250203T04:05:06Z", "20250203T04:05:06": "20250203T04:05:06",
    "20250203T04:05:06+00:00": "20250203T04:05:06Z",
    "2025-02-03T04:05:06-12:00": "20250203T04:05:06-12:00", "yesterday": "", "20251303T04:05:06Z": "", "2025-02-03": "",
    "20250203T24:05:06Z": "",
}  # fmt: skip


async def test_dates(one: Client) -> None:
    """Dashes and fractions go, a zone stays (ocaml/libs/clock/date.ml)."""
    function = "Clock__Date" if one.pool.profile.at_least("24.30.0") else "Xapi_stdext_date__Date"
    ref = row_of(one, "VMSS")
    for given, kept in DATES.items():
        answer = await told(one, "VMSS.set_last_run_time", ref, given)
        assert answer == ([] if kept else ["INTERNAL_ERROR", f"Invalid argument: {function}.of_iso8601: {given}"])
        if kept:
            assert await one("VMSS.get_last_run_time", ref) == kept


# -- references --------------------------------------------------------------------------------------------------------

_ON_A_HOST: Final = """set_timezone set_ntp_custom_servers set_ntp_mode set_max_cstate set_ssh_auto_mode
set_console_idle_timeout set_ssh_enabled_timeout set_https_only set_numa_affinity_policy set_sched_gran set_multipathing
set_iscsi_iqn set_hostname_live"""
ON_A_HOST: Final = {f"host.{name}" for name in _ON_A_HOST.split()}
"""Carried out there: whether it lives is asked first, and one that does not exist counts as offline
(message_forwarding.ml, check_live)."""
_OF_WHATEVER_POOL: Final = """set_ssh_auto_mode set_console_idle_timeout set_ssh_enabled_timeout set_https_only
set_ext_auth_max_threads set_local_auth_max_threads"""
OF_ANYTHING: Final = {f"pool.{name}" for name in _OF_WHATEVER_POOL.split()} | {"host.set_ssl_legacy"}
"""The reference is not looked at, and the call goes through (xapi_pool.ml, xapi_host.ml)."""
VALUE_FIRST: Final = {
    "pool.set_ext_auth_cache_expiry": ["INVALID_VALUE", "expiry", "0"],
    "pool.set_custom_uefi_certificates": ["OPERATION_NOT_ALLOWED",
        "Setting UEFI certificates is not possible when allow_custom_uefi_certs is false"],
    "pool.set_uefi_certificates": ["OPERATION_NOT_ALLOWED",
        "Setting UEFI certificates is deprecated, please use `set_custom_uefi_certificates`"],
    "pool.add_to_guest_agent_config": ["INVALID_VALUE", "guest_agent_config", " = "],
    "host.set_uefi_certificates": ["OPERATION_NOT_ALLOWED",
        "To set UEFI certificates use: `Pool.set_custom_uefi_certificates`"],
    "VMSS.set_retained_snapshots": ["INVALID_VALUE", "retained_snapshots", "0"],
    "Caller.add_group": ["INVALID_VALUE", "group", "empty group name"],
    "Rate_limit.add_caller": ["HANDLE_INVALID", "Caller", ""],
    "Rate_limit.remove_caller": ["HANDLE_INVALID", "Caller", ""],
}  # fmt: skip
"""These look at the value before anything else."""


@pytest.mark.parametrize("ref", [NULL, STALE, "", "no reference at all"])
async def test_every_reference_to_nothing(one: Client, ref: str) -> None:
    wrong: list[Any] = []
    for message in setters(one):
        if message.full == "pool.set_vswitch_controller":
            continue  # of the pool, which is not named
        answer = await told(one, message.full, ref, *values(one, message))
        due = VALUE_FIRST.get(message.full, ["HANDLE_INVALID", message.cls, ref])
        if message.full in ON_A_HOST:
            due = ["HOST_OFFLINE", ref]
        elif message.full in OF_ANYTHING:
            due = []
        if answer != due:
            wrong.append((message.full, answer))
    assert wrong == []


async def test_every_reference_to_something_of_another_class(one: Client) -> None:
    network, vm = row_of(one, "network"), row_of(one, "VM")
    wrong: list[Any] = []
    apart = {*ON_A_HOST, *OF_ANYTHING, *VALUE_FIRST, "pool.set_vswitch_controller"}
    for message in setters(one):
        if message.full in apart or message.cls == "session":
            continue
        other = vm if message.cls == "network" else network
        answer = await told(one, message.full, other, *values(one, message))
        if answer != ["HANDLE_INVALID", message.cls, other]:
            wrong.append((message.full, answer))
    assert wrong == []


# -- roles -------------------------------------------------------------------------------------------------------------

ROLES: Final = ("pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only")
IN_ORDER: Final = (*ROLES[:-1], "client-cert", "read-only")


@pytest.mark.parametrize("role", ROLES)
async def test_every_role(one: Client, role: str) -> None:
    """The least role that is named may, and who may not hears which would, before anything is looked at (rbac.ml)."""
    one.pool.account("ana", "pw", role)
    ana = Client(one.pool)
    ana.session = await ana.raw("session.login_with_password", "ana", "pw", "1", "t")
    wrong: list[Any] = []
    for message in setters(one):
        if message.cls == "task":
            continue  # what one has begun is one's own
        answer = await told(ana, message.full, STALE, *values(one, message))
        able = ", ".join(name for name in IN_ORDER if name in message.roles)
        text = f"No permission in user session. (Roles with this permission: {able})"
        refused = ["RBAC_PERMISSION_DENIED", message.full.lower(), text]
        if (answer == refused) == (role in message.roles):
            wrong.append((message.full, sorted(message.roles), answer))
    assert wrong == []


# -- what is written ---------------------------------------------------------------------------------------------------


def another(one: Client, word: str, present: Any) -> Any:
    if word.startswith("enum ") and not word.endswith(" set"):
        names = one.pool.schema.enums[word[5:]]
        return next((name for name in reversed(names) if name != present), present)
    if word.endswith(" ref"):
        return STALE  # nobody looks whether it exists
    if word.endswith(" map"):
        return {"start" if "enum" in word else "walk": "1"}
    return {
        "string": "walk", "int": 7, "bool": present is not True, "float": 0.25, "datetime": "20250203T04:05:06Z",
        "string set": ["walk"],
    }.get(word, present)  # fmt: skip


async def test_every_plain_field_arrives_in_record_and_event(one: Client) -> None:
    """Once: writing what is there sends no event (db_cache_impl.ml, write_field_locked)."""
    wrong: list[Any] = []
    written = 0
    for message in list(setters(one, plain=True)):
        verb, _, field = message.name.partition("_")
        cls = message.cls
        if verb != "set" or not has_rows(cls):
            continue
        ref = row_of(one, cls)
        value = another(one, message.params[1].type.word, one.pool.db.get(cls, ref, field))
        token = (await one("event.from", [cls], "", 0.0))["token"]
        await one(message.full, ref, value)
        batch = await one("event.from", [cls], token, 0.0)
        events = [e for e in batch["events"] if e["ref"] == ref]
        there = [e["snapshot"][field] for e in events if e["operation"] == "mod"]
        if (await one(f"{cls}.get_record", ref))[field] != value or there != [value]:
            wrong.append((message.full, value, there))
        await one(message.full, ref, value)
        again = await one("event.from", [cls], batch["token"], 0.0)
        wrong += [(message.full, "again")] if [e for e in again["events"] if e["ref"] == ref] else []
        written += 1
    assert wrong == []
    assert written > 90


async def test_every_map_that_only_the_database_keeps(one: Client) -> None:
    wrong: list[Any] = []
    seen = 0
    db = one.pool.db
    for message in list(setters(one, plain=True)):
        cls, field = message.cls, message.name.removeprefix("add_to_")
        if field == message.name or message.params[1].type.word != "string":
            continue
        ref = row_of(one, cls)
        if f"set_{field}" in one.pool.schema.classes[cls].messages:
            await one(f"{cls}.set_{field}", ref, {"there": "1"})
        seen += 1
        for params, answer, kept in (
            (("walk", "1"), [], "1"), (("walk", "2"), ["MAP_DUPLICATE_KEY", cls, field, ref, "walk"], "1"),
            (("walk", "1"), ["MAP_DUPLICATE_KEY", cls, field, ref, "walk"], "1"),
            (("", "1"), EMPTY_KEY, "1"), (("\x01", "1"), EMPTY_KEY, "1"),
        ):  # fmt: skip
            given = await told(one, message.full, ref, *params)
            wrong += (
                [(message.full, params, given)] if (given, db.get(cls, ref, field)["walk"]) != (answer, kept) else []
            )
        await one(message.full, ref, "cut\x02off", "as far as\x1fhere")  # process_structured_field cuts the text
        await one(f"{cls}.remove_from_{field}", ref, "walk")
        await one(f"{cls}.remove_from_{field}", ref, "never there")
        left = {k: v for k, v in db.get(cls, ref, field).items() if k in {"walk", "cut", "cut\x02off"}}
        wrong += [(message.full, (), [str(left)])] if left != {"cut": "as far as"} else []
    assert wrong == []
    assert seen > 40


async def test_every_set_that_only_the_database_keeps(one: Client) -> None:
    """At the head; a second time nothing changes, and no event is sent (db_cache_types.ml, add_to_set)."""
    seen = 0
    for message in list(setters(one, plain=True)):
        verb, _, field = message.name.partition("_")
        cls = message.cls
        if verb != "add" or field.startswith("to_"):
            continue
        ref = row_of(one, cls)
        await one(f"{cls}.set_{field}", ref, ["b", "a"])
        token = (await one("event.from", [cls], "", 0.0))["token"]
        await one(message.full, ref, "b")
        assert not (await one("event.from", [cls], token, 0.0))["events"], message.full
        await one(message.full, ref, "c\x0bd")
        assert await one(f"{cls}.get_{field}", ref) == ["c", "b", "a"]
        for gone in ("b", "b", "never there"):
            await one(f"{cls}.remove_{field}", ref, gone)
        assert await one(f"{cls}.get_{field}", ref) == ["c", "a"]
        seen += 1
    assert seen == 6  # tags of pool, VM, host, network, SR and VDI


async def test_texts_that_xml_cannot_hold(one: Client) -> None:
    """Refused as a whole; inside sets and maps since 25.31 (write_field). A new row gets what can be kept."""
    for message in list(setters(one, plain=True)):
        word = message.params[-1].type.word
        bad = {"string": "a\x00", "string set": ["a\x08"], "(string -> string) map": {"k": "\x1b[2J"}}.get(word)
        if not message.name.startswith("set_") or bad is None:
            continue
        answer = await told(one, message.full, row_of(one, message.cls), bad)
        kept = word != "string" and not one.pool.profile.at_least("25.31.0")
        assert (message.full, answer) == (message.full, [] if kept else INVALID_TEXT)
        for good in ("tab\t", "line\nline\r", "\x7f", "\u0085 \U0001f600"):
            text = {"string set": [good], "(string -> string) map": {"k": good}}.get(word, good)
            assert await told(one, message.full, row_of(one, message.cls), text) == []
    network = await one("network.create", {"name_label": "cut\x01off", "other_config": {}, "MTU": 1500})
    assert await one("network.get_name_label", network) == "cut"


async def test_what_is_only_read_has_no_setter(one: Client) -> None:
    """Static and dynamic fields, and those that the constructor alone gets: the call does not exist."""
    asked = 0
    for cls, described in one.pool.schema.classes.items():
        for field in described.fields:
            for name in (f"set_{field}", f"add_to_{field}", f"remove_from_{field}", f"add_{field}", f"remove_{field}"):
                if name not in described.messages and name in {f"set_{field}", f"add_to_{field}"}:
                    answer = await told(one, f"{cls}.{name}", "OpaqueRef:none", "x")
                    assert answer == ["MESSAGE_METHOD_UNKNOWN", f"{cls}.{name}"]
                    asked += 1
    assert asked > 500
