"""Tables over everything of a kind: each operation in each state of each kind of object, each class, each refusal.

What is due is written here from xapi's source (24.10.0 and 26.17.0, the file and function beside each table), not read
from the simulator's own tables.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.schema import release, resource, schema

STATES: Final = ("Halted", "Paused", "Suspended", "Running")

# xapi_vm_lifecycle.ml, allowed_power_states: in the order in which a refusal names them
ALL: Final = "halted, paused, suspended, running"
STATES_OF: Final = """
halted: changing_VCPUs changing_static_range changing_memory_limits changing_shadow_memory changing_NVRAM
halted: make_into_template provision start start_on clone copy create_vtpm
suspended: csvm resume resume_on
paused: unpause
: import
running: awaiting_memory_live call_plugin clean_reboot clean_shutdown changing_memory_live changing_shadow_memory_live
running: changing_VCPUs_live data_source_op pause pool_migrate send_sysrq send_trigger snapshot_with_quiesce suspend
halted, running: changing_dynamic_range
halted, suspended, running: migrate_send
halted, suspended: create_template destroy export
paused, running: hard_reboot
paused, suspended, running: checkpoint get_boot_record shutdown hard_shutdown
halted, paused, suspended, running: snapshot revert reverting metadata_export assert_operation_valid
halted, paused, suspended, running: update_allowed_operations
"""
TAKES: Final = {
    op: states
    for line in STATES_OF.strip().splitlines()
    for states, _, ops in [line.partition(":")]
    for op in ops.split()
}
# check_template, check_snapshot, and what is asked of a control domain
_TEMPLATES: Final = """changing_dynamic_range changing_static_range changing_memory_limits changing_shadow_memory
changing_VCPUs changing_NVRAM clone copy export metadata_export provision destroy migrate_send"""
_DOMAINS: Final = """data_source_op changing_memory_live awaiting_memory_live metadata_export changing_dynamic_range
changing_memory_limits changing_static_range start start_on changing_VCPUs destroy"""
OF_TEMPLATES: Final = set(_TEMPLATES.split())
OF_SNAPSHOTS: Final = {"revert", "clone", "copy", "export", "destroy", "hard_shutdown", "metadata_export"}
OF_CONTROL_DOMAINS: Final = set(_DOMAINS.split())


@pytest.fixture(params=["8.4", "26.17"])
async def one(request: pytest.FixtureRequest) -> Client:
    first = (await clients())[0]
    first.pool.profile = PROFILES[request.param]
    return first


async def _told(one: Client, method: str, *params: Any) -> list[str]:
    try:
        await one(method, *params)
    except Failure as failure:
        return failure.description
    return []


@pytest.mark.parametrize("state", STATES)
async def test_every_operation_in_every_power_state(one: Client, state: str) -> None:
    vm = await one.named("VM", "web-01")
    one.pool.db.set("VM", vm, power_state=state, blocked_operations={})
    due = {"provision": ["PROVISION_ONLY_ALLOWED_ON_TEMPLATE"], "revert": ["REVERT_ONLY_ALLOWED_ON_SNAPSHOT"],
           "snapshot_with_quiesce": ["VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm]}  # fmt: skip
    for op, taken in TAKES.items():
        told = await _told(one, "VM.assert_operation_valid", vm, op)
        wrong = ["VM_BAD_POWER_STATE", vm, taken, state.lower()]
        assert (op, told) == (op, due.get(op, []) if state.lower() in taken.split(", ") else wrong)


async def test_every_operation_of_every_kind(one: Client) -> None:
    """Templates, default templates, snapshots with and without memory, and a control domain."""
    db = one.pool.db
    vm = await one.named("VM", "intranet-old")

    async def told(op: str) -> list[str]:
        return await _told(one, "VM.assert_operation_valid", vm, op)

    for op, taken in TAKES.items():
        states = taken.split(", ")
        db.set("VM", vm, is_a_template=True, is_a_snapshot=False, is_control_domain=False, power_state="Halted",
               other_config={}, blocked_operations={})  # fmt: skip
        if op in OF_TEMPLATES:
            assert (op, await told(op) == []) == (op, "halted" in states)
            db.set("VM", vm, other_config={"default_template": "true"})
            default = (await told(op))[:1]
            assert (op, default == ["VM_IS_TEMPLATE"]) == (op, op in {"destroy", "migrate_send"})
        else:
            assert (await told(op))[0] in {"VM_IS_TEMPLATE", "VM_BAD_POWER_STATE", "REVERT_ONLY_ALLOWED_ON_SNAPSHOT"}
        for state in ("Halted", "Suspended"):
            db.set("VM", vm, power_state=state, is_a_snapshot=True, other_config={})
            if op not in OF_SNAPSHOTS:
                assert (await told(op))[0] in {
                    "VM_IS_SNAPSHOT", "VM_BAD_POWER_STATE", "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED",
                }  # fmt: skip
            elif state.lower() in states or op in {"clone", "copy"}:
                assert (op, await told(op)) == (op, [])
        db.set("VM", vm, is_a_snapshot=False, is_a_template=False, power_state="Running", is_control_domain=True)
        if "running" in states and op not in OF_CONTROL_DOMAINS | {"revert", "snapshot_with_quiesce"}:
            assert await told(op) == ["OPERATION_NOT_ALLOWED", "This operation is not allowed on a control domain"]


# -- disks and SRs -----------------------------------------------------------------------------------------------------

# xapi_vdi.ml, check_operation_error: what the plug-in must be able to do
NEEDS: Final = {
    "snapshot": "VDI_SNAPSHOT", "destroy": "VDI_DELETE", "resize": "VDI_RESIZE", "clone": "VDI_CLONE",
    "update": "VDI_UPDATE", "mirror": "VDI_MIRROR", "enable_cbt": "VDI_CONFIG_CBT", "disable_cbt": "VDI_CONFIG_CBT",
    "set_on_boot": "VDI_RESET_ON_BOOT", "generate_config": "VDI_GENERATE_CONFIG",
}  # fmt: skip
WHILE_USED: Final = {"snapshot", "clone", "mirror", "enable_cbt", "disable_cbt"}
# The call, and what the SR is asked first (message_forwarding.ml, with_sr_andor_vdi)
DISK_CALLS: Final = {
    "VDI.snapshot": ("snapshot", "VDI_SNAPSHOT"), "VDI.clone": ("clone", ""), "VDI.destroy": ("destroy", "VDI_DELETE"),
    "VDI.resize": ("resize", "VDI_RESIZE"), "VDI.enable_cbt": ("enable_cbt", "VDI_CONFIG_CBT"),
    "VDI.disable_cbt": ("disable_cbt", "VDI_CONFIG_CBT"), "VDI.set_on_boot": ("set_on_boot", "VDI_RESET_ON_BOOT"),
    "VDI.update": ("update", ""),
}  # fmt: skip


def _arguments(method: str, disk: str) -> list[Any]:
    more: dict[str, list[Any]] = {"VDI.resize": [1 << 45], "VDI.set_on_boot": ["reset"]}
    return [disk, *more.get(method, [])]


async def _loose(one: Client, sr: str = "NFS Madrid") -> tuple[str, str]:
    place = await one.named("SR", sr)
    disk = await one("VDI.create", {
        "name_label": "d", "name_description": "", "SR": place, "virtual_size": 1 << 30, "type": "user",
        "sharable": False, "read_only": False, "other_config": {},
    })  # fmt: skip
    return disk, place


def _plugins(one: Client, kind: str, features: dict[str, int]) -> None:
    for ref, row in one.pool.db.table("SM").items():
        if row["type"] == kind:
            one.pool.db.set("SM", ref, features=features)
    one.pool.forget_plugins()


@pytest.mark.parametrize("method", DISK_CALLS)
async def test_every_disk_call_on_srs_that_can_nothing(one: Client, method: str) -> None:
    disk, sr = await _loose(one)
    op, first = DISK_CALLS[method]
    _plugins(one, "nfs", {})
    told = await _told(one, method, *_arguments(method, disk))
    assert told == (["SR_OPERATION_NOT_SUPPORTED", sr] if first or op in NEEDS else [])


@pytest.mark.parametrize("method", [*DISK_CALLS, "VDI.set_name_label", "VDI.set_name_description"])
async def test_every_disk_call_where_no_host_has_the_sr(one: Client, method: str) -> None:
    disk, sr = await _loose(one)
    _plugins(one, "nfs", dict.fromkeys([*NEEDS.values(), "VDI_CREATE"], 1))
    for pbd in one.pool.db.get("SR", sr, "PBDs"):
        if one.pool.db.get("PBD", pbd, "host") == one.pool.master:  # the others do nothing without it
            one.pool.db.set("PBD", pbd, currently_attached=False)
    arguments = [disk, "x"] if "name" in method else _arguments(method, disk)
    assert await _told(one, method, *arguments) == ["SR_HAS_NO_PBDS", sr]


@pytest.mark.parametrize("method", [*DISK_CALLS, "VDI.set_name_label", "VDI.set_name_description"])
async def test_every_disk_call_on_an_sr_that_no_host_has_open(one: Client, method: str) -> None:
    """Its PBDs count as attached, and the storage daemon does not know it; what is only the database's goes on."""
    disk, sr = await _loose(one)
    _plugins(one, "nfs", dict.fromkeys([*NEEDS.values(), "VDI_CREATE"], 1))
    one.pool.faults.forgotten.add(sr)
    arguments = [disk, "x"] if "name" in method else _arguments(method, disk)
    assert await _told(one, method, *arguments) == ["SR_NOT_ATTACHED", one.pool.db.get("SR", sr, "uuid")]
    assert await one("VDI.get_allowed_operations", disk)
    assert await _told(one, "VDI.add_to_other_config", disk, "key", "value") == []
    pbd = one.pool.db.get("SR", sr, "PBDs")[0]
    await one("PBD.plug", pbd)  # it is plugged: nothing happens (xapi_pbd.ml, plug)
    assert (await _told(one, method, *arguments))[:1] == ["SR_NOT_ATTACHED"]
    one.pool.db.set("PBD", pbd, currently_attached=False)
    await one("PBD.plug", pbd)
    assert await _told(one, method, *arguments) == []


@pytest.mark.parametrize("op", NEEDS)
async def test_every_disk_operation_while_a_vm_uses_it(one: Client, op: str) -> None:
    vm = await one.named("VM", "web-01")
    (disk,) = await one.disks(vm)
    _plugins(one, "nfs", dict.fromkeys(NEEDS.values(), 1))
    listed = await one("VDI.get_allowed_operations", disk)
    if op not in WHILE_USED:
        assert op not in listed
    method = next((m for m, (name, _) in DISK_CALLS.items() if name == op), None)
    if method is not None and op not in WHILE_USED | {"set_on_boot"}:
        assert await _told(one, method, *_arguments(method, disk)) == ["VDI_IN_USE", disk, op]


SR_CALLS: Final = {
    "SR.scan": [], "SR.update": [], "SR.set_name_label": ["x"], "SR.set_name_description": ["x"],
    "SR.get_data_sources": [],
}  # fmt: skip


@pytest.mark.parametrize("method", SR_CALLS)
async def test_every_sr_call_where_no_host_has_it(one: Client, method: str) -> None:
    sr = await one.named("SR", "NFS Madrid")
    for pbd in one.pool.db.get("SR", sr, "PBDs"):
        one.pool.db.set("PBD", pbd, currently_attached=False)
    assert await _told(one, method, sr, *SR_CALLS[method]) == ["SR_HAS_NO_PBDS", sr]


@pytest.mark.parametrize("method", [*SR_CALLS, "VDI.create", "VDI.introduce"])
async def test_every_sr_call_where_no_host_has_it_open(one: Client, method: str) -> None:
    sr = await one.named("SR", "NFS Madrid")
    _plugins(one, "nfs", dict.fromkeys(["VDI_CREATE", "VDI_INTRODUCE"], 1))
    one.pool.faults.forgotten.add(sr)
    struct = {"name_label": "d", "name_description": "", "SR": sr, "virtual_size": 1, "type": "user",
              "sharable": False, "read_only": False, "other_config": {}}  # fmt: skip
    introduced = ["", "d", "", sr, "user", False, False, {}, "there"]
    arguments = {"VDI.create": [struct], "VDI.introduce": introduced}.get(method) or [sr, *SR_CALLS[method]]
    assert await _told(one, method, *arguments) == ["SR_NOT_ATTACHED", one.pool.db.get("SR", sr, "uuid")]


_OF_DISKS: Final = """sharable managed read_only missing virtual_size physical_utilisation is_a_snapshot snapshot_of
snapshot_time metadata_of_pool cbt_enabled"""
FOR_PLUGINS: Final = {
    "VDI": _OF_DISKS.split(), "SR": ["virtual_allocation", "physical_size", "physical_utilisation"],
    "PBD": ["device_config"],
}  # fmt: skip


async def test_what_only_plugins_may_set(one: Client) -> None:
    """sm.ml, assert_session_has_internal_sr_access."""
    values = {"bool": True, "int": 1, "datetime": "20250101T00:00:00Z", "(string -> string) map": {}}
    asked = 0
    for cls, fields in FOR_PLUGINS.items():
        ref = next(iter(one.pool.db.table(cls)))
        for field in fields:
            described = one.pool.schema.message(f"{cls}.set_{field}")
            if described is not None:
                value = values.get(described.params[1].type.word, NULL)
                assert await one.refused(f"{cls}.set_{field}", ref, value) == ["PERMISSION_DENIED", ""]
                asked += 1
    assert asked > 3


# -- arguments ---------------------------------------------------------------------------------------------------------

AT_STARTUP: Final = "VCPU values must satisfy: 0 < VCPUs_at_startup \N{LESS-THAN OR EQUAL TO} VCPUs_max"
ARGUMENTS: Final[list[tuple[str, list[Any], list[str]]]] = [
    ("VM.set_VCPUs_at_startup", ["@halted", 99], ["INVALID_VALUE", AT_STARTUP, "99"]),
    ("VM.set_VCPUs_max", ["@halted", 0], ["INVALID_VALUE", AT_STARTUP, "0"]),
    ("VM.set_order", ["@halted", -1], ["INVALID_VALUE", "order must be non-negative", "-1"]),
    ("VM.set_start_delay", ["@halted", -2], ["INVALID_VALUE", "start_delay must be non-negative", "-2"]),
    ("VM.set_shutdown_delay", ["@halted", -3], ["INVALID_VALUE", "shutdown_delay must be non-negative", "-3"]),
    ("VM.set_memory_static_max", ["@running", 1 << 33], ["VM_BAD_POWER_STATE", "@running", "halted", "running"]),
    ("VM.set_memory_dynamic_range", ["@halted", 1, 1 << 50], ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]),
    ("VM.set_domain_type", ["@halted", "unspecified"], ["INVALID_VALUE", "domain_type", "unspecified"]),
    ("VM.set_has_vendor_device", ["@running", True], ["VM_BAD_POWER_STATE", "@running", "halted", "running"]),
    ("VM.set_suspend_VDI", ["@halted", "@used"], ["VM_BAD_POWER_STATE", "@halted", "suspended", "halted"]),
    ("VM.set_bios_strings", ["@halted", {"color": "x"}], ["INVALID_VALUE", "color", "Unknown key"]),
    ("VM.set_bios_strings", ["@halted", {"bios-vendor": ""}],
     ["INVALID_VALUE", "bios-vendor", "Value provided is empty"]),
    ("VM.set_snapshot_schedule", ["@halted", "OpaqueRef:no"], ["INVALID_VALUE", "OpaqueRef:no"]),
    ("VM.set_HVM_shadow_multiplier", ["@halted", 0.5], ["INVALID_VALUE", "multiplier", "0.5"]),
    ("VBD.set_mode", ["@drive", "RO"], ["VM_BAD_POWER_STATE", "@running", "halted", "running"]),
    ("VDI.set_allow_caching", ["@used", True], ["VM_BAD_POWER_STATE", "@running", "halted", "running"]),
    ("network.create", [{"name_label": "n", "other_config": {}, "bridge": "xenbr9"}],
     ["INVALID_VALUE", "bridge", "xenbr9"]),
    ("network.create", [{"name_label": "n", "other_config": {}, "bridge": "a-name-of-16-letter"}],
     ["INVALID_VALUE", "bridge", "a-name-of-16-letter"]),
    ("SR.make", ["@host", {}, 1, "n", "", "nfs", "user", {}], ["MESSAGE_DEPRECATED"]),
    ("SR.set_shared", ["@sr", False], ["SR_HAS_MULTIPLE_PBDS", "*"]),
    ("pool.test_archive_target", ["@pool", {}], ["MESSAGE_REMOVED"]),
    ("host.list_methods", [], ["NOT_IMPLEMENTED", "list_method"]),
    ("host.notify", ["a", "b"], ["INTERNAL_ERROR",
     'Internal API "host.notify" call attempted with non-pool (external) session']),
    ("VDI.create", [{"name_label": "d", "name_description": "", "SR": "@sr", "virtual_size": 1, "type": "cbt_metadata",
                     "sharable": False, "read_only": False, "other_config": {}}],
     ["VDI_INCOMPATIBLE_TYPE", "", "cbt_metadata"]),
]  # fmt: skip


async def test_arguments(one: Client) -> None:
    running = await one.named("VM", "web-01")
    names = {
        "@running": running, "@halted": await one.named("VM", "intranet-old"), "@pool": one.pool.ref,
        "@host": one.pool.master, "@sr": await one.named("SR", "NFS Madrid"), "@used": (await one.disks(running))[0],
        "@drive": (await one("VM.get_VBDs", running))[0],
    }  # fmt: skip

    def meant(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: meant(v) for k, v in value.items()}
        return names.get(value, value) if isinstance(value, str) else value

    for method, params, wanted in ARGUMENTS:
        told = await one.refused(method, *map(meant, params))
        length = wanted.index("*") if "*" in wanted else max(len(told), len(wanted))
        assert (method, told[:length]) == (method, list(map(meant, wanted[:length])))


# -- interfaces and drives ---------------------------------------------------------------------------------------------

VIF: Final = {"network": "n", "MTU": 1500, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}


@pytest.mark.parametrize(("fields", "wanted"), [
    ({"device": "x"}, ["INVALID_DEVICE", "x"]), ({"device": "0"}, ["DEVICE_ALREADY_EXISTS", "0"]),
    ({"device": "5", "MAC": "02:00"}, ["MAC_INVALID", "02:00"]), ({"device": "5"}, []),
    ({"device": "5", "MAC": "02:00:00:00:00:0g"}, ["MAC_INVALID", "02:00:00:00:00:0g"]),
], ids=str)  # fmt: skip
async def test_new_interfaces(one: Client, fields: dict[str, str], wanted: list[str]) -> None:
    vm, network = await one.named("VM", "web-01"), await one.named("network", "Guests")
    struct = {**VIF, "MAC": "", **fields, "VM": vm, "network": network}
    assert await _told(one, "VIF.create", struct) == wanted
    if not wanted:
        again = await one("VIF.create", {**struct, "VM": await one.named("VM", "intranet-old")})
        mac = await one("VIF.get_MAC", again)
        assert int(mac[:2], 16) & 3 == 2  # locally administered, and the VM's own
        assert await one("VIF.get_MAC_autogenerated", again)


VBD: Final = {"userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk", "empty": False,
              "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}  # fmt: skip


@pytest.mark.parametrize(("fields", "wanted"), [
    ({"type": "CD"}, ["VBD_CDS_MUST_BE_READONLY"]), ({"empty": True}, ["VBD_NOT_REMOVABLE_MEDIA", "in constructor"]),
    ({"userdevice": "0"}, ["DEVICE_ALREADY_EXISTS", "0"]), ({"userdevice": "?"}, ["INVALID_DEVICE", "?"]), ({}, []),
], ids=str)  # fmt: skip
async def test_new_drives(one: Client, fields: dict[str, Any], wanted: list[str]) -> None:
    vm, (disk, _) = await one.named("VM", "web-01"), await _loose(one)
    assert await _told(one, "VBD.create", {**VBD, **fields, "VM": vm, "VDI": disk}) == wanted


# -- every class of either schema --------------------------------------------------------------------------------------

SINCE: Final = json.loads(resource("xenapi-since.json").read_text("utf-8"))["since"]
FIELDS: Final = [(cls, field, first) for cls, told in SINCE.items() for field, first in told.get("fields", {}).items()]
CLASSES: Final = [(cls, told["class"]) for cls, told in SINCE.items() if "class" in told]


def _before(first: str) -> tuple[int, ...]:
    parts = list(release(first))
    place = max(n for n, part in enumerate(parts) if part)
    return (*parts[:place], parts[place] - 1, 99)


@pytest.mark.parametrize(("cls", "field", "first"), FIELDS, ids=lambda v: str(v))
def test_every_field_exists_from_its_release_on(cls: str, field: str, first: str) -> None:
    later, earlier = schema(release(first)), schema(_before(first))
    if cls in later.absent:
        return
    assert field not in later.hidden.get(cls, frozenset())
    assert field in later.classes[cls].fields
    assert (
        cls in earlier.absent or cls not in earlier.classes or field in earlier.hidden.get(cls, frozenset())
        or field not in earlier.classes[cls].fields
    )  # fmt: skip


@pytest.mark.parametrize(("cls", "first"), CLASSES)
def test_every_class_exists_from_its_release_on(cls: str, first: str) -> None:
    later, earlier = schema(release(first)), schema(_before(first))
    assert cls in later.classes
    assert cls not in later.absent
    assert cls in earlier.absent or cls not in earlier.classes
    assert earlier.message(f"{cls}.get_record") is None


@pytest.mark.parametrize("version", [(24, 19, 9), (24, 20, 0), (26, 17, 0)])
def test_every_class_has_lists_by_expression(version: tuple[int, ...]) -> None:
    known = schema(version)
    for cls, described in known.classes.items():
        if "get_all_records" in described.messages and cls not in known.absent:
            assert "get_all_records_where" in described.messages
            assert ("get_all_where" in described.messages) is (cls != "message" and version >= (24, 20))


@pytest.mark.parametrize("cls", ["VBD_metrics", "VIF_metrics"])
async def test_removed_metrics(one: Client, cls: str) -> None:
    described = one.pool.schema.classes[cls]
    asked = 0
    for name, message in described.messages.items():
        if message.removed:
            params = [NULL] * len(message.params)
            assert await one.refused(f"{cls}.{name}", *params) == ["MESSAGE_REMOVED"]
            asked += 1
    assert asked > 3


# -- values that no type has -------------------------------------------------------------------------------------------

ENUMS: Final = [
    (message.full, place)
    for described in schema((26, 17, 0)).classes.values()
    for message in described.messages.values()
    for place, param in enumerate(message.params)
    if param.type.word.startswith("enum ") and not message.removed and not message.internal
]


def test_how_many_calls_take_an_enumeration() -> None:
    assert len(ENUMS) > 40


@pytest.mark.parametrize("value", ["sideways", "", 1, [], {}], ids=repr)
async def test_every_enumeration_refuses_what_it_does_not_know(value: Any) -> None:
    """Whatever comes, the text is the same and names nothing (ppx_deriving_rpc, polymorphic variants)."""
    first = (await clients())[0]
    message = first.pool.schema.message
    for method, place in ENUMS:
        described = message(method)
        if described is None:
            continue
        own = described.params[place].type.word == "enum bond_mode"
        text = "Unmarshalling error in bond-mode" if own else "Unknown tag/contents"
        params = [described.params[n].type.default for n in range(place)] + [value]
        params += [p.type.default for p in described.params[place + 1 :]]
        told = await _told(first, method, *params)
        assert (method, told) == (method, ["INTERNAL_ERROR", f'Failure("{text}")'])


# -- what decides where a release does -----------------------------------------------------------------------------


@pytest.mark.parametrize(("xapi", "state", "refused"), [
    ("1.249.32", "Running", True), ("1.300.0", "Running", True), ("1.301.0", "Running", False),
    ("24.10.0", "Running", False), ("24.10.0", "Paused", True), ("24.10.0", "Halted", True),
])  # fmt: skip
async def test_a_vm_on_its_own_host_that_is_disabled(xapi: str, state: str, refused: bool) -> None:
    """xapi_vm_helpers.ml, assert_can_boot_here, is_local_live_migration: asked by VDI.pool_migrate and migrate_send."""
    one = (await clients())[0]
    one.pool.profile = replace(PROFILES["8.4"], xapi_build=xapi)
    vm = await one.named("VM", "web-01")
    host = await one("VM.get_resident_on", vm)
    (disk,) = await one.disks(vm)
    one.pool.db.set("VM", vm, power_state=state)
    await one("host.disable", host)
    assert await _told(one, "VM.assert_can_boot_here", vm, host) == (["HOST_DISABLED", host] if refused else [])
    if state == "Running":
        told = await _told(one, "VDI.pool_migrate", disk, await one.named("SR", "iSCSI Madrid"), {})
        assert told == (["HOST_DISABLED", host] if refused else [])


TOO_LONG: Final = "9223372036854775808"
TOKENS: Final = {
    "": True, "0,0": True, "-1,0": True, "+1,0": True, "0x1f,0b1": True, "0u9,0o7": True, "1_0,0": True,
    "9223372036854775807,0": True, "-9223372036854775808,0": True, "0xffffffffffffffff,0": True,
    f"{TOO_LONG},0": False, f"0,{TOO_LONG}": False, "-9223372036854775809,0": False, "0x10000000000000000,0": False,
    "9" * 400 + ",0": False, "1": False, "1,2,3": False, "a,b": False, " 1,0": False, "_1,0": False, ",": False,
    "1,": False, "\N{ARABIC-INDIC DIGIT ONE},0": False,
}  # fmt: skip


@pytest.mark.parametrize("token", TOKENS, ids=lambda t: t[:25])
async def test_every_form_of_a_token(one: Client, token: str) -> None:
    """Two integers of 64 bits as OCaml reads them (xapi_event.ml, Token.of_string)."""
    told = await _told(one, "event.from", ["pool"], token, 0.0)
    assert told == ([] if TOKENS[token] else ["EVENT_FROM_TOKEN_PARSE_FAILURE", token])


async def test_a_memory_image_is_replaced_by_its_equal_only(one: Client) -> None:
    """xapi_vm.ml, set_suspend_VDI."""
    db = one.pool.db
    vm = await one.named("VM", "web-01")
    await one("VM.suspend", vm)
    image = await one("VM.get_suspend_VDI", vm)
    size = db.get("VDI", image, "virtual_size")
    copy = await one("VDI.copy", image, await one.named("SR", "iSCSI Madrid"), NULL, NULL)
    other, _ = await _loose(one)
    sums = [f"{db.get('VDI', d, 'uuid')} : {await one('VDI.checksum', d)}" for d in (image, other)]
    assert db.get("VDI", copy, "virtual_size") == size
    assert await _told(one, "VM.set_suspend_VDI", vm, other) == ["SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", *sums]
    assert await one("VM.get_suspend_VDI", vm) == image
    assert await _told(one, "VM.set_suspend_VDI", vm, image) == []  # nothing is read for the same one
    for pbd in db.get("SR", db.get("VDI", copy, "SR"), "PBDs"):
        db.set("PBD", pbd, currently_attached=False)
    assert await _told(one, "VM.set_suspend_VDI", vm, copy) == ["NO_HOSTS_AVAILABLE"]
    for pbd in db.get("SR", db.get("VDI", copy, "SR"), "PBDs"):
        db.set("PBD", pbd, currently_attached=True)
    assert await _told(one, "VM.set_suspend_VDI", vm, copy) == []
    assert await one("VM.get_suspend_VDI", vm) == copy
