"""allowed_operations kept true: recomputed for what recent writes may have affected, when somebody looks.

Rows that look alike to their gate share one answer, so that thousands of VMs cost a few dozen computations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xsmigui.simulator.failures import NULL
from xsmigui.simulator.gates import appliances as appliance_gate
from xsmigui.simulator.gates import attached
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import pool as pool_gate
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row


def refresh(pool: Pool) -> None:
    """Looks at `db.dirty`, works out who is affected, and writes what has changed."""
    db = pool.db
    affected: dict[str, dict[str, None]] = {cls: {} for cls in _COMPUTE}
    whole = False
    for cls, ref in sorted(db.dirty):
        whole |= _spread(pool, cls, ref, affected)
    db.dirty.clear()
    if whole:
        for cls in _COMPUTE:
            affected[cls] = dict.fromkeys(db.table(cls))
    cache: dict[tuple[object, ...], list[str]] = {}
    for cls, refs in affected.items():
        compute = _COMPUTE[cls]
        for ref in refs:
            row = db.find(cls, ref)
            if row is None or ref in pool.stale:
                continue
            allowed = compute(pool, ref, row, cache)
            if row["allowed_operations"] != allowed:
                db.set(cls, ref, allowed_operations=list(allowed))
    db.dirty.clear()


def _spread(pool: Pool, cls: str, ref: str, affected: dict[str, dict[str, None]]) -> bool:
    """Marks what a write to one row may affect; True where everything may be."""
    db = pool.db
    row = db.find(cls, ref)
    if row is None:
        return False
    if cls in affected:
        affected[cls][ref] = None
    match cls:
        case "VM":
            for vbd in row["VBDs"]:
                affected["VBD"][vbd] = None
                disk = db.find("VBD", vbd)
                if disk and db.has("VDI", disk["VDI"]):
                    affected["VDI"][disk["VDI"]] = None
            affected["VIF"].update(dict.fromkeys(row["VIFs"]))
            affected["VUSB"].update(dict.fromkeys(row["VUSBs"]))
            affected["VTPM"].update(dict.fromkeys(row["VTPMs"]))
            affected["VM_appliance"][row["appliance"]] = None
        case "VBD":
            affected["VM"][row["VM"]] = None
            affected["VDI"][row["VDI"]] = None
        case "VDI":
            for vbd in row["VBDs"]:
                owner = db.find("VBD", vbd)
                affected["VBD"][vbd] = None
                if owner:
                    affected["VM"][owner["VM"]] = None
            affected["SR"][row["SR"]] = None
        case "host_metrics":
            affected["host"].update(dict.fromkeys(h for h, r in db.table("host").items() if r["metrics"] == ref))
        case "PBD":
            affected["SR"][row["SR"]] = None
            sr = db.find("SR", row["SR"])
            affected["VDI"].update(dict.fromkeys(sr["VDIs"] if sr else ()))
        case "VM_metrics" | "VM_guest_metrics":
            field = "metrics" if cls == "VM_metrics" else "guest_metrics"
            owner_ref = pool.owner_of(field, ref)
            if owner_ref:
                affected["VM"][owner_ref] = None
                owner = db.row("VM", owner_ref)
                affected["VBD"].update(dict.fromkeys(owner["VBDs"]))
                affected["VIF"].update(dict.fromkeys(owner["VIFs"]))
        case "SM":
            pool.forget_plugins()
            return True
        case "pool":
            return pool.rules_changed()
    return False


# What makes a VM unlike others: its own answer is worked out
_OWN = ("current_operations", "blocked_operations", "attached_PCIs", "VGPUs", "VUSBs", "VTPMs", "is_control_domain")
_BOUND = ("appliance", "protection_policy", "snapshot_schedule")


def _vm(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    if any(row[field] for field in _OWN) or any(row[field] not in {NULL, ""} for field in _BOUND):
        return vm_gate.allowed(pool, ref)
    guest = pool.db.find("VM_guest_metrics", row["guest_metrics"])
    metrics = pool.db.find("VM_metrics", row["metrics"])
    told = tuple(sorted(guest["other"].items())) if guest else None
    drivers = ("major" in guest["PV_drivers_version"] and "minor" in guest["PV_drivers_version"]) if guest else None
    measured = (metrics["nomigrate"], metrics["nested_virt"], metrics["current_domain_type"]) if metrics else None
    platform = () if metrics else tuple(sorted(row["platform"].items()))
    resets = any(d["sm_config"].get("on_boot") == "reset" for d in vm_gate.disks(pool, row, cds=True))
    key = (
        "VM", row["power_state"], row["is_a_template"], row["is_a_snapshot"], row["is_default_template"],
        row["other_config"].get("default_template"), told, drivers, measured, platform,
    )  # fmt: skip
    if resets:
        return vm_gate.allowed(pool, ref)
    if key not in cache:
        cache[key] = vm_gate.allowed(pool, ref)
    return cache[key]


def _vdi(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    vbds = [v for r in row["VBDs"] if (v := pool.db.find("VBD", r))]
    used = tuple(sorted({(v["currently_attached"], v["mode"]) for v in vbds}))
    if row["current_operations"] or any(v["current_operations"] for v in vbds):
        return vdi_gate.allowed(pool, ref)
    key = (
        "VDI", row["SR"], row["type"], row["cbt_enabled"], row["sharable"], row["on_boot"], row["is_a_snapshot"], used,
    )  # fmt: skip
    if key not in cache:
        cache[key] = vdi_gate.allowed(pool, ref)
    return cache[key]


def _sr(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return vdi_gate.sr_allowed(pool, ref)


def _host(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return host_gate.allowed(pool, ref)


def _vbd(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    if not pool.db.has("VM", row["VM"]):
        return []
    return attached.allowed(attached.vbd(pool, ref, sharing=False))


def _vif(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return attached.allowed(attached.vif(pool, ref)) if pool.db.has("VM", row["VM"]) else []


def _vusb(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return attached.allowed(attached.vusb(pool, ref)) if pool.db.has("VM", row["VM"]) else []


def _appliance(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return appliance_gate.allowed(pool, ref)


def _vtpm(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    """Given up while its VM is halted (xapi_vm_lifecycle.ml, vtpm_update_allowed_operations)."""
    vm = pool.db.find("VM", row["VM"])
    return ["destroy"] if vm is not None and vm["power_state"] == "Halted" else []


def _cluster(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return pool_gate.cluster_allowed(pool, ref)


def _member(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return pool_gate.member_allowed(pool, ref)


def _pool(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    return pool_gate.allowed(pool)


_COMPUTE: dict[str, Callable[[Pool, str, Row, dict[tuple[object, ...], list[str]]], list[str]]] = {
    "VM_appliance": _appliance, "VTPM": _vtpm, "Cluster": _cluster, "Cluster_host": _member, "pool": _pool,
    "VM": _vm, "VDI": _vdi, "SR": _sr, "host": _host, "VBD": _vbd, "VIF": _vif, "VUSB": _vusb,
}  # fmt: skip
COMPUTED: Final = tuple(_COMPUTE)
"""The classes whose rows say what may be done to them."""
