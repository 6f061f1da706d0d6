"""The API's schema: classes, fields, messages and roles, read from `resources/xenapi.json` (facts of xapi 24.10.0).

What the file cannot say stands here: which fields are two ends of one relation, which calls have no asynchronous form,
which classes send no events, and what later releases added (research sheet, sections 1.2, 2 and 8).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

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

# Research sheet, section 8. class: (field, type, qualifier, default, first release)
LATER_FIELDS: dict[str, tuple[tuple[str, str, str, str, str], ...]] = {
    "VM": (("groups", "VM_group ref set", "RO/runtime", "{}", "24.19.1"),),
    "VM_group": (
        ("uuid", "string", "RO/runtime", '""', "24.19.1"), ("name_label", "string", "RW", '""', "24.19.1"),
        ("name_description", "string", "RW", '""', "24.19.1"),
        ("placement", "enum placement_policy", "RO/constructor", "normal", "24.19.1"),
        ("VMs", "VM ref set", "RO/runtime", "{}", "24.19.1"),
    ),
    "pool": (("ha_reboot_vm_on_internal_shutdown", "bool", "RW", "true", "25.16.0"),
             ("limit_console_sessions", "bool", "RW", "false", "26.1.0")),
    "SM": (("supported_image_formats", "enum image_format_type set", "RO/runtime", "{}", "26.15.0"),),
    "VIF": (("trunks", "int set", "RO/runtime", "{}", "26.17.0"),),
}  # fmt: skip
LATER_MESSAGES: dict[str, tuple[tuple[str, str, tuple[tuple[str, str], ...], str, str], ...]] = {
    "VM": (("set_groups", "void", (("self", "VM ref"), ("value", "VM_group ref set")), "vm-admin", "24.19.1"),),
    "VDI": (("revert", "void", (("snapshot", "VDI ref"),), "vm-admin", "26.16.0"),),
}
# What servers know and the file leaves out, because their documentation hides it (idl/datamodel.ml, hide_from_docs).
HIDDEN_MESSAGES: dict[str, tuple[tuple[str, str, tuple[tuple[str, str], ...], str], ...]] = {
    "VDI": (("checksum", "string", (("self", "VDI ref"),), "vm-admin"),),  # since 6.0
}
LATER_ENUMS = {"placement_policy": ["anti_affinity", "normal"], "image_format_type": ["raw", "vhd", "qcow2"]}
LATER_PARAMS: dict[tuple[str, str], tuple[tuple[str, str, Value, str], ...]] = {
    ("host", "disable"): (("auto_enable", "bool", True, "25.31.0"),),
    ("VM", "migrate_send"): (("vdi_format_map", "(VDI ref -> string) map", {}, "26.15.0"),),
}

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


@functools.cache
def _facts() -> dict[str, Any]:
    return msgspec.json.decode(resource("xenapi.json").read_bytes())  # type: ignore[no-any-return]


@functools.cache
def _since() -> dict[str, dict[str, Any]]:
    return msgspec.json.decode(resource("xenapi-since.json").read_bytes())["since"]  # type: ignore[no-any-return]


def _as_it_was(classes: dict[str, Class], version: Release) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    """Takes away the calls that an old release does not know; returns the fields and classes that it lacks.

    The tables keep them, for the simulator's own use: they only never reach a client.
    """
    hidden: dict[str, frozenset[str]] = {}
    absent = set()
    for name, told in _since().items():
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


@functools.cache
def schema(version: Release = (24, 10, 0)) -> Schema:
    """The schema of a release: the 24.10 facts and what was added up to that release."""
    facts = _facts()
    enums = {**facts["enums"], **LATER_ENUMS}
    roles: list[str] = facts["roles"]
    classes = {}
    for name, described in facts["classes"].items():
        rows = [*described["fields"], *_later(name, version)]
        fields = {row[0]: _field(row, enums) for row in rows}
        messages = {row[0]: _message(name, row, enums, roles, version) for row in described["messages"]}
        for extra in _later(name, version):
            messages[f"get_{extra[0]}"] = _getter(name, extra, enums, roles)
        always = [(*hidden, "0") for hidden in HIDDEN_MESSAGES.get(name, ())]
        for word, result, params, least, since in [*LATER_MESSAGES.get(name, ()), *always]:
            if release(since) <= version:
                described_params = tuple(Param(p, parse_type(t, enums)) for p, t in params)
                who = frozenset(_at_least(least))
                messages[word] = Message(name, word, parse_type(result, enums), described_params, who, False)
        if "get_all_records" in messages:
            whole = messages["get_all_records"]
            expression = (Param("expr", parse_type("string", enums)),)
            messages["get_all_records_where"] = replace(whole, name="get_all_records_where", params=expression)
        classes[name] = Class(name, fields, messages, {f.name: f.default for f in fields.values()})
    if version >= (24, 19, 1):
        classes["VM_group"] = _whole_class("VM_group", enums, roles, version)
    hidden, absent = _as_it_was(classes, version)
    return Schema(version, classes, tuple(roles), enums, hidden, absent)


def _at_least(role: str) -> list[str]:
    """A role and those above it."""
    order = ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"]
    return order[: order.index(role) + 1]


def _later(cls: str, version: Release) -> list[list[str]]:
    return [list(row[:4]) for row in LATER_FIELDS.get(cls, ()) if release(row[4]) <= version]


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
    name, result, params, mask, implicit = row
    with_session = bool(params) and params[0][1] == "session ref" and params[0][0] == "session_id"
    described = [
        Param(p[0], parse_type(p[1], enums), p[2] if len(p) > 2 else None, len(p) > 2)
        for p in (params[1:] if with_session else params)
    ]
    described.extend(
        Param(later[0], parse_type(later[1], enums), later[2], True)
        for later in LATER_PARAMS.get((cls, name), ())
        if release(later[3]) <= version
    )
    allowed = frozenset(role for bit, role in enumerate(roles) if mask >> bit & 1)
    return Message(
        cls, name, parse_type(result, enums), tuple(described), allowed, bool(implicit), needs_session=with_session
    )


def _getter(cls: str, row: list[str], enums: dict[str, list[str]], roles: list[str]) -> Message:
    me = Param("self", parse_type(f"{cls} ref", enums))
    return Message(cls, f"get_{row[0]}", parse_type(row[1], enums), (me,), frozenset(roles), True)


def _whole_class(name: str, enums: dict[str, list[str]], roles: list[str], version: Release) -> Class:
    """A class that came after the file was made: its fields and the calls every class has."""
    rows = _later(name, version)
    fields = {row[0]: _field(row, enums) for row in rows}
    ref, text = parse_type(f"{name} ref", enums), parse_type("string", enums)
    record = parse_type(f"{name} record", enums)
    me, every = Param("self", ref), frozenset(roles)
    writers = frozenset({"pool-admin", "pool-operator"})

    def call(method: str, result: Type, *params: Param, who: frozenset[str] = every) -> Message:
        return Message(name, method, result, params, who, True)

    calls = [_getter(name, row, enums, roles) for row in rows]
    calls += [
        call("get_all", parse_type(f"{name} ref set", enums)),
        call("get_all_records", parse_type(f"({name} ref -> {name} record) map", enums)),
        call("get_record", record, me), call("get_by_uuid", ref, Param("uuid", text)),
        call("get_by_name_label", parse_type(f"{name} ref set", enums), Param("label", text)),
        call("create", ref, Param("args", record), who=writers),
        call("destroy", parse_type("void", enums), me, who=writers),
    ]  # fmt: skip
    calls += [
        call(f"set_{row[0]}", parse_type("void", enums), me, Param("value", parse_type(row[1], enums)), who=writers)
        for row in rows
        if row[2] == "RW"
    ]
    return Class(name, fields, {c.name: c for c in calls}, {f.name: f.default for f in fields.values()})


__all__ = ["Class", "Field", "Message", "Param", "Schema", "release", "resource", "schema"]
