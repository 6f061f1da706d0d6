"""Everything that is checked before a VM's disks move: VM.assert_can_migrate (xapi_vm_migrate.ml:1939-2100, sheet 6.2).

There is deliberately no check of free space, and none that a mapped network exists: xapi has none either.
"""

from __future__ import annotations

from dataclasses import dataclass

from xsmigui.simulator.dispatch import Call
from xsmigui.simulator.failures import Failure, internal
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

Options = dict[str, str]
KEYS = ("master", "xenops", "SM", "session_id", "host")
_VIFS_STAY = "VIF mapping is not allowed for intra-pool migration -all VIFs must be on the same network"


@dataclass(frozen=True, slots=True)
class Destination:
    pool: Pool
    host: str
    cross: bool  # another pool than the VM's


def destination(call: Call, dest: dict[str, str]) -> Destination:
    """A host of this pool, else one of the pool that the map's session belongs to."""
    host = dest["host"]
    if call.db.has("host", host):
        return Destination(call.pool, host, False)
    assert call.pool.site is not None
    pool = call.pool.site.by_session(dest["session_id"])
    pool.db.row("host", host)
    return Destination(pool, host, pool is not call.pool)


def true(options: Options, name: str) -> bool:
    return options.get(name) == "true"


def assert_can_migrate(
    call: Call, vm_ref: str, dest: dict[str, str], vdi_map: dict[str, str], vif_map: dict[str, str], options: Options
) -> Destination:
    pool, db = call.pool, call.db
    vm = db.row("VM", vm_ref)
    if db.has("host", vm["resident_on"]):
        pool.reach(vm["resident_on"])
    if pool.row["restrictions"].get("restrict_storage_xen_motion") == "true":
        raise Failure("LICENCE_RESTRICTION", "Storage_motion")
    if any(key not in dest for key in KEYS):
        raise internal("Not_found")
    assert_disks_mapped(pool, vm, vdi_map)
    target = destination(call, dest)
    source_host = db.row("host", vm["resident_on"] if db.has("host", vm["resident_on"]) else pool.master)
    target_host = target.pool.db.row("host", target.host)
    older = not host_gate.not_older(pool, source_host, target_host)
    if target.cross:
        if older:
            raise Failure("VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", vm_ref, target.host)
        _capabilities(pool, target, vdi_map)
        _cross(pool, vm_ref, vm, target, target_host, vif_map, options)
    else:
        if older:
            raise Failure("NOT_SUPPORTED_DURING_UPGRADE")
        _capabilities(pool, target, vdi_map)
        host_gate.assert_can_boot_here(pool, vm_ref, target.host, cpu=not true(options, "force"), sr=False)
        if vif_map:
            raise Failure("OPERATION_NOT_ALLOWED", _VIFS_STAY)
    assert_movable(pool, vdi_map)
    return target


def assert_disks_mapped(pool: Pool, vm: Row, vdi_map: dict[str, str]) -> None:
    for vdi in vm_gate.disk_refs(pool, vm):
        if vdi not in vdi_map:
            raise Failure("VDI_NOT_IN_MAP", vdi)


def _capabilities(pool: Pool, target: Destination, vdi_map: dict[str, str]) -> None:
    """Source: VDI_SNAPSHOT and VDI_MIRROR; destination: VDI_SNAPSHOT and VDI_MIRROR_IN, which VDI_MIRROR implies."""
    for vdi, sr in vdi_map.items():
        source = pool.db.get("VDI", vdi, "SR")
        there = target.pool.db.row("SR", sr)
        if there["uuid"] == pool.db.get("SR", source, "uuid"):
            continue
        ours, theirs = vdi_gate.features(pool, source), vdi_gate.features(target.pool, sr)
        lacking = [f for f in ("VDI_SNAPSHOT", "VDI_MIRROR") if f not in ours]
        if lacking:
            raise _unsupported(pool, source, lacking)
        lacking = [] if "VDI_SNAPSHOT" in theirs else ["VDI_SNAPSHOT"]
        if not {"VDI_MIRROR_IN", "VDI_MIRROR"} & set(theirs):
            lacking.append("VDI_MIRROR_IN")
        if lacking:
            raise _unsupported(pool, sr, lacking)


def _unsupported(pool: Pool, sr: str, lacking: list[str]) -> Failure:
    more = [";".join(lacking)] if pool.profile.names_missing_capabilities else []
    return Failure("SR_DOES_NOT_SUPPORT_MIGRATION", sr, *more)


def assert_movable(pool: Pool, vdi_map: dict[str, str]) -> None:
    """14. No changed block tracking and no encryption; before 25.15 asked of disks that stay, too."""
    for vdi, sr in vdi_map.items():
        row = pool.db.row("VDI", vdi)
        moves = row["SR"] != sr
        if row["cbt_enabled"] and (moves or not pool.profile.cbt_only_where_moving):
            raise Failure("VDI_CBT_ENABLED", vdi)
        if moves and "key_hash" in row["sm_config"]:
            raise Failure("VDI_IS_ENCRYPTED", vdi)


def _cross(
    pool: Pool, vm_ref: str, vm: Row, target: Destination, host: Row, vif_map: dict[str, str], options: Options
) -> None:
    copy, force = true(options, "copy"), true(options, "force")
    if copy and not force and vm["power_state"] != "Halted":
        raise Failure("VM_BAD_POWER_STATE", vm_ref, "halted", str(vm["power_state"]).lower())
    host_gate.hardware(vm_ref, vm, target.host, host)
    if not host["enabled"]:
        raise Failure("HOST_DISABLED", target.host)
    host_gate.processors(vm, host)
    infer_vif_map(pool, vm, vif_map)
    assert_importable(pool, vm_ref, target, copy=copy, force=force)


def infer_vif_map(pool: Pool, vm: Row, vif_map: dict[str, str]) -> dict[str, str]:
    """The map for the VIFs of the VM and its snapshots: those left out take the network of a mapped one by MAC."""
    by_mac = {pool.db.get("VIF", vif, "MAC"): network for vif, network in vif_map.items()}
    whole = dict(vif_map)
    snapshots = [pool.db.row("VM", s) for s in vm["snapshots"]]
    for vif in [v for row in (vm, *snapshots) for v in row["VIFs"]]:
        if vif in whole:
            continue
        mac = pool.db.get("VIF", vif, "MAC")
        if mac not in by_mac:
            raise Failure("VIF_NOT_IN_MAP", vif)
        whole[vif] = by_mac[mac]
    return whole


def assert_importable(pool: Pool, vm_ref: str, target: Destination, *, copy: bool, force: bool) -> None:
    """What the destination says while it imports the VM's metadata (import.ml)."""
    vm, there = pool.db.row("VM", vm_ref), target.pool.db.table("VM")
    if not copy:
        seed = vm["other_config"].get("mac_seed")
        for other in there.values():
            if other["uuid"] == vm["uuid"]:
                if other["power_state"] != "Halted":
                    raise Failure("VM_BAD_POWER_STATE", vm_ref, "Halted", other["power_state"])
                if other["version"] >= vm["version"]:
                    raise Failure("VM_TO_IMPORT_IS_NOT_NEWER_VERSION", vm_ref, other["version"], vm["version"])
            elif seed is not None and other["other_config"].get("mac_seed") == seed and not other["is_a_snapshot"]:
                raise Failure("DUPLICATE_MAC_SEED", seed)
    if vm["power_state"] in {"Running", "Paused"}:
        needed, free = host_gate.needed_memory(vm), host_gate.free_memory(target.pool, target.host)
        if needed > free:
            raise Failure("HOST_NOT_ENOUGH_FREE_MEMORY", needed, free)
    if vm["power_state"] != "Halted" and not force:
        booted = host_gate.booted_as(pool, vm)
        host = target.pool.db.row("host", target.host)
        failure = host_gate.cpu_error("OpaqueRef:NULL", vm, booted, target.host, host)
        if failure:
            raise failure
    for ref in vm["VGPUs"]:
        vgpu = pool.db.row("VGPU", ref)
        raise Failure("VM_REQUIRES_GPU", vm_ref, vgpu["GPU_group"])
