"""Tables of the research sheet, row by row: pool_migrate and evacuation (5), migrate_send (6), reception and disks (7),
shapes of errors (11). The ids of the rows stand in the names of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulator.inside import Client, clients, migration, until
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates.memory import needed_memory
from xsmigui.simulator.guests import halt
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import GIB

AMD = {"vendor": "AuthenticAMD"}


class Move:
    """`web-01` of Madrid, to Lisboa (6) or to madrid-02 (5)."""

    def __init__(self, one: Client, two: Client, params: list[Any], host: str) -> None:
        self.one, self.two, self.params, self.host = one, two, params, host
        self.vm: str = params[0]
        self.db, self.there = one.pool.db, two.pool.db
        self.options: dict[str, str] = {}
        self.disk: str = next(iter(params[3]))
        self.vif: str = next(iter(params[4]), "")

    @property
    def target(self) -> str:
        return str(self.params[1]["host"])

    @property
    def place(self) -> str:
        return str(next(iter(self.params[3].values()), ""))

    def set(self, **fields: Any) -> None:
        self.db.set("VM", self.vm, **fields)

    def names(self) -> dict[str, str]:
        seed = self.db.get("VM", self.vm, "other_config").get("mac_seed", "")
        same = [r for r, row in self.there.table("VM").items() if row["uuid"] == self.db.get("VM", self.vm, "uuid")]
        return {**dict.fromkeys(same, "twin"), self.vm: "vm", self.host: "host", self.disk: "vdi", self.vif: "vif",
                self.target: "target", self.place: "sr", seed: "seed"}  # fmt: skip

    async def refusal(self, method: str) -> list[str] | None:
        if method == "VM.pool_migrate":
            call = self.one(method, self.vm, self.host, self.options)
        else:
            call = self.one(method, *self.params[:5], self.options)
        try:
            await call
        except Failure as failure:
            return [self.names().get(p, p) for p in failure.description]
        return None


@pytest.fixture
async def move() -> Move:
    one, two = await clients()
    params = await migration(one, two, "web-01", "NFS Lisboa")
    return Move(one, two, params, await one.named("host", "madrid-02"))


def inside(move: Move) -> None:
    """The same VM to another SR and host of its own pool."""
    sr = next(r for r, row in move.db.table("SR").items() if row["name_label"] == "iSCSI Madrid")
    move.params[1] = {**move.params[1], "host": move.host, "session_id": move.one.session}
    move.params[3] = {move.disk: sr}
    move.params[4] = {}


def _pif(move: Move, network: str, **fields: Any) -> str:
    ref = next(r for r, row in move.db.table("network").items() if row["name_label"] == network)
    pif = host_gate.pif_on(move.one.pool, ref, move.host)
    move.options["network"] = ref
    if pif is not None and fields:
        move.db.set("PIF", pif, **fields)
    return str(pif)


def _restrict(move: Move, key: str) -> None:
    move.db.set("pool", move.one.pool.ref, restrictions={key: "true"})


def _upgrade(move: Move, ref: str) -> None:
    old = {**move.db.get("host", ref, "software_version"), "platform_version": "1.0"}
    move.db.set("host", ref, software_version=old)
    move.db.add_to("pool", move.one.pool.ref, "other_config", "rolling_upgrade_in_progress", "")


def _memory(client: Client, host: str) -> None:
    client.pool.db.set("host_metrics", client.pool.db.get("host", host, "metrics"), memory_total=GIB)


# -- 5.1 VM.pool_migrate -----------------------------------------------------------------------------------------------

POOL_MIGRATE: dict[str, tuple[Callable[[Move], Any], list[str]]] = {
    "5.1-1 processor": (lambda m: m.set(last_boot_CPU_flags=AMD),
                        ["VM_INCOMPATIBLE_WITH_THIS_HOST", "vm", "host", "*"]),
    "5.1-2 gate": (lambda m: m.set(blocked_operations={"pool_migrate": "no"}), ["OPERATION_BLOCKED", "vm", "no"]),
    "5.1-3 older during an upgrade": (lambda m: _upgrade(m, m.host), ["NOT_SUPPORTED_DURING_UPGRADE"]),
    "5.1-4 disabled": (lambda m: m.db.set("host", m.host, enabled=False), ["HOST_DISABLED", "host"]),
    "5.1-4 memory": (lambda m: _memory(m.one, m.host), ["HOST_NOT_ENOUGH_FREE_MEMORY", "*", "0"]),
    "5.1-6 evacuating": (lambda m: m.db.set("host", m.host, current_operations={"t": "evacuate"}),
                         ["OTHER_OPERATION_IN_PROGRESS", "host", "host", "evacuate"]),
    "5.1-7 licence": (lambda m: _restrict(m, "restrict_xen_motion"), ["LICENCE_RESTRICTION", "Xen_motion"]),
    "5.1-8 no PIF": (lambda m: _pif(m, "Cluster heartbeat"), ["PIF_NOT_PRESENT", "host", "*"]),
    "5.1-8 unplugged": (lambda m: _pif(m, "Storage", currently_attached=False), ["REQUIRED_PIF_IS_UNPLUGGED", "*"]),
    "5.1-8 no address": (lambda m: _pif(m, "Storage", IP=""), ["INTERFACE_HAS_NO_IP", "*"]),
}  # fmt: skip


def alike(wanted: list[str], got: list[str] | None) -> bool:
    """`*` stands for any parameter."""
    return got is not None and len(got) == len(wanted) and all(w in {"*", g} for w, g in zip(wanted, got, strict=True))


@pytest.mark.parametrize("row", POOL_MIGRATE)
async def test_pool_migrate(move: Move, row: str) -> None:
    change, wanted = POOL_MIGRATE[row]
    change(move)
    got = await move.refusal("VM.pool_migrate")
    assert alike(wanted, got), got


@pytest.mark.parametrize("option", ["true", "false", "yes", "1"])
async def test_pool_migrate_force_is_exactly_true_5_1(move: Move, option: str) -> None:
    move.set(last_boot_CPU_flags=AMD)
    move.options["force"] = option
    got = await move.refusal("VM.pool_migrate")
    assert (got is None) is (option == "true")


async def test_pool_migrate_5_1_5_plan(move: Move) -> None:
    """A protected VM has just one place left to start again; the move would take it."""
    one, db = move.one, move.db
    await one("pool.enable_ha", [], {})
    hosts = [await one.named("host", f"madrid-0{n}") for n in (1, 2, 3)]
    big = await one.named("VM", "mail")  # on madrid-02
    size = 9 * GIB
    db.set("VM", big, ha_restart_priority="restart", memory_dynamic_min=size, memory_dynamic_max=size,
           memory_static_max=size)  # fmt: skip
    for host, spare in zip(hosts, (GIB // 2, GIB // 2, 10 * GIB), strict=True):
        residents = [db.row("VM", v) for v in db.get("host", host, "resident_VMs")]
        used = db.get("host", host, "memory_overhead")
        used += sum(v["memory_dynamic_min"] + v["memory_overhead"] for v in residents)
        db.set("host_metrics", db.get("host", host, "metrics"), memory_total=used + spare)
    await one("pool.set_ha_host_failures_to_tolerate", one.pool.ref, 1)
    assert await one("pool.ha_failover_plan_exists", 1)
    params = [move.vm, hosts[2], {}]
    assert await one.refused("VM.pool_migrate", *params) == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    assert await one.refused("host.disable", hosts[2]) == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    assert await one.refused("host.evacuate", hosts[2]) == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    db.set("pool", one.pool.ref, ha_allow_overcommit=True)
    assert await one("VM.pool_migrate", *params) == ""


async def test_pool_migrate_5_1_9_nvidia(move: Move) -> None:
    db = move.db
    kind = db.create("VGPU_type", {"implementation": "nvidia"})
    group = db.create("GPU_group", {})
    gpus = [
        db.create("PGPU", {"host": h, "GPU_group": group, "enabled_VGPU_types": [kind],
                           "compatibility_metadata": {"version": "1"}})
        for h in (db.get("VM", move.vm, "resident_on"), move.host)
    ]  # fmt: skip
    vgpu = db.create("VGPU", {"VM": move.vm, "GPU_group": group, "type": kind, "resident_on": gpus[0],
                              "compatibility_metadata": {"version": "1"}, "currently_attached": True})  # fmt: skip
    db.set("PGPU", gpus[1], compatibility_metadata={})
    assert await move.refusal("VM.pool_migrate") == ["NVIDIA_TOOLS_ERROR", "host"]
    db.set("PGPU", gpus[1], compatibility_metadata={"version": "2"})
    refusal = await move.refusal("VM.pool_migrate")
    assert refusal == ["VGPU_DESTINATION_INCOMPATIBLE", "Incompatible host driver", vgpu, "host"]
    db.set("PGPU", gpus[1], compatibility_metadata={"version": "1"})
    assert await move.refusal("VM.pool_migrate") is None
    assert db.get("VGPU", vgpu, "resident_on") == gpus[1]


async def test_pool_migrate_5_1_11_message_and_place(move: Move) -> None:
    assert await move.refusal("VM.pool_migrate") is None
    row = move.db.row("VM", move.vm)
    assert (row["resident_on"], row["scheduled_to_be_resident_on"]) == (move.host, NULL)
    (message,) = [m for m in move.one.pool.messages.rows.values() if m["name"] == "VM_MIGRATED"]
    assert (message["priority"], message["cls"], message["obj_uuid"]) == (5, "VM", row["uuid"])


async def test_hard_shutdown_calls_off_a_pool_migration_3_4(move: Move) -> None:
    task = await move.one("Async.VM.pool_migrate", move.vm, move.host, {})
    await until(lambda: move.db.get("task", task, "progress") > 0.05, move.one.pool)
    await move.one("VM.hard_shutdown", move.vm)
    assert (await move.one.finished(task))["status"] == "cancelled"
    assert await move.one("VM.get_power_state", move.vm) == "Halted"


# -- 5.2 host.evacuate -------------------------------------------------------------------------------------------------


async def evacuated() -> tuple[Client, str, list[str]]:
    one, _ = await clients("scale", vms=24)
    host = next(h for h in one.pool.db.table("host") if h != one.pool.master)
    await one("host.disable", host)
    vms = [
        v for v in one.pool.db.get("host", host, "resident_VMs") if not one.pool.db.get("VM", v, "is_control_domain")
    ]
    return one, host, vms


async def test_evacuate_5_2_3_no_target() -> None:
    one, host, vms = await evacuated()
    for other in one.pool.db.table("host"):
        one.pool.db.set("host", other, enabled=False)
    refusal = await one.refused("host.evacuate", host)
    assert refusal[0] == "NO_HOSTS_AVAILABLE"
    assert refusal[1] in vms
    told = await one("host.get_vms_which_prevent_evacuation", host)
    assert told == {vm: ["NO_HOSTS_AVAILABLE", vm] for vm in vms}


async def test_evacuate_5_2_3_gate_overrides_the_host_gate() -> None:
    one, host, vms = await evacuated()
    one.pool.db.set("VM", vms[0], power_state="Paused", hardware_platform_version=9)
    told = await one("host.get_vms_which_prevent_evacuation", host)
    assert told == {vms[0]: ["VM_BAD_POWER_STATE", vms[0], "running", "paused"]}
    one.pool.db.set("VM", vms[0], power_state="Running")
    told = await one("host.get_vms_which_prevent_evacuation", host)
    assert told[vms[0]][0] == "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION"
    assert (await one.refused("host.assert_can_evacuate", host))[0] == "CANNOT_EVACUATE_HOST"


async def test_evacuate_5_2_3_memory_is_a_reference() -> None:
    one, host, vms = await evacuated()
    for other in one.pool.db.table("host"):
        if other != host:
            used = one.pool.db.get("host", other, "memory_overhead")
            used += sum(
                needed_memory(one.pool, one.pool.db.row("VM", v))
                for v in one.pool.db.get("host", other, "resident_VMs")
            )
            one.pool.db.set("host_metrics", one.pool.db.get("host", other, "metrics"), memory_total=used)
    told = await one("host.get_vms_which_prevent_evacuation", host)
    assert told == {vm: ["HOST_NOT_ENOUGH_FREE_MEMORY", vm] for vm in vms}
    text = (await one.refused("host.assert_can_evacuate", host))[1]
    assert sorted(text.split("|")) == sorted(f"HOST_NOT_ENOUGH_FREE_MEMORY,{vm}" for vm in vms)


@pytest.mark.parametrize(("release", "code"), [
    ("25.33", "HOST_NOT_ENOUGH_FREE_MEMORY"), ("26.17", "HOST_EVACUATE_VM_NOT_HA_PROTECTED"),
])  # fmt: skip
async def test_evacuate_5_2_3_unprotected(release: str, code: str) -> None:
    one, host, vms = await evacuated()
    one.pool.profile = PROFILES[release]
    await one("pool.enable_ha", [], {})
    told = await one("host.get_vms_which_prevent_evacuation", host)
    assert told == {vm: [code, vm] for vm in vms}


async def test_evacuate_5_2_5_network() -> None:
    one, host, _ = await evacuated()
    guests = await one.named("network", "Guests")
    assert (await one.refused("host.evacuate", host, guests))[0] == "INTERFACE_HAS_NO_IP"
    assert await one("host.evacuate", host, await one.named("network", "Storage")) == ""


@pytest.mark.parametrize(("batch", "most"), [(0, 10), (2, 2)], ids=["5.2-6 ten", "5.2-6 two"])
async def test_evacuate_batches(batch: int, most: int) -> None:
    one, _ = await clients("scale", vms=60)
    host = next(h for h in one.pool.db.table("host") if h != one.pool.master)
    await one("host.disable", host)
    at_once = 0
    write = one.pool.tasks.progress

    def watch(ref: str, value: float) -> None:
        nonlocal at_once
        children = [t for t in one.pool.db.table("task").values() if t["name_label"] == "Async.VM.pool_migrate"]
        at_once = max(at_once, sum(t["status"] == "pending" for t in children))
        write(ref, value)

    one.pool.tasks.progress = watch  # type: ignore[method-assign]
    await one("host.evacuate", host, NULL, batch)
    assert at_once == most


async def test_evacuate_5_2_6_a_vm_that_was_shut_down_is_no_failure() -> None:
    one, host, vms = await evacuated()
    task = await one("Async.host.evacuate", host)
    await until(lambda: any(one.pool.db.get("VM", v, "current_operations") for v in vms), one.pool)
    victim = next(v for v in vms if one.pool.db.get("VM", v, "current_operations"))
    halt(one.pool, victim)
    assert (await one.finished(task))["status"] == "success"


# -- 6.2 VM.assert_can_migrate -----------------------------------------------------------------------------------------


def _older(move: Move) -> None:
    ref = move.target
    table = move.there if move.there.has("host", ref) else move.db
    table.set("host", ref, software_version={**table.get("host", ref, "software_version"), "platform_version": "1.0"})


def _to(move: Move, name: str) -> None:
    """All disks to another SR, by its name."""
    table = move.there if move.there.has("host", move.target) else move.db
    sr = next(r for r, row in table.table("SR").items() if row["name_label"] == name)
    move.params[3] = dict.fromkeys(move.params[3], sr)


def _twin(move: Move, **fields: Any) -> None:
    seed = move.db.get("VM", move.vm, "other_config")["mac_seed"]
    move.there.create(
        "VM", {"name_label": "twin", "other_config": {"mac_seed": seed}, "power_state": "Halted", **fields}
    )


def _same(move: Move, **fields: Any) -> None:
    _twin(move, uuid=move.db.get("VM", move.vm, "uuid"), **fields)


def _dead(move: Move, host: str = "") -> None:
    metrics = move.db.get("host", host or move.host, "metrics")
    move.db.set("host_metrics", metrics, live=False)


def _lost(move: Move) -> None:
    """The VM's own host is down; nobody has said yet that the VM is."""
    _dead(move, move.db.get("VM", move.vm, "resident_on"))


def _no_mirror(move: Move) -> None:
    """The source's SR cannot mirror."""
    for ref, row in move.db.table("SM").items():
        if row["type"] == "nfs":
            move.db.set("SM", ref, features={"VDI_SNAPSHOT": 1})
    move.one.pool.forget_plugins()


def _import_checks(move: Move, **fields: Any) -> None:
    """The source is new enough to leave the comparison of processors to the destination (24.40)."""
    move.one.pool.profile = PROFILES["25.33"]
    move.set(**fields)


def _checkpoint(move: Move) -> None:
    """A snapshot with memory from another kind of processor."""
    _import_checks(move)
    move.db.create("VM", {
        "is_a_snapshot": True, "snapshot_of": move.vm, "power_state": "Suspended", "domain_type": "hvm",
        "last_boot_CPU_flags": AMD, "metrics": move.db.create("VM_metrics", {"current_domain_type": "hvm"}),
    })  # fmt: skip


ASSERT: dict[str, tuple[Callable[[Move], Any], list[str]]] = {
    "6.2-2": (lambda m: _restrict(m, "restrict_storage_xen_motion"), ["LICENCE_RESTRICTION", "Storage_motion"]),
    "6.2-3": (lambda m: m.params[1].pop("master"), ["INTERNAL_ERROR", "Not_found"]),
    "6.2-4": (lambda m: m.params[3].clear(), ["VDI_NOT_IN_MAP", "vdi"]),
    "6.2-5i": (lambda m: (inside(m), _older(m)), ["NOT_SUPPORTED_DURING_UPGRADE"]),
    "6.2-6i": (lambda m: (inside(m), _to(m, "ISO library")), ["SR_DOES_NOT_SUPPORT_MIGRATION", "sr"]),
    "6.2-6i source": (lambda m: (inside(m), _no_mirror(m)), ["SR_DOES_NOT_SUPPORT_MIGRATION", "*"]),
    "6.2-7i memory": (lambda m: (inside(m), _memory(m.one, m.host)), ["HOST_NOT_ENOUGH_FREE_MEMORY", "*", "0"]),
    "6.2-7i processor": (lambda m: (inside(m), m.set(last_boot_CPU_flags=AMD)),
                         ["VM_INCOMPATIBLE_WITH_THIS_HOST", "vm", "target", "*"]),
    "6.2-8i": (lambda m: (inside(m), m.params.__setitem__(4, {"v": "n"})), ["OPERATION_NOT_ALLOWED",
               "VIF mapping is not allowed for intra-pool migration -all VIFs must be on the same network"]),
    "6.2-5c": (_older, ["VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", "vm", "target"]),
    "6.2-6c": (lambda m: _to(m, "ISO library"), ["SR_DOES_NOT_SUPPORT_MIGRATION", "sr"]),
    "6.2-7c": (lambda m: m.options.update(copy="true"), ["VM_BAD_POWER_STATE", "vm", "halted", "running"]),
    "6.2-8c": (lambda m: m.set(hardware_platform_version=9), [
        "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", "target", "[0; 1; 2]", "vm", "9"]),
    "6.2-9c": (lambda m: m.there.set("host", m.target, enabled=False), ["HOST_DISABLED", "target"]),
    "6.2-10c": (lambda m: m.set(VCPUs_max=99), ["HOST_NOT_ENOUGH_PCPUS", "99", "12"]),
    "6.2-11c": (lambda m: m.params[4].clear(), ["VIF_NOT_IN_MAP", "vif"]),
    "6.2-12c seed": (lambda m: _twin(m), ["DUPLICATE_MAC_SEED", "seed"]),
    "6.2-12c same uuid runs": (lambda m: _same(m, power_state="Running"),
                               ["VM_BAD_POWER_STATE", "twin", "Halted", "Running"]),
    "6.2-12c not newer": (lambda m: _same(m, version=7), ["VM_TO_IMPORT_IS_NOT_NEWER_VERSION", "twin", "7", "0"]),
    "6.2-12c memory": (lambda m: _memory(m.two, m.target), ["HOST_NOT_ENOUGH_FREE_MEMORY", "*", "0"]),
    "6.2 processor, by the source": (lambda m: m.set(last_boot_CPU_flags=AMD),
                                     ["VM_INCOMPATIBLE_WITH_THIS_HOST", "vm", "target", "*"]),
    "6.2-12c processor": (lambda m: _import_checks(m, last_boot_CPU_flags=AMD),
                          ["VM_INCOMPATIBLE_WITH_THIS_HOST", NULL, "target", "*"]),
    "6.2-12c processor before 24.40": (lambda m: (m.params[4].clear(), m.set(last_boot_CPU_flags=AMD)),
                                       ["VM_INCOMPATIBLE_WITH_THIS_HOST", "vm", "target", "*"]),
    "6.2-12c snapshot with memory": (_checkpoint, ["VM_INCOMPATIBLE_WITH_THIS_HOST", NULL, "target", "*"]),
    "6.2-5i session": (lambda m: (inside(m), m.params[1].update(session_id="OpaqueRef:none")),
                       ["SESSION_INVALID", "OpaqueRef:none"]),
    "6.2-6 offline, disks first": (lambda m: (inside(m), _dead(m), m.params[3].clear()), ["VDI_NOT_IN_MAP", "vdi"]),
    "6.2-6 offline, SRs first": (lambda m: (inside(m), _dead(m), m.params[3].update({m.disk: "OpaqueRef:none"})),
                                 ["HANDLE_INVALID", "SR", "sr"]),
    "6.2-6 its own host offline": (lambda m: _lost(m), ["HOST_OFFLINE", "*"]),
    "6.2-12c vGPU": (lambda m: m.db.create("VGPU", {"VM": m.vm, "GPU_group": "OpaqueRef:g"}),
                     ["VM_REQUIRES_GPU", "vm", "OpaqueRef:g"]),
    "6.2-13c": (lambda m: m.there.set("host_metrics", m.there.get("host", m.target, "metrics"), live=False),
                ["CANNOT_CONTACT_HOST", "*"]),
    "6.2-14 CBT": (lambda m: m.db.set("VDI", m.disk, cbt_enabled=True), ["VDI_CBT_ENABLED", "vdi"]),
    "6.2-14 encrypted": (lambda m: m.db.set("VDI", m.disk, sm_config={"key_hash": "x"}), ["VDI_IS_ENCRYPTED", "vdi"]),
}  # fmt: skip


@pytest.mark.parametrize("row", ASSERT)
async def test_assert_can_migrate(move: Move, row: str) -> None:
    change, wanted = ASSERT[row]
    change(move)
    got = await move.refusal("VM.assert_can_migrate")
    assert alike(wanted, got), got
    assert await move.refusal("VM.migrate_send") == got or got is None or "6.2-12c vGPU" in row


ASSENT: dict[str, Callable[[Move], Any]] = {
    "6.2 gate is not asked: paused": lambda m: m.set(power_state="Paused"),
    "6.2 gate is not asked: blocked": lambda m: m.set(blocked_operations={"migrate_send": "x"}),
    "6.2 gate is not asked: USB": lambda m: m.db.create("VUSB", {"VM": m.vm}),
    "6.2 gate is not asked: PCI": lambda m: m.set(attached_PCIs=[m.db.create("PCI", {})]),
    "6.2 gate is not asked: tools": lambda m: m.set(guest_metrics=NULL),
    "6.2-4 snapshots are not required": lambda m: None,
    "6.2-7c force": lambda m: m.options.update(copy="true", force="true"),
    "6.2-11c networks need not exist": lambda m: m.params.__setitem__(4, dict.fromkeys(m.params[4], "OpaqueRef:none")),
    "6.2-12c seed of a copy": lambda m: (_twin(m), m.options.update(copy="true", force="true")),
    "6.2-12c halted and older namesake": lambda m: _same(m, version=-1),
    "6.2 snapshot with memory, by the source": lambda m: (
        _checkpoint(m),
        setattr(m.one.pool, "profile", PROFILES["8.4"]),
    ),
    "6.2-12c processor of a halted VM": lambda m: m.set(power_state="Halted", last_boot_CPU_flags=AMD),
    "6.2-12c processor with force": lambda m: (m.set(last_boot_CPU_flags=AMD), m.options.update(force="true")),
    "6.2 no check of space": lambda m: m.there.set("SR", m.place, physical_size=1),
    "6.2 unknown options": lambda m: m.options.update(anything="x"),
}


@pytest.mark.parametrize("row", ASSENT)
async def test_assert_can_migrate_says_yes(move: Move, row: str) -> None:
    ASSENT[row](move)
    assert await move.refusal("VM.assert_can_migrate") is None


async def test_gpu_of_the_mapped_group_6_2_12c_and_6_3(move: Move) -> None:
    db, there = move.db, move.there
    kinds = [t.create("VGPU_type", {"implementation": "nvidia", "identifier": "same"}) for t in (db, there)]
    groups = [t.create("GPU_group", {}) for t in (db, there)]
    homes = (db.get("VM", move.vm, "resident_on"), move.target)
    known = {"compatibility_metadata": {"version": "1"}}
    gpus = [
        t.create("PGPU", {"host": h, "GPU_group": g, "enabled_VGPU_types": [k], **known})
        for t, h, g, k in zip((db, there), homes, groups, kinds, strict=True)
    ]
    vgpu = db.create("VGPU", {"VM": move.vm, "GPU_group": groups[0], "type": kinds[0], "resident_on": gpus[0],
                              "compatibility_metadata": {"version": "1"}, "currently_attached": True})  # fmt: skip
    params = [*move.params[:5], {}]
    assert (await move.one.refused("VM.assert_can_migrate", *params))[0] == "VM_REQUIRES_GPU"
    assert await move.one("VM.assert_can_migrate", *params, {vgpu: groups[1]}) == ""
    there.set("PGPU", gpus[1], compatibility_metadata={})
    refusal = await move.one.refused("VM.migrate_send", *params, {vgpu: groups[1]})
    assert refusal == ["NVIDIA_TOOLS_ERROR", move.target]
    there.set("PGPU", gpus[1], compatibility_metadata={"version": "2"})
    refusal = await move.one.refused("VM.migrate_send", *params, {vgpu: groups[1]})
    assert refusal == ["VGPU_DESTINATION_INCOMPATIBLE", "Incompatible host driver", vgpu, move.target]
    there.set("PGPU", gpus[1], compatibility_metadata={"version": "1"})
    new = await move.one("VM.migrate_send", *params, {vgpu: groups[1]})
    (arrived,) = await move.two("VM.get_VGPUs", new)
    assert there.get("VGPU", arrived, "resident_on") == gpus[1]
    assert there.get("VGPU", arrived, "type") == kinds[1]


# -- 6.4 on the source host --------------------------------------------------------------------------------------------

SEND: dict[str, tuple[Callable[[Move], Any], list[str]]] = {
    "6.4-1": (lambda m: (inside(m), m.options.update(copy="true")), ["OPERATION_NOT_ALLOWED", "*"]),
    "6.4-4": (lambda m: m.db.set("VDI", m.disk, on_boot="reset"),
              ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION", "vdi"]),
}  # fmt: skip


@pytest.mark.parametrize("row", SEND)
async def test_migrate_send(move: Move, row: str) -> None:
    change, wanted = SEND[row]
    change(move)
    assert await move.refusal("VM.assert_can_migrate") is None
    got = await move.refusal("VM.migrate_send")
    assert alike(wanted, got), got


async def _with_snapshot(name: str = "db-postgres") -> Move:
    one, two = await clients()
    params = await migration(one, two, name, "NFS Lisboa")
    return Move(one, two, params, await one.named("host", "madrid-02"))


async def test_migrate_send_6_4_5_suspend_image_is_not_visible(move: Move) -> None:
    local = await move.one.named("SR", "Local storage on madrid-03")
    check = await move.one("VM.checkpoint", move.vm, "with memory")
    image = move.db.get("VM", check, "suspend_VDI")
    move.db.set("VDI", image, SR=local)  # madrid-01 does not see it
    assert await move.refusal("VM.migrate_send") == ["SUSPEND_IMAGE_NOT_ACCESSIBLE", image]


async def test_migrate_send_6_4_6_placement_of_snapshots() -> None:
    move = await _with_snapshot()
    move.there.set("pool", move.two.pool.ref, default_SR=NULL)
    assert await move.refusal("VM.migrate_send") is None  # they follow the disk they are of
    move = await _with_snapshot()
    snap = move.db.get("VM", move.vm, "snapshots")[0]
    lost = (await move.one.disks(snap))[0]
    move.db.set("VDI", lost, snapshot_of=NULL)
    move.there.set("pool", move.two.pool.ref, default_SR=NULL)
    assert await move.refusal("VM.migrate_send") == ["VDI_NOT_IN_MAP", lost]


async def test_migrate_send_6_4_7_cbt_of_a_snapshot() -> None:
    move = await _with_snapshot()
    snap = move.db.get("VM", move.vm, "snapshots")[0]
    tracked = (await move.one.disks(snap))[0]
    move.db.set("VDI", tracked, cbt_enabled=True)
    assert await move.refusal("VM.assert_can_migrate") is None
    assert await move.refusal("VM.migrate_send") == ["VDI_CBT_ENABLED", tracked]


@pytest.mark.parametrize(("wanted", "text"), [
    ("raw", "Image format raw is not supported by {uuid}"), ("tar", "Image format tar is not supported by {uuid}"),
    ("qcow2", None), ("", None),
], ids=lambda v: f"6.4-8 {v}")  # fmt: skip
async def test_migrate_send_formats(wanted: str, text: str | None) -> None:
    pools = {c.pool.name: c for c in await clients("mixed-versions")}
    new = pools["New 9"]
    vm = await new.named("VM", "new-vm-1")
    (disk,) = await new.disks(vm)
    storage, local = await new.named("network", "Storage"), await new.named("SR", "Local storage")
    host = await new("VM.get_resident_on", vm)
    dest = await new("host.migrate_receive", host, storage, {})
    params = [vm, dest, True, {disk: local}, {}, {}, {}, {disk: wanted}]
    if text is None:
        assert await new("VM.migrate_send", *params) == vm
    else:
        uuid = await new("SR.get_uuid", local)
        assert await new.refused("VM.migrate_send", *params) == ["VDI_INCOMPATIBLE_TYPE", text.format(uuid=uuid)]
    sm = next(r for r, row in new.pool.db.table("SM").items() if row["type"] == "ext")
    assert await new("SM.get_supported_image_formats", sm) == ["vhd", "qcow2"]


@pytest.mark.parametrize(("state", "mapped", "ejected"), [
    ("Running", False, True), ("Running", True, False), ("Suspended", False, False),
], ids=["6.4-9 ejected", "6.4-9 mapped to its own SR", "6.4-9 suspended"])  # fmt: skip
async def test_migrate_send_cds(state: str, mapped: bool, ejected: bool) -> None:
    one, _ = await clients()
    vm = await one.named("VM", "dc-windows")
    if state == "Suspended":
        await one("VM.suspend", vm)
    drive = next(v for v in one.pool.db.get("VM", vm, "VBDs") if one.pool.db.get("VBD", v, "type") == "CD")
    iso = one.pool.db.get("VBD", drive, "VDI")
    host, storage = await one.named("host", "madrid-03"), await one.named("network", "Storage")
    dest = await one("host.migrate_receive", host, storage, {})
    vdi_map = dict.fromkeys(await one.disks(vm), await one.named("SR", "NFS Madrid"))
    if mapped:
        vdi_map[iso] = one.pool.db.get("VDI", iso, "SR")
    await one("VM.migrate_send", vm, dest, True, vdi_map, {}, {})
    assert one.pool.db.get("VBD", drive, "empty") is ejected


async def test_migrate_send_6_4_10_smallest_first_and_pbds_plugged(move: Move) -> None:
    move = await _with_snapshot()
    sizes: list[int] = []
    for pbd in move.there.get("SR", move.place, "PBDs"):
        move.there.set("PBD", pbd, currently_attached=move.there.get("PBD", pbd, "host") != move.target)
    before = set(move.there.table("VDI"))
    task = await move.one("Async.VM.migrate_send", *move.params)
    seen: set[str] = set(before)
    while move.db.get("task", task, "status") == "pending":
        for ref in move.there.table("VDI"):
            if ref not in seen:
                seen.add(ref)
                sizes.append(move.there.get("VDI", ref, "virtual_size"))
        await move.two.pool.db.changed(0.2)
        await asyncio.sleep(0)
    assert move.db.get("task", task, "status") == "success"
    assert sizes == sorted(sizes)
    assert len(sizes) == 9
    assert host_gate.sees(move.two.pool, move.target, move.place)


async def test_migrate_send_6_4_11_shared_sr(move: Move) -> None:
    """An SR with the same uuid on both sides: nothing is copied, if the disk is known there."""
    source = move.db.get("VDI", move.disk, "SR")
    uuid = move.db.get("SR", source, "uuid")
    move.there.set("SR", move.place, uuid=uuid)
    assert (await move.refusal("VM.migrate_send") or [""])[1].startswith("SR UUID matches on destination")
    known = move.there.create("VDI", {"SR": move.place, "uuid": move.db.get("VDI", move.disk, "uuid")})
    new = await move.one("VM.migrate_send", *move.params)
    assert await move.two.disks(new) == [known]


# -- 6.5 failures on the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("release", "copied", "codes"), [
    ("8.4", False, ["SR_BACKEND_FAILURE_44"]), ("26.17", False, ["INTERNAL_ERROR", "Migration_preparation_failure"]),
    ("26.17", True, ["INTERNAL_ERROR", "Internal_error"]),
], ids=["6.5 full, old", "6.5 full, mirrored", "6.5 full, copied"])  # fmt: skip
async def test_full_destination(release: str, copied: bool, codes: list[str]) -> None:
    move = await _with_snapshot("mail")
    move.one.pool.profile = replace(PROFILES[release], platform="3.4.0")
    if copied:
        for vbd in move.db.get("VM", move.vm, "VBDs"):
            move.db.set("VBD", vbd, mode="RO")
    sr = move.place
    move.there.set("SR", sr, physical_size=move.there.get("SR", sr, "physical_utilisation") + 1)
    got = " ".join(await move.refusal("VM.migrate_send") or [])
    assert all(code in got for code in codes), got
    assert "44" in got


@pytest.mark.parametrize(
    ("release", "code"), [("8.4", "SR_BACKEND_FAILURE_44"), ("26.17", "SR_SOURCE_SPACE_INSUFFICIENT")]
)
async def test_source_has_no_room_for_the_snapshot_6_5(release: str, code: str) -> None:
    move = await _with_snapshot("mail")
    move.one.pool.profile = replace(PROFILES[release], platform="3.4.0")
    sr = move.db.get("VDI", move.disk, "SR")
    move.db.set("SR", sr, physical_size=move.db.get("SR", sr, "physical_utilisation"))
    before = move.db.get("SR", sr, "physical_utilisation")
    got = " ".join(await move.refusal("VM.migrate_send") or [])
    assert code in got
    assert move.db.get("SR", sr, "physical_utilisation") == before


async def test_sr_not_attached_6_5(move: Move) -> None:
    for pbd in list(move.there.get("SR", move.place, "PBDs")):
        move.there.delete("PBD", pbd)
    assert await move.refusal("VM.migrate_send") == ["SR_NOT_ATTACHED", move.there.get("SR", move.place, "uuid")]


# -- 7.1, 7.2, 7.4 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "address", "code"), [
    ("None", "", "PIF_HAS_NO_NETWORK_CONFIGURATION"), ("Static", "", "INTERFACE_HAS_NO_IP"),
    ("DHCP", "", "INTERFACE_HAS_NO_IP"), ("Static", "10.0.0.9", ""),
], ids=["7.1-4 none", "7.1-4 static", "7.1-4 dhcp", "7.1 address"])  # fmt: skip
async def test_receive(move: Move, mode: str, address: str, code: str) -> None:
    network = await move.one.named("network", "Storage")
    pif = host_gate.pif_on(move.one.pool, network, move.host)
    move.db.set("PIF", str(pif), ip_configuration_mode=mode, IP=address)
    if code:
        assert await move.one.refused("host.migrate_receive", move.host, network, {}) == [code, pif]
        return
    got = await move.one("host.migrate_receive", move.host, network, {"any": "thing"})
    session = got["session_id"]
    assert got["SM"] == f"http://{address}/services/SM?session_id={session}"
    assert got["xenops"] == f"http://{address}/services/xenops?session_id={session}"
    assert got["host"] == move.host
    assert move.db.get("session", session, "this_host") == move.host


async def test_receive_7_1_ipv6(move: Move) -> None:
    network = await move.one.named("network", "Storage")
    pif = str(host_gate.pif_on(move.one.pool, network, move.host))
    move.db.set("PIF", pif, primary_address_type="IPv6", ipv6_configuration_mode="Static",
                IPv6=["fe80::1/64", "2001:db8::5/64"])  # fmt: skip
    got = await move.one("host.migrate_receive", move.host, network, {})
    assert "2001:db8::5" in got["SM"]
    await move.one("host.disable", move.host)  # not looked at
    assert await move.one("host.migrate_receive", move.host, network, {})


async def test_vdi_pool_migrate_7_2(move: Move) -> None:
    one, db, disk = move.one, move.db, move.disk
    target = await one.named("SR", "iSCSI Madrid")
    loose = db.create("VDI", {"SR": target})
    assert await one.refused("VDI.pool_migrate", loose, target, {}) == ["VDI_NEEDS_VM_FOR_MIGRATE", loose]  # 1
    move.set(blocked_operations={"migrate_send": "no"})
    assert (await one.refused("VDI.pool_migrate", disk, target, {}))[0] == "OPERATION_BLOCKED"  # 2
    move.set(
        blocked_operations={}, memory_dynamic_min=20 * GIB, memory_dynamic_max=20 * GIB, memory_static_max=20 * GIB
    )
    assert (await one.refused("VDI.pool_migrate", disk, target, {}))[0] == "HOST_NOT_ENOUGH_FREE_MEMORY"  # 4: twice
    move.set(memory_dynamic_min=GIB, memory_dynamic_max=GIB, memory_static_max=GIB)
    db.set("VDI", disk, cbt_enabled=True)
    assert await one.refused("VDI.pool_migrate", disk, target, {}) == ["VDI_CBT_ENABLED", disk]  # 5
    db.set("VDI", disk, cbt_enabled=False)
    management = next(p for p in db.get("host", db.get("VM", move.vm, "resident_on"), "PIFs")
                      if db.get("PIF", p, "management"))  # fmt: skip
    db.set("PIF", management, management=False)
    assert await one.refused("VDI.pool_migrate", disk, target, {}) == ["HOST_HAS_NO_MANAGEMENT_IP"]  # 9
    db.set("PIF", management, management=True)
    same = db.get("VDI", disk, "SR")
    assert await one("VDI.pool_migrate", disk, same, {}) == disk  # stays: the same reference
    new = await one("VDI.pool_migrate", disk, target, {})
    assert (db.get("VDI", new, "SR"), db.has("VDI", disk)) == (target, False)


async def test_vdi_pool_migrate_7_2_3_nobody_sees_both() -> None:
    one, _ = await clients()
    vm = await one.named("VM", "install-in-progress")  # on the local disk of madrid-01
    (disk,) = await one.disks(vm)
    elsewhere = await one.named("SR", "Local storage on madrid-02")
    assert await one.refused("VDI.pool_migrate", disk, elsewhere, {}) == ["NO_HOSTS_AVAILABLE"]


async def test_vdi_pool_migrate_3_4_what_is_shown(move: Move) -> None:
    target = await move.one.named("SR", "iSCSI Madrid")
    task = await move.one("Async.VDI.pool_migrate", move.disk, target, {})
    await until(lambda: move.db.get("task", task, "progress") > 0.1, move.one.pool)
    assert move.db.get("VM", move.vm, "current_operations") == {task: "migrate_send"}
    assert move.db.get("VDI", move.disk, "current_operations") == {task: "mirror"}
    allowed = set(await move.one("VM.get_allowed_operations", move.vm))
    assert allowed == {"clean_shutdown", "clean_reboot", "hard_shutdown", "hard_reboot"}
    assert (await move.one.finished(task))["status"] == "success"


async def test_copies_7_4(move: Move) -> None:
    one, db = move.one, move.db
    vm = await one.named("VM", "intranet-old")
    (disk,) = await one.disks(vm)
    target = await one.named("SR", "NFS Madrid")
    db.set("VDI", disk, tags=["kept"], sm_config={"x": "y"}, xenstore_data={"a": "b"})
    new = db.row("VDI", await one("VDI.copy", disk, target))
    old = db.row("VDI", disk)
    for field in ("name_label", "name_description", "virtual_size", "type", "sharable", "xenstore_data", "tags"):
        assert new[field] == old[field]
    assert (new["read_only"], new["sm_config"].get("x")) == (False, None)
    small = db.create("VDI", {"SR": target, "virtual_size": 1})
    size = str(old["virtual_size"])
    assert await one.refused("VDI.copy", disk, NULL, NULL, small) == ["VDI_TOO_SMALL", small, size]
    db.set("VDI", disk, managed=False)
    assert await one.refused("VDI.copy", disk, target) == ["VDI_NOT_MANAGED", disk]


# -- 6.6 and 11 --------------------------------------------------------------------------------------------------------


async def test_effects_6_6_cross_pool(move: Move) -> None:
    """New references, old uuids of VM, drives and interfaces, new uuids of disks; HA switched off and on again."""
    move.set(ha_always_run=True)
    move.db.set("VDI", move.disk, other_config={"config-drive": "1", "lost": "2"}, tags=["t"])
    old = {cls: {move.db.get(cls, r, "uuid") for r in move.db.get("VM", move.vm, f"{cls}s")} for cls in ("VBD", "VIF")}
    off: list[bool] = []
    write = move.one.pool.tasks.progress

    def watch(ref: str, value: float) -> None:
        row = move.db.find("VM", move.vm)
        if row is not None:
            off.append(row["ha_always_run"])
        write(ref, value)

    move.one.pool.tasks.progress = watch  # type: ignore[method-assign]
    new = await move.one("VM.migrate_send", *move.params)
    row = move.there.row("VM", new)
    for cls in ("VBD", "VIF"):
        assert {move.there.get(cls, r, "uuid") for r in row[f"{cls}s"]} == old[cls]
    (disk,) = await move.two.disks(new)
    assert move.there.get("VDI", disk, "other_config") == {"config-drive": "1"}
    assert move.there.get("VDI", disk, "tags") == []
    assert row["ha_always_run"] is True
    assert True in off
    assert False in off
    assert not [m for m in move.one.pool.messages.rows.values() if m["name"] == "VM_MIGRATED"]


SHAPES: dict[str, tuple[Callable[[Move], Any], str, list[str]]] = {
    "11 VM_BAD_POWER_STATE gate": (lambda m: m.set(power_state="Paused"), "VM.pool_migrate",
                                   ["VM_BAD_POWER_STATE", "vm", "running", "paused"]),
    "11 VM_BAD_POWER_STATE import": (lambda m: _same(m, power_state="Running"), "VM.assert_can_migrate",
                                     ["VM_BAD_POWER_STATE", "twin", "Halted", "Running"]),
    "11 VM_IS_TEMPLATE with the operation": (lambda m: m.set(is_a_template=True), "VM.pool_migrate",
                                             ["VM_IS_TEMPLATE", "vm", "pool_migrate"]),
    "11 VM_HOST_INCOMPATIBLE_VERSION_MIGRATE": (_older, "VM.assert_can_migrate",
                                                ["VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", "vm", "target"]),
    "11 LICENCE_RESTRICTION": (lambda m: _restrict(m, "restrict_xen_motion"), "VM.pool_migrate",
                               ["LICENCE_RESTRICTION", "Xen_motion"]),
}  # fmt: skip


@pytest.mark.parametrize("row", SHAPES)
async def test_shapes(move: Move, row: str) -> None:
    change, method, wanted = SHAPES[row]
    change(move)
    assert await move.refusal(method) == wanted


# -- 5.1 #10 and 6.5: what xenopsd and SRs do --------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, 3], ids=lambda n: f"5.1-10 rebooted {n} times")
async def test_a_guest_that_reboots_is_moved_again(times: int) -> None:
    one, _two = await clients()
    vm, there = await one.named("VM", "web-01"), await one.named("host", "madrid-02")
    before = one.pool.db.get("VM", vm, "domid")
    one.pool.faults.rebooting[vm] = times
    if times < 3:
        await one("VM.pool_migrate", vm, there, {})
        assert one.pool.db.get("VM", vm, "resident_on") == there
    else:
        code, text = await one.refused("VM.pool_migrate", vm, there, {})
        assert code == "INTERNAL_ERROR"
        assert text.startswith("xenopsd internal error")
        assert one.pool.db.get("VM", vm, "resident_on") != there
        assert one.pool.db.get("VM", vm, "domid") != before
    assert one.pool.db.get("VM", vm, "power_state") == "Running"
    assert one.pool.faults.rebooting[vm] == 0


XENOPSD = [
    ["VM_SUSPEND_TIMEOUT", "vm", "1200."],
    ["HOST_NOT_ENOUGH_FREE_MEMORY", "2147483648", "1073741824"],
    ["VMS_FAILED_TO_COOPERATE", "vm"],
    ["BALLOONING_TIMEOUT_BEFORE_MIGRATION", "vm"],
    ["VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED"],
    ["XAPI_HOOK_FAILED", "hook", "reason", "out", "1"],
    ["VDI_IO_ERROR", "Device I/O errors"],
    ["SR_BACKEND_FAILURE_46", "", "The VDI is not available", ""],
]


@pytest.mark.parametrize("failure", XENOPSD, ids=lambda f: f"5.1-10 {f[0]}")
async def test_what_xenopsd_says_of_pool_migrate(failure: list[str]) -> None:
    one, _two = await clients()
    vm, there = await one.named("VM", "web-01"), await one.named("host", "madrid-02")
    home = one.pool.db.get("VM", vm, "resident_on")
    one.pool.faults.memory[vm] = Failure(*failure)
    assert await one.refused("VM.pool_migrate", vm, there, {}) == failure
    row = one.pool.db.row("VM", vm)
    assert (row["resident_on"], row["power_state"], row["current_operations"]) == (home, "Running", {})
    await one("VM.pool_migrate", vm, there, {})


@pytest.mark.parametrize("failure", XENOPSD, ids=lambda f: f"6.5 {f[0]}")
async def test_what_xenopsd_says_of_migrate_send_is_not_translated(failure: list[str]) -> None:
    move = await _with_snapshot("mail")
    move.one.pool.faults.memory[move.vm] = Failure(*failure)
    got = await move.refusal("VM.migrate_send")
    assert got is not None
    assert got[0] == "INTERNAL_ERROR"
    assert got[1].startswith(f"Xenops_interface.Xenopsd_error([S({failure[0]})")
    assert move.db.get("VM", move.vm, "power_state") == "Running"


async def test_a_disk_that_is_not_found_6_5(move: Move) -> None:
    move.two.pool.faults.lost_disks.add(move.place)
    before = len(move.there.table("VDI"))
    got = await move.refusal("VM.migrate_send")
    assert got is not None
    assert got[:2] == ["VDI_LOCATION_MISSING", "sr"]
    assert len(move.there.table("VDI")) == before
    assert move.db.get("VM", move.vm, "power_state") == "Running"
