"""Everything that is checked before a VM's disks move: VM.assert_can_migrate (xapi_vm_migrate.ml).

There is deliberately no check of free space, and none that a mapped network exists: xapi has none either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.gates import devices
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.schema import release
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.tables import Row

Options = dict[str, str]
Map = dict[str, str]
KEYS = ("master", "xenops", "SM", "session_id", "host")
_DEFAULT_TEMPLATE = "assert_can_migrate: inter_pool_metadata_transfer returned a nonempty list"
_VIFS_STAY = "VIF mapping is not allowed for intra-pool migration -all VIFs must be on the same network"


@dataclass(frozen=True, slots=True)
class Destination:
    pool: XapiPool
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
    call: Call,
    vm_ref: str,
    dest: dict[str, str],
    vdi_map: dict[str, str],
    vif_map: dict[str, str],
    options: Options,
    vgpu_map: dict[str, str] | None = None,
) -> Destination:
    pool, db = call.pool, call.db
    vm = db.row("VM", vm_ref)
    devices.assert_known_types(pool, vm)
    features.assert_enabled(pool, "Storage_motion")
    if any(key not in dest for key in KEYS):
        raise internal("Not_found")
    if true(options, "copy") and vm["has_vendor_device"] and not pool.profile.drops_old_licences:
        features.assert_enabled(pool, "PCI_device_for_auto_update")
    assert_disks_mapped(pool, vm, vdi_map)
    if not pool.profile.cbt_only_where_moving:
        for vdi in vm_gate.disk_refs(pool, vm):
            if db.get("VDI", vdi, "cbt_enabled"):
                raise Failure("VDI_CBT_ENABLED", vdi)
    target = destination(call, dest)
    source_host = db.row("host", vm["resident_on"] if vm["resident_on"] != NULL else pool.master)
    target_host = target.pool.db.row("host", target.host)
    older = not host_gate.not_older(pool, source_host, target_host)
    if target.cross:
        if older:
            raise Failure("VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", vm_ref, target.host)
        _capabilities(pool, target, vdi_map)
        _cross(pool, vm_ref, vm, target, target_host, vif_map, options, vgpu_map or {})
    else:
        if older:
            raise Failure("NOT_SUPPORTED_DURING_UPGRADE")
        if dest["session_id"] not in pool.sessions.live:
            raise Failure("SESSION_INVALID", dest["session_id"])
        _capabilities(pool, target, vdi_map)
        host_gate.assert_can_boot_here(pool, vm_ref, target.host, cpu=not true(options, "force"), sr=False)
        if vif_map:
            raise Failure("OPERATION_NOT_ALLOWED", _VIFS_STAY)
    assert_movable(pool, vdi_map)
    if vm["power_state"] in {"Running", "Paused"}:
        pool.reach(vm["resident_on"])  # the rest is asked of the host that sends
    assert_sendable(pool, vm_ref, target, vgpu_map or {})
    return target


def assert_disks_mapped(pool: XapiPool, vm: Row, vdi_map: dict[str, str]) -> None:
    for vdi in vm_gate.disk_refs(pool, vm):
        if vdi not in vdi_map:
            raise Failure("VDI_NOT_IN_MAP", vdi)


def _capabilities(pool: XapiPool, target: Destination, vdi_map: dict[str, str]) -> None:
    """Of every SR that a disk leaves, and then of the one that it goes to."""
    moved: list[tuple[str, str]] = []
    for vdi, sr in vdi_map.items():
        source = pool.db.get("VDI", vdi, "SR")
        if pool.db.get("SR", source, "uuid") != target.pool.db.get("SR", sr, "uuid"):
            moved.append((source, sr))
    mirrors = pool.profile.mirrors_into_newer_drivers
    wanted = ("VDI_SNAPSHOT", "VDI_MIRROR") if mirrors else ("VDI_MIRROR", "VDI_SNAPSHOT")
    for source, sr in moved:
        ours = vdi_gate.features(pool, source)
        lacking = [name for name in wanted if name not in ours]
        if lacking:
            raise _unsupported(pool, source, lacking)
        theirs = vdi_gate.only_features(target.pool, sr)
        lacking = [] if "VDI_SNAPSHOT" in theirs else ["VDI_SNAPSHOT"]
        if "VDI_MIRROR" not in theirs and not (mirrors and "VDI_MIRROR_IN" in theirs):
            lacking.append("VDI_MIRROR_IN")
        if lacking:
            raise _unsupported(pool, sr, lacking)


def _unsupported(pool: XapiPool, sr: str, lacking: list[str]) -> Failure:
    more = [";".join(lacking)] if pool.profile.names_missing_capabilities else []
    return Failure("SR_DOES_NOT_SUPPORT_MIGRATION", sr, *more)


def assert_movable(pool: XapiPool, vdi_map: dict[str, str]) -> None:
    """14. No changed block tracking and no encryption."""
    for vdi, sr in vdi_map.items():
        row = pool.db.row("VDI", vdi)
        if row["SR"] != sr:
            if row["cbt_enabled"]:
                raise Failure("VDI_CBT_ENABLED", vdi)
            if "key_hash" in row["sm_config"]:
                raise Failure("VDI_IS_ENCRYPTED", vdi)


def _cross(
    pool: XapiPool,
    vm_ref: str,
    vm: Row,
    target: Destination,
    host: Row,
    vif_map: dict[str, str],
    options: Options,
    vgpu_map: dict[str, str],
) -> None:
    copy, force = true(options, "copy"), true(options, "force")
    if copy and not force and vm["power_state"] != "Halted":
        raise Failure("VM_BAD_POWER_STATE", vm_ref, "halted", str(vm["power_state"]).lower())
    host_gate.hardware(vm_ref, vm, target.host, host)
    if not host["enabled"]:
        raise Failure("HOST_DISABLED", target.host)
    host_gate.processors(vm, host)
    if not force and not pool.profile.imports_check_processors and vm["power_state"] != "Halted":
        failure = host_gate.cpu_error(vm_ref, vm, host_gate.booted_as(pool, vm), target.host, host)
        if failure:
            raise failure
    infer_vif_map(pool, vm, vif_map)
    if not target.pool.live(target.host):  # the metadata are sent to that host itself
        raise Failure("CANNOT_CONTACT_HOST", host["address"])
    assert_importable(pool, vm_ref, target, copy=copy, force=force, vgpu_map=vgpu_map)


_HTTPS_DISKS: Final = "22.32.0"
_HOTFIX: Final = "XS82ECU1033"
_REFUSED: Final = 'Unix.Unix_error(Unix.ECONNREFUSED, "connect", "")'


def assert_port_open(pool: XapiPool, sender: str, target: Destination) -> None:
    """Hosts before 22.32 without the hotfix speak to port 80, which `https_only` closes; nothing asks beforehand."""
    build = pool.db.get("host", sender, "software_version").get("xapi_build", "")
    patched = any(
        row["name_label"].startswith(_HOTFIX) and sender in row["hosts"]
        for row in pool.db.table("pool_update").values()
    )
    closed = target.pool.db.get("host", target.host, "https_only")
    if target.cross and closed and not patched and release(build) < release(_HTTPS_DISKS):
        raise internal(_REFUSED)


def infer_vif_map(pool: XapiPool, vm: Row, vif_map: dict[str, str]) -> dict[str, str]:
    """The map for the VIFs of the VM and its snapshots: those left out take the network of a mapped one by MAC."""
    by_mac: dict[str, str] = {}
    for vif, network in vif_map.items():
        by_mac.setdefault(pool.db.get("VIF", vif, "MAC"), network)
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


def assert_importable(
    pool: XapiPool,
    vm_ref: str,
    target: Destination,
    *,
    copy: bool,
    force: bool,
    vgpu_map: dict[str, str] | None = None,
) -> None:
    """What the destination says while it imports the VM's metadata (import.ml)."""
    vm = pool.db.row("VM", vm_ref)
    rows = [(vm_ref, vm), *((r, pool.db.row("VM", r)) for r in ([] if copy else vm["snapshots"]))]
    if not copy:
        _assert_seeds_free(pool, target.pool, [row for _, row in rows])
    there = {row["uuid"]: (ref, row) for ref, row in target.pool.db.table("VM").items()}
    for _, row in rows:
        if _is_default(row) and any(o["name_label"] == row["name_label"] for _, o in there.values()):
            raise internal(_DEFAULT_TEMPLATE)
        ref, other = there.get(row["uuid"], (NULL, None))
        if other is not None and not copy:
            if other["power_state"] != "Halted":
                raise Failure("VM_BAD_POWER_STATE", ref, "Halted", other["power_state"])
            if other["version"] >= row["version"]:
                raise Failure("VM_TO_IMPORT_IS_NOT_NEWER_VERSION", ref, other["version"], row["version"])
        if row["power_state"] in {"Running", "Paused"}:
            needed, free = needed_memory(pool, row), free_memory(target.pool, target.host)
            if needed > free:
                raise Failure("HOST_NOT_ENOUGH_FREE_MEMORY", needed, free)
        if not force and vm["power_state"] != "Halted" and pool.profile.imports_check_processors:
            _assert_processor(pool, target, row)
    for ref in vm["VGPUs"]:
        vgpu = pool.db.row("VGPU", ref)
        group = gpu_group(target, ref, vgpu, vgpu_map or {})
        if devices.gpu_for(target.pool, group, same_type(pool, target.pool, vgpu["type"]), target.host) is None:
            raise Failure("VM_REQUIRES_GPU", vm_ref, vgpu["GPU_group"] if group == NULL else group)


def _assert_processor(pool: XapiPool, target: Destination, row: Row) -> None:
    """Of what is not halted; snapshots of a VM that was halted say nothing about it."""
    booted = host_gate.booted_as(pool, row)
    if row["power_state"] == "Halted" or (row["is_a_snapshot"] and booted == "unspecified"):
        return
    failure = host_gate.cpu_error(NULL, row, booted, target.host, target.pool.db.row("host", target.host))
    if failure:
        raise failure


def _is_default(row: Row) -> bool:
    named = row["is_a_template"] and row["other_config"].get("default_template") == "true"
    return bool(row.get("is_default_template") or named)


def _assert_seeds_free(pool: XapiPool, there: XapiPool, rows: list[Row]) -> None:
    """Only a VM and its own snapshots share a seed for their addresses (import.ml, assert_can_restore_backup)."""
    seeds: dict[str, list[Row]] = {}
    for other in there.db.table("VM").values():
        seed = other["other_config"].get("mac_seed")
        if seed is not None:
            seeds.setdefault(seed, []).append(other)
    for row in rows:
        seed = row["other_config"].get("mac_seed")
        for other in seeds.get(seed, []) if seed is not None else []:
            ours, theirs = _lineage(pool, row), _lineage(there, other)
            if ours is None or ours != theirs:
                raise Failure("DUPLICATE_MAC_SEED", seed)


def _lineage(pool: XapiPool, row: Row) -> str | None:
    """The uuid of the VM that a row is, or is a snapshot of."""
    if not row["is_a_snapshot"]:
        return str(row["uuid"])
    origin = pool.db.find("VM", row["snapshot_of"])
    return str(origin["uuid"]) if origin else None


def gpu_group(target: Destination, ref: str, vgpu: Row, vgpu_map: dict[str, str]) -> str:
    """The group at the destination: as mapped, else the same one inside the pool."""
    wanted = str(vgpu_map.get(ref) or vgpu["GPU_group"])
    return wanted if target.pool.db.has("GPU_group", wanted) else NULL


def same_type(pool: XapiPool, there: XapiPool, kind: str) -> str:
    """The same type of vGPU in another pool, by its identifier or model."""
    if there is pool:
        return kind
    row = pool.db.find("VGPU_type", kind)
    if row is None:
        return NULL
    named = ("identifier", "vendor_name", "model_name", "implementation")
    return next((r for r, o in there.db.table("VGPU_type").items() if all(o[n] == row[n] for n in named)), NULL)


def assert_sendable(pool: XapiPool, vm_ref: str, target: Destination, vgpu_map: dict[str, str]) -> None:
    """What the sending host checks of NVIDIA's vGPUs while the VM is not halted (assert_can_migrate_sender)."""
    vm = pool.db.row("VM", vm_ref)
    if vm["power_state"] == "Halted":
        return
    for ref in vm["VGPUs"]:
        vgpu = pool.db.row("VGPU", ref)
        kind = pool.db.find("VGPU_type", vgpu["type"])
        if kind is None or kind["implementation"] not in {"nvidia", "nvidia_sriov"}:
            continue
        group = gpu_group(target, ref, vgpu, vgpu_map)
        gpu = devices.gpu_for(target.pool, group, same_type(pool, target.pool, vgpu["type"]), target.host, ignore=ref)
        if gpu is None:
            raise Failure("VM_REQUIRES_GPU", vm_ref, vgpu["GPU_group"] if group == NULL else group)
        assert_gpu_fits(target.pool, ref, vgpu, gpu, target.host)


def assert_gpu_fits(there: XapiPool, ref: str, vgpu: Row, gpu: str, host: str) -> None:
    """NVIDIA's compatibility: the metadata of both must be known, and of the same version."""
    theirs = there.db.get("PGPU", gpu, "compatibility_metadata")
    if not theirs:
        raise Failure("NVIDIA_TOOLS_ERROR", host)
    ours = vgpu["compatibility_metadata"]
    if ours and ours.get("version") != theirs.get("version"):
        raise Failure("VGPU_DESTINATION_INCOMPATIBLE", "Incompatible host driver", ref, host)
