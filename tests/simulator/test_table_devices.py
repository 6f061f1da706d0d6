"""Tables over hosts, SRs, drives and interfaces: each operation in each state, and how a busy object says so.

What is due is written here from xapi's source (24.10.0 and 26.17.0: valid_operations of xapi_host_helpers.ml,
xapi_sr_operations.ml, xapi_vbd_helpers.ml and xapi_vif_helpers.ml), not read from the simulator's own tables.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.profiles import PROFILES

TASK: Final = "OpaqueRef:task"


@pytest.fixture(params=["8.4", "26.17"])
async def one(request: pytest.FixtureRequest) -> Client:
    first = (await clients())[0]
    first.pool.profile = PROFILES[request.param]
    return first


# -- hosts -------------------------------------------------------------------------------------------------------------

ON_HOSTS: Final = [
    "provision",
    "evacuate",
    "shutdown",
    "reboot",
    "vm_start",
    "vm_resume",
    "vm_migrate",
    "apply_updates",
    "enable",
]
WANT_DISABLED: Final = {"shutdown", "reboot", "apply_updates"}
REFUSED_WHILE: Final = {
    "": "", "vm_start": "", "enable": "", "power_on": "",
    "provision": "evacuate reboot shutdown provision",
    "vm_resume": "evacuate reboot shutdown", "vm_migrate": "evacuate reboot shutdown",
    "evacuate": "provision vm_resume vm_migrate",
    "reboot": "provision vm_resume vm_migrate shutdown apply_updates",
    "shutdown": "provision vm_resume vm_migrate reboot apply_updates",
    "apply_updates": "reboot shutdown enable",
}  # fmt: skip
NAMED: Final = {"vm_start": "VM.start", "vm_resume": "VM.resume", "vm_migrate": "VM.migrate"}


@pytest.mark.parametrize("running", REFUSED_WHILE)
@pytest.mark.parametrize("enabled", [True, False])
async def test_every_operation_of_a_host(one: Client, running: str, enabled: bool) -> None:
    host = one.pool.master
    one.pool.db.set("host", host, enabled=enabled, current_operations={TASK: running} if running else {})
    busy = REFUSED_WHILE[running].split()
    due = [op for op in ON_HOSTS if op not in busy and not (enabled and op in WANT_DISABLED)]
    assert sorted(await one("host.get_allowed_operations", host)) == sorted(due)
    for op in ON_HOSTS:
        failure = host_gate.operation_error(one.pool, host, op)
        if op in busy:
            task = [TASK] if one.pool.profile.names_other_operations else []
            told = ["OTHER_OPERATION_IN_PROGRESS", "host", host, NAMED.get(running, running), *task]
        else:
            told = ["HOST_NOT_DISABLED"] if enabled and op in WANT_DISABLED else []
        assert (op, failure.description if failure else []) == (op, told)


@pytest.mark.parametrize(("live", "mode", "told"), [
    (True, "", "HOST_IS_LIVE"), (True, "wake-on-lan", "HOST_IS_LIVE"), (False, "", "HOST_POWER_ON_MODE_DISABLED"),
    (False, "wake-on-lan", None),
])  # fmt: skip
async def test_power_on(one: Client, live: bool, mode: str, told: str | None) -> None:
    host = await one.named("host", "madrid-03")
    one.pool.db.set("host_metrics", one.pool.db.get("host", host, "metrics"), live=live)
    one.pool.db.set("host", host, power_on_mode=mode)
    failure = host_gate.operation_error(one.pool, host, "power_on")
    assert (failure.code if failure else None) == told


# -- SRs ---------------------------------------------------------------------------------------------------------------

NEEDS: Final = {
    "vdi_create": "VDI_CREATE", "vdi_destroy": "VDI_DELETE", "vdi_resize": "VDI_RESIZE",
    "vdi_snapshot": "VDI_SNAPSHOT", "vdi_mirror": "VDI_MIRROR", "vdi_enable_cbt": "VDI_CONFIG_CBT",
    "vdi_disable_cbt": "VDI_CONFIG_CBT", "vdi_data_destroy": "VDI_CONFIG_CBT",
    "vdi_list_changed_blocks": "VDI_CONFIG_CBT", "vdi_set_on_boot": "VDI_RESET_ON_BOOT",
    "vdi_introduce": "VDI_INTRODUCE", "update": "SR_UPDATE",
}  # fmt: skip
ALWAYS: Final = ["scan", "plug", "unplug", "pbd_create", "pbd_destroy", "vdi_clone"]
ONLY_UNPLUGGED: Final = ["destroy", "forget"]


def _features(one: Client, *names: str) -> None:
    for ref, row in one.pool.db.table("SM").items():
        if row["type"] == "nfs":
            one.pool.db.set("SM", ref, features=dict.fromkeys(names, 1))
    one.pool.forget_plugins()


@pytest.mark.parametrize("feature", ["", *dict.fromkeys(NEEDS.values())])
async def test_every_capability_of_an_sr(one: Client, feature: str) -> None:
    sr = await one.named("SR", "NFS Madrid")
    _features(one, feature)
    due = [*ALWAYS, *(op for op, need in NEEDS.items() if need == feature)]
    assert sorted(await one("SR.get_allowed_operations", sr)) == sorted(due)


@pytest.mark.parametrize(("attached", "pbds", "disks", "more"), [
    (True, True, True, []), (False, True, True, ["forget"]), (False, True, False, ["destroy", "forget"]),
    (False, False, False, ["forget"]),
])  # fmt: skip
async def test_what_may_become_of_an_sr(one: Client, attached: bool, pbds: bool, disks: bool, more: list[str]) -> None:
    db = one.pool.db
    sr = await one.named("SR", "NFS Madrid")
    _features(one)
    for pbd in list(db.get("SR", sr, "PBDs")):
        db.set("PBD", pbd, currently_attached=attached)
        if not pbds:
            db.delete("PBD", pbd)
    for vdi in db.get("SR", sr, "VDIs"):
        db.set("VDI", vdi, managed=disks)
    assert sorted(await one("SR.get_allowed_operations", sr)) == sorted([*ALWAYS, *more])


@pytest.mark.parametrize("running", [*ALWAYS, *ONLY_UNPLUGGED, *NEEDS])
async def test_every_operation_that_makes_an_sr_busy(one: Client, running: str) -> None:
    sr = await one.named("SR", "NFS Madrid")
    _features(one, *NEEDS.values())
    one.pool.db.set("SR", sr, current_operations={TASK: running})
    assert await one("SR.get_allowed_operations", sr) == (["plug"] if running == "plug" else [])
    task = [TASK] if one.pool.profile.names_other_operations else []
    for op in (*ALWAYS, *NEEDS):
        failure = vdi_gate.sr_error(one.pool, sr, op)
        told = [] if op == running == "plug" else ["OTHER_OPERATION_IN_PROGRESS", "SR", sr, running, *task]
        assert (op, failure.description if failure else []) == (op, told)
    one.pool.db.set("SR", sr, current_operations={"OpaqueRef:first": "plug", TASK: "scan"})
    failure = vdi_gate.sr_error(one.pool, sr, "plug")
    assert failure is not None
    assert failure.description == ["OTHER_OPERATION_IN_PROGRESS", "SR", sr, "scan", *task]


# -- disks -------------------------------------------------------------------------------------------------------------

ON_DISKS: Final = [
    "generate_config",
    "update",
    "forget",
    "destroy",
    "snapshot",
    "resize_online",
    "resize",
    "copy",
    "clone",
]
CAPABLE: Final = ("VDI_SNAPSHOT", "VDI_DELETE", "VDI_RESIZE", "VDI_RESIZE_ONLINE", "VDI_UPDATE", "VDI_CLONE",
                  "VDI_GENERATE_CONFIG")  # fmt: skip
# What a disk is, and the operations that it is refused then (xapi_vdi.ml, check_operation_error)
DISKS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "plain": ({}, ""),
    "metadata": ({"type": "cbt_metadata"}, "clone copy resize resize_online snapshot"),
    "resets": ({"on_boot": "reset"}, "snapshot copy"),
    "shared": ({"sharable": True}, "snapshot"),
    "statistics": ({"type": "rrd"}, "forget destroy"),
    "state file": ({"type": "ha_statefile"}, "copy"),
    "tracked": ({"cbt_enabled": True}, ""),
    "snapshot": ({"is_a_snapshot": True}, ""),
    "being copied": ({"current_operations": {TASK: "copy"}}, "snapshot"),
    "being resized": ({"current_operations": {TASK: "resize"}}, " ".join(ON_DISKS)),
    "mirrored": ({"current_operations": {TASK: "mirror"}}, " ".join(o for o in ON_DISKS if o != "destroy")),
}  # fmt: skip


async def _disk(one: Client) -> str:
    _features(one, "VDI_CREATE", *CAPABLE)
    return str(await one("VDI.create", {
        "name_label": "d", "name_description": "", "SR": await one.named("SR", "NFS Madrid"), "virtual_size": 1 << 30,
        "type": "user", "sharable": False, "read_only": False, "other_config": {},
    }))  # fmt: skip


@pytest.mark.parametrize("kind", DISKS)
async def test_every_kind_of_disk(one: Client, kind: str) -> None:
    fields, refused = DISKS[kind]
    disk = await _disk(one)
    one.pool.db.set("VDI", disk, **fields)
    due = [op for op in ON_DISKS if op not in refused.split()]
    assert sorted(await one("VDI.get_allowed_operations", disk)) == sorted(due)


@pytest.mark.parametrize(("mode", "due"), [("RW", "snapshot resize_online clone"),
                                           ("RO", "snapshot resize_online clone copy")])  # fmt: skip
async def test_disks_in_use(one: Client, mode: str, due: str) -> None:
    _features(one, *CAPABLE)
    vm, db = await one.named("VM", "web-01"), one.pool.db
    (disk,) = await one.disks(vm)
    (drive,) = db.get("VDI", disk, "VBDs")
    db.set("VBD", drive, mode=mode)
    assert sorted(await one("VDI.get_allowed_operations", disk)) == sorted(due.split())
    db.set("VBD", drive, current_operations={TASK: "unplug"})
    assert await one("VDI.get_allowed_operations", disk) == []
    db.set("VBD", drive, mode="RW", current_operations={})


async def test_disks_while_ha_is_on_and_where_nobody_has_the_sr(one: Client) -> None:
    disk, db = await _disk(one), one.pool.db
    for pbd in db.get("SR", db.get("VDI", disk, "SR"), "PBDs"):
        db.set("PBD", pbd, currently_attached=False)
    told = {op: f.code for op in ON_DISKS if (f := vdi_gate.error(one.pool, disk, op))}
    assert told == {"resize": "SR_HAS_NO_PBDS"}
    for kind in ("ha_statefile", "redo_log"):
        db.set("VDI", disk, type=kind)
        db.set("pool", one.pool.ref, ha_enabled=True)
        refused = {op: vdi_gate.error(one.pool, disk, op) for op in ("destroy", "forget", "resize_online")}
        assert {op: f.code if f else None for op, f in refused.items()} == dict.fromkeys(refused, "HA_IS_ENABLED")
        db.set("pool", one.pool.ref, ha_enabled=False)


# -- drives and interfaces ---------------------------------------------------------------------------------------------

DRIVES: Final = """
Disk Running attached: attach unplug unplug_force pause unpause
Disk Running detached: attach plug pause unpause
Disk Paused attached: attach pause unpause
Disk Suspended attached: attach
Disk Halted detached: attach
CD Running attached: attach eject pause unpause
CD Running empty: attach insert pause unpause
CD Paused attached: attach eject pause unpause
CD Paused empty: attach insert pause unpause
CD Suspended attached: attach
CD Suspended empty: attach
CD Halted detached: attach eject
CD Halted empty: attach insert
"""
CASES: Final = [line.split(": ") for line in DRIVES.strip().splitlines()]


async def _guest(one: Client, state: str, *, hotplug: str = "yes") -> str:
    db = one.pool.db
    vm = await one.named("VM", "web-01")
    db.set("VM_metrics", db.get("VM", vm, "metrics"), current_domain_type="hvm")
    db.set("VM_guest_metrics", db.get("VM", vm, "guest_metrics"), can_use_hotplug_vbd=hotplug,
           can_use_hotplug_vif=hotplug)  # fmt: skip
    db.set("VM", vm, power_state=state, domain_type="hvm")
    return vm


@pytest.mark.parametrize(("case", "due"), CASES, ids=[case for case, _ in CASES])
async def test_every_drive_in_every_state(one: Client, case: str, due: str) -> None:
    kind, state, how = case.split()
    vm = await _guest(one, state)
    db = one.pool.db
    drive = next(v for v in db.get("VM", vm, "VBDs") if db.get("VBD", v, "type") == "Disk")
    disk = db.get("VBD", drive, "VDI")
    db.set("VBD", drive, type=kind, mode="RO" if kind == "CD" else "RW", empty=how == "empty", unpluggable=True,
           VDI=NULL if how == "empty" else disk, currently_attached=how == "attached")  # fmt: skip
    assert sorted(await one("VBD.get_allowed_operations", drive)) == sorted(due.split())
    db.set("VBD", drive, unpluggable=False)
    left = [op for op in due.split() if not op.startswith("unplug")]
    assert sorted(await one("VBD.get_allowed_operations", drive)) == sorted(left)
    if how != "empty":
        db.set("VDI", disk, managed=False)
        assert await one("VBD.get_allowed_operations", drive) == []
    db.set("VBD", drive, type="Disk", empty=False, VDI=disk)


INTERFACES: Final = {
    ("Running", True, "yes"): "attach unplug", ("Running", False, "yes"): "attach plug",
    ("Running", True, "no"): "attach", ("Running", False, "no"): "attach", ("Paused", True, "yes"): "attach",
    ("Suspended", True, "yes"): "attach", ("Halted", False, "yes"): "attach",
}  # fmt: skip


@pytest.mark.parametrize("case", INTERFACES, ids=str)
async def test_every_interface_in_every_state(one: Client, case: tuple[str, bool, str]) -> None:
    state, attached, hotplug = case
    vm = await _guest(one, state, hotplug=hotplug)
    vif = (await one("VM.get_VIFs", vm))[0]
    one.pool.db.set("VIF", vif, currently_attached=attached)
    assert sorted(await one("VIF.get_allowed_operations", vif)) == sorted(INTERFACES[case].split())


@pytest.mark.parametrize("op", ["clean_shutdown", "hard_shutdown", "suspend", "pause", "snapshot"])
async def test_devices_of_a_vm_that_is_being_stopped(one: Client, op: str) -> None:
    vm = await _guest(one, "Running")
    vif, db = (await one("VM.get_VIFs", vm))[0], one.pool.db
    drive = next(v for v in db.get("VM", vm, "VBDs") if db.get("VBD", v, "type") == "Disk")
    db.set("VBD", drive, unpluggable=True)
    db.set("VM", vm, current_operations={TASK: op})
    may = op == "snapshot"
    assert ("unplug" in await one("VBD.get_allowed_operations", drive)) is may
    assert ("unplug" in await one("VIF.get_allowed_operations", vif)) is may
    assert "unplug_force" in await one("VBD.get_allowed_operations", drive)


# -- busy --------------------------------------------------------------------------------------------------------------

FORMS: Final[dict[str, tuple[str, list[Any], list[Any]]]] = {
    "VM": ("pool_migrate", ["VM.pool_migrate", "ref"], ["VM", "ref", "pool_migrate", TASK]),
    "VDI": ("copy", ["VDI", "ref"], ["VDI", "ref", "copy", TASK]),
    "pool": ("ha_enable", ["pool", "ref"], ["pool", "ref", "ha_enable", TASK]),
    "host": ("vm_migrate", ["host", "ref", "VM.migrate"], ["host", "ref", "VM.migrate", TASK]),
    "SR": ("scan", ["SR", "ref", "scan"], ["SR", "ref", "scan", TASK]),
    "VBD": ("plug", ["VBD", "ref", "plug"], ["VBD", "ref", "plug", TASK]),
    "VIF": ("plug", ["VIF", "ref", "plug"], ["VIF", "ref", "{plug}", f"{{{TASK}}}"]),
    "VUSB": ("plug", ["VUSB", "ref", "plug"], ["VUSB", "ref", "{plug}", f"{{{TASK}}}"]),
}  # fmt: skip


@pytest.mark.parametrize("cls", FORMS)
@pytest.mark.parametrize(("xapi", "new"), [("1.249.32", False), ("24.10.0", False), ("25.26.9", False),
                                           ("25.27.0", True), ("26.17.0", True)])  # fmt: skip
def test_every_class_says_what_runs(cls: str, xapi: str, new: bool) -> None:
    op, before, since = FORMS[cls]
    failure = other_operation(replace(PROFILES["8.4"], xapi_build=xapi), cls, "ref", {TASK: op})
    assert failure.description == ["OTHER_OPERATION_IN_PROGRESS", *(since if new else before)]
