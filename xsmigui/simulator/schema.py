"""The API's schema: classes, fields, calls and roles of a release, from `resources/xenapi*.json`.

Two files hold what xapi 24.10.0 and 26.17.0 say of themselves. Releases up to 24.10 are the first without what came
later than they, releases after it are the second likewise; `xenapi-since.json` says what came when (the datamodel's
`lifecycle`; where it is silent, the first tag of xapi whose datamodel has it). What the files cannot say stands here:
which fields are two ends of one relation, which calls have no asynchronous form, which classes send no events.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from xsmigui.simulator.hidden import FOR_CLIENTS, FOR_SERVERS
from xsmigui.simulator.types import Type, Value, parse_type

# xapi idl/datamodel.ml, all_relations: (class, field with one reference) ↔ (class, field with the set)
ONE_TO_MANY: tuple[tuple[str, str, str, str], ...] = (
    ("VBD", "VM", "VM", "VBDs"), ("VBD", "VDI", "VDI", "VBDs"), ("crashdump", "VM", "VM", "crash_dumps"),
    ("crashdump", "VDI", "VDI", "crash_dumps"), ("VIF", "VM", "VM", "VIFs"), ("VIF", "network", "network", "VIFs"),
    ("VM", "snapshot_of", "VM", "snapshots"), ("VM", "parent", "VM", "children"),
    ("VM", "resident_on", "host", "resident_VMs"), ("VM", "appliance", "VM_appliance", "VMs"),
    ("VM", "protection_policy", "VMPP", "VMs"), ("VM", "snapshot_schedule", "VMSS", "VMs"),
    ("VDI", "SR", "SR", "VDIs"), ("VDI", "snapshot_of", "VDI", "snapshots"), ("PBD", "host", "host", "PBDs"),
    ("PBD", "SR", "SR", "PBDs"), ("PIF", "host", "host", "PIFs"), ("PIF", "network", "network", "PIFs"),
    ("PIF", "bond_slave_of", "Bond", "slaves"), ("Bond", "master", "PIF", "bond_master_of"),
    ("VLAN", "tagged_PIF", "PIF", "VLAN_slave_of"), ("tunnel", "access_PIF", "PIF", "tunnel_access_PIF_of"),
    ("tunnel", "transport_PIF", "PIF", "tunnel_transport_PIF_of"),
    ("network_sriov", "physical_PIF", "PIF", "sriov_physical_PIF_of"),
    ("network_sriov", "logical_PIF", "PIF", "sriov_logical_PIF_of"), ("console", "VM", "VM", "consoles"),
    ("VTPM", "VM", "VM", "VTPMs"), ("VGPU", "VM", "VM", "VGPUs"), ("VUSB", "VM", "VM", "VUSBs"),
    ("host_cpu", "host", "host", "host_CPUs"), ("host_crashdump", "host", "host", "crashdumps"),
    ("host_patch", "host", "host", "patches"), ("host_patch", "pool_patch", "pool_patch", "host_patches"),
    ("PCI", "host", "host", "PCIs"), ("PGPU", "host", "host", "PGPUs"), ("PGPU", "GPU_group", "GPU_group", "PGPUs"),
    ("VGPU", "GPU_group", "GPU_group", "VGPUs"), ("VGPU", "resident_on", "PGPU", "resident_VGPUs"),
    ("VGPU", "type", "VGPU_type", "VGPUs"), ("task", "subtask_of", "task", "subtasks"),
    ("SR", "introduced_by", "DR_task", "introduced_SRs"), ("Feature", "host", "host", "features"),
    ("PUSB", "host", "host", "PUSBs"), ("PUSB", "USB_group", "USB_group", "PUSBs"),
    ("VUSB", "USB_group", "USB_group", "VUSBs"), ("PVS_server", "site", "PVS_site", "servers"),
    ("PVS_proxy", "site", "PVS_site", "proxies"), ("PVS_cache_storage", "site", "PVS_site", "cache_storage"),
    ("Cluster_host", "cluster", "Cluster", "cluster_hosts"), ("Certificate", "host", "host", "certificates"),
    ("Driver_variant", "driver", "Host_driver", "variants"), ("Caller", "rate_limit", "Rate_limit", "callers"),
)  # fmt: skip
MANY_TO_MANY: tuple[tuple[str, str, str, str], ...] = (
    ("PCI", "attached_VMs", "VM", "attached_PCIs"), ("host", "updates", "pool_update", "hosts"),
    ("PGPU", "enabled_VGPU_types", "VGPU_type", "enabled_on_PGPUs"),
    ("PGPU", "supported_VGPU_types", "VGPU_type", "supported_on_PGPUs"), ("VM_group", "VMs", "VM", "groups"),
)  # fmt: skip

# Classes that exist as words of the API but never as rows with events (datamodel: gen_events false, pure structs).
EVENTLESS = frozenset({
    "session", "secret", "user", "auth", "event", "data_source", "diagnostics", "sr_stat", "probe_result",
    "vdi_nbd_server_info", "message",
})  # fmt: skip
NO_ASYNC = frozenset({"session", "event", "task", "data_source", "blob"})

Release = tuple[int, ...]


def release(text: str) -> Release:
    """`25.30.0.6.gb239` → (25, 30, 0, 6): numbers before the first `-`, text parts dropped (xapi helpers.ml)."""
    return tuple(int(part) for part in text.split("-")[0].split(".") if part.isdigit())


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: Type
    qualifier: str
    default: Value
    mandatory: bool  # a constructor must be given it


@dataclass(frozen=True, slots=True)
class Param:
    name: str
    type: Type
    default: Value = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A call `cls.name`; `params` are those after the session."""

    cls: str
    name: str
    result: Type
    params: tuple[Param, ...]
    roles: frozenset[str]
    implicit: bool
    needs_session: bool = True
    removed: bool = False  # known, and answered MESSAGE_REMOVED
    internal: bool = False  # for other servers of the pool only

    @property
    def full(self) -> str:
        return f"{self.cls}.{self.name}"

    @property
    def required(self) -> int:
        return sum(not p.optional for p in self.params)

    @property
    def asynchronous(self) -> bool:
        """Field accessors and a few classes have no Async form (xapi idl/datamodel.ml, `flags`)."""
        if self.cls in NO_ASYNC:
            return False
        return not self.implicit or self.name in {"create", "destroy"}


@dataclass(frozen=True, slots=True)
class Class:
    name: str
    fields: dict[str, Field]
    messages: dict[str, Message]
    defaults: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything one release of xapi knows of its own API."""

    release: Release
    classes: dict[str, Class]
    roles: tuple[str, ...]
    enums: dict[str, list[str]]
    hidden: dict[str, frozenset[str]] = field(default_factory=dict)  # fields that clients of an old release don't see
    absent: frozenset[str] = frozenset()  # classes that an old release does not have

    @property
    def syntax_error(self) -> str:
        """What is thrown at an expression that cannot be read: by ocamlyacc's parser, by Menhir's since 24.17."""
        menhir = "Xapi_database.Db_filter_parse.MenhirBasics.Error"
        return menhir if self.release >= (24, 17) else "Stdlib.Parsing.Parse_error"

    def message(self, method: str) -> Message | None:
        """`VM.get_record`, or the accepted alias `VM_get_record`; None if there is no such call."""
        cls, dot, name = method.partition(".")
        if not dot:
            found = [c for c in self.classes if method.startswith(f"{c}_")]
            if not found:
                return None
            cls = max(found, key=len)
            name = method[len(cls) + 1 :]
        described = self.classes.get(cls)
        return described.messages.get(name) if described else None


def resource(name: str) -> Path:
    """A file of the project's resources, in the checkout or inside the installed package."""
    here = Path(__file__).parents
    return next(p for p in (here[1] / "resources" / name, here[2] / "resources" / name) if p.exists())


_BASES: tuple[tuple[Release, str], ...] = (((24, 11), "xenapi-26.17.json"), ((0,), "xenapi.json"))


@functools.cache
def _facts(name: str) -> dict[str, Any]:
    return msgspec.json.decode(resource(name).read_bytes())  # type: ignore[no-any-return]


@functools.cache
def _history() -> dict[str, dict[str, Any]]:
    """`xenapi-since.json`: since, params, changed, values, removed."""
    return msgspec.json.decode(resource("xenapi-since.json").read_bytes())  # type: ignore[no-any-return]


@functools.cache
def schema(version: Release = (24, 10, 0)) -> Schema:
    """The schema of a release."""
    base = next(name for first, name in _BASES if version >= first)
    facts = _facts(base)
    enums = _enums(facts["enums"], version)
    roles: list[str] = facts["roles"]
    classes = {}
    for name, described in facts["classes"].items():
        rows = _rows(name, "fields", described["fields"], version)
        fields = {row[0]: _field(row, enums) for row in rows}
        calls = _rows(name, "messages", described["messages"], version)
        messages = {row[0]: _message(name, row, enums, roles, version) for row in calls}
        messages |= _left_out(name, enums)
        _by_expression(messages, name, enums, version)
        classes[name] = Class(name, fields, messages, {f.name: f.default for f in fields.values()})
    hidden, absent = _as_it_was(classes, version)
    return Schema(version, classes, tuple(roles), enums, hidden, absent)


def _rows(cls: str, kind: str, rows: list[list[Any]], version: Release) -> list[list[Any]]:
    """Fields or calls of a class; those that were changed later than this release are as 24.10 had them."""
    changed = _history()["changed"].get(cls, {}).get(kind, {})
    later = {name for name, first in changed.items() if release(first) > version}
    if not later:
        return rows
    before = {row[0]: row for row in _facts("xenapi.json")["classes"][cls][kind]}
    return [before[row[0]] if row[0] in later else row for row in rows]


def _enums(words: dict[str, list[str]], version: Release) -> dict[str, list[str]]:
    later = {
        (name, value)
        for name, values in _history()["values"].items()
        for value, first in values.items()
        if release(first) > version
    }
    return {name: [v for v in values if (name, v) not in later] for name, values in words.items()} | {
        name: values for name, values in _facts("xenapi.json")["enums"].items() if name not in words
    }


def _by_expression(messages: dict[str, Message], cls: str, enums: dict[str, list[str]], version: Release) -> None:
    """Classes with get_all have two calls that the published schema leaves out (datamodel_utils.ml, messages_of_obj):
    get_all_records_where, and since 24.20 get_all_where."""
    whole = messages.get("get_all_records")
    if whole is None:
        return
    expression = (Param("expr", parse_type("string", enums)),)
    messages["get_all_records_where"] = replace(whole, name="get_all_records_where", params=expression)
    every = messages.get("get_all")
    if every is not None and cls != "message" and version >= (24, 20):
        messages["get_all_where"] = replace(every, name="get_all_where", params=expression)


def _as_it_was(classes: dict[str, Class], version: Release) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    """Takes away the calls that an old release does not know; returns the fields and classes that it lacks.

    The tables keep them, for the simulator's own use: they only never reach a client.
    """
    hidden: dict[str, frozenset[str]] = {}
    absent = set()
    for name, told in _history()["since"].items():
        if name not in classes:
            continue
        described = classes[name]
        if release(told.get("class", "")) > version:
            absent.add(name)
            classes[name] = replace(described, messages={})
            continue
        gone = frozenset(f for f, first in told.get("fields", {}).items() if release(first) > version)
        calls = {m for m, first in told.get("messages", {}).items() if release(first) > version}
        calls |= {f"{verb}_{f}" for f in gone for verb in ("get", "set", "add", "remove", "add_to", "remove_from")}
        classes[name] = replace(described, messages={n: m for n, m in described.messages.items() if n not in calls})
        if gone:
            hidden[name] = gone
    return hidden, frozenset(absent)


def _left_out(cls: str, enums: dict[str, list[str]]) -> dict[str, Message]:
    """What the published files do not say."""
    found = {}
    for owner, name, result, params, least in FOR_CLIENTS:
        if owner == cls:
            parts = [p.partition(": ") for p in params]
            own = tuple(Param(p, parse_type(t, enums)) for p, _, t in parts)
            found[name] = Message(cls, name, parse_type(result, enums), own, frozenset(_at_least(least)), False)
    for owner, name, types in FOR_SERVERS:
        if owner == cls:
            words = types.split(", ") if types else []
            own = tuple(Param(f"p{n}", parse_type(t, enums)) for n, t in enumerate(words))
            who = frozenset({"pool-admin"})
            found[name] = Message(cls, name, parse_type("void", enums), own, who, False, internal=True)
    return found


def _at_least(role: str) -> list[str]:
    """A role and those above it."""
    order = ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"]
    return order[: order.index(role) + 1]


def _field(row: list[str], enums: dict[str, list[str]]) -> Field:
    name, word, qualifier = row[:3]
    kind = parse_type(word, enums)
    default = _default(row[3], kind) if len(row) > 3 else kind.default
    # Fields without a default have been there from the start: constructors insist on them.
    return Field(name, kind, qualifier, default, len(row) == 3 and qualifier != "RO/runtime")


_PAIR = re.compile(r'"([^"]*)" -> "([^"]*)"')


def _default(text: str, kind: Type) -> Value:
    """The schema writes `""`, `0.`, `Null`, `{}`, `{0}`, `{"k" -> "v"}` or a bare word."""
    if text.startswith("{"):
        if isinstance(kind.default, dict):
            return dict(_PAIR.findall(text))
        return [kind.item.parse(t) for t in text[1:-1].split(";") if t]  # type: ignore[attr-defined]
    if text == "Null":
        return kind.default
    return kind.parse(text.strip('"'))


def _message(cls: str, row: list[Any], enums: dict[str, list[str]], roles: list[str], version: Release) -> Message:
    name, result, params, mask, implicit = row[:5]
    with_session = bool(params) and params[0][1] == "session ref" and params[0][0] == "session_id"
    later = _history()["params"].get(f"{cls}.{name}", {})
    described = tuple(
        Param(p[0], parse_type(p[1], enums), p[2] if len(p) > 2 else None, len(p) > 2)
        for p in (params[1:] if with_session else params)
        if release(later.get(p[0], "")) <= version
    )
    allowed = frozenset(role for bit, role in enumerate(roles) if mask >> bit & 1)
    removed = len(row) > 5 and release(_history()["removed"].get(f"{cls}.{name}", "")) <= version
    kind = parse_type(result, enums)
    return Message(cls, name, kind, described, allowed, bool(implicit), needs_session=with_session, removed=removed)


__all__ = ["Class", "Field", "Message", "Param", "Schema", "release", "resource", "schema"]
