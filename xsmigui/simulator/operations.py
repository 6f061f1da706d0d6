"""allowed_operations kept true: recomputed for what recent writes may have affected, when somebody looks.

Rows that look alike to their gate share one answer, so that thousands of VMs cost a few dozen computations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.tables import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from xsmigui.simulator.pool import Pool

_HOST_OPERATIONS = ("vm_migrate", "provision", "vm_resume", "evacuate", "vm_start")


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
        case "VBD":
            affected["VM"][row["VM"]] = None
            affected["VDI"][row["VDI"]] = None
        case "VDI":
            for vbd in row["VBDs"]:
                owner = db.find("VBD", vbd)
                if owner:
                    affected["VM"][owner["VM"]] = None
        case "PBD":
            affected["SR"][row["SR"]] = None
        case "VM_metrics" | "VM_guest_metrics":
            field = "metrics" if cls == "VM_metrics" else "guest_metrics"
            owner_ref = pool.owner_of(field, ref)
            if owner_ref:
                affected["VM"][owner_ref] = None
        case "SM":
            pool.forget_plugins()
            return True
        case "pool":
            upgrading = pool.rolling_upgrade()
            changed = upgrading != pool.upgrading
            pool.upgrading = upgrading
            return changed
    return False


def _vm(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    if row["current_operations"] or row["blocked_operations"] or row["attached_PCIs"] or row["VGPUs"] or row["VUSBs"]:
        return vm_gate.allowed(pool, ref)
    guest = pool.db.find("VM_guest_metrics", row["guest_metrics"])
    metrics = pool.db.find("VM_metrics", row["metrics"])
    told = tuple(sorted(guest["other"].items())) if guest else None
    drivers = ("major" in guest["PV_drivers_version"] and "minor" in guest["PV_drivers_version"]) if guest else None
    measured = (metrics["nomigrate"], metrics["nested_virt"], metrics["current_domain_type"]) if metrics else None
    platform = () if metrics else tuple(sorted(row["platform"].items()))
    resets = any(d["sm_config"].get("on_boot") == "reset" for d in vm_gate.disks(pool, row))
    key = (
        "VM", row["power_state"], row["is_a_template"], row["is_a_snapshot"], row["is_default_template"],
        row["other_config"].get("default_template"), row["is_control_domain"], told, drivers, measured, platform,
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
    if set(row["current_operations"].values()) - {"vm_migrate", "vm_start", "vm_resume", "provision"}:
        return []
    ops = [*_HOST_OPERATIONS, "enable"]
    return ops if row["enabled"] or not pool.live(ref) else [*ops, "reboot", "shutdown"]


def _vbd(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    vm = pool.db.find("VM", row["VM"])
    if vm is None or row["current_operations"]:
        return []
    media = (["insert"] if row["empty"] else ["eject"]) if row["type"] == "CD" else []
    if vm["power_state"] != "Running":
        return ["attach", *media] if vm["power_state"] == "Halted" else []
    if row["currently_attached"]:
        return ["attach", "unpause", *media, "unplug", "unplug_force", "pause"]
    return ["attach", "unpause", *media, "plug", "pause"]


def _vif(pool: Pool, ref: str, row: Row, cache: dict[tuple[object, ...], list[str]]) -> list[str]:
    vm = pool.db.find("VM", row["VM"])
    if vm is None or row["current_operations"] or vm["power_state"] not in {"Running", "Halted"}:
        return []
    if vm["power_state"] == "Halted":
        return ["attach"]
    return ["attach", "unplug"] if row["currently_attached"] else ["attach", "plug"]


_COMPUTE: dict[str, Callable[[Pool, str, Row, dict[tuple[object, ...], list[str]]], list[str]]] = {
    "VM": _vm, "VDI": _vdi, "SR": _sr, "host": _host, "VBD": _vbd, "VIF": _vif,
}  # fmt: skip
