"""The gate in front of every disk operation (xapi_vdi.ml:65-480; research sheet, section 7.3), and what SRs allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.vm import other_operation
from xsmigui.simulator.tables import Row

if TYPE_CHECKING:
    from xsmigui.simulator.pool import Pool

# What allowed_operations may list at all: `mirror` never is.
LISTED: Final = (
    "generate_config", "update", "forget", "destroy", "snapshot", "resize_online", "resize", "copy", "clone",
)  # fmt: skip
_CBT: Final = frozenset({"enable_cbt", "disable_cbt", "data_destroy", "list_changed_blocks"})
_DURING_UPGRADE: Final = frozenset({
    "clone", "copy", "resize", "resize_online", "snapshot", "destroy", "forget", "update", "force_unlock",
    "generate_config", "blocked",
})  # fmt: skip
_LIVE: Final = frozenset({
    "snapshot", "resize_online", "blocked", "clone", "revert_to", "mirror", "enable_cbt", "disable_cbt", "data_destroy",
})  # fmt: skip
FEATURE_OF: Final = {
    "snapshot": "VDI_SNAPSHOT", "destroy": "VDI_DELETE", "resize": "VDI_RESIZE", "resize_online": "VDI_RESIZE_ONLINE",
    "update": "VDI_UPDATE", "clone": "VDI_CLONE", "revert_to": "VDI_CLONE", "revert_from": "VDI_CLONE",
    "mirror": "VDI_MIRROR", "enable_cbt": "VDI_CONFIG_CBT", "disable_cbt": "VDI_CONFIG_CBT",
    "data_destroy": "VDI_CONFIG_CBT", "list_changed_blocks": "VDI_CONFIG_CBT", "set_on_boot": "VDI_RESET_ON_BOOT",
    "generate_config": "VDI_GENERATE_CONFIG",
}  # fmt: skip
_NOT_FOR_METADATA: Final = frozenset({
    "clone", "copy", "mirror", "resize", "resize_online", "snapshot", "revert_to", "revert_from", "enable_cbt",
    "disable_cbt", "set_on_boot",
})  # fmt: skip
# Operations of an SR and the capability each needs (xapi_sr_operations.ml)
SR_NEEDS: Final = {
    "vdi_enable_cbt": "VDI_CONFIG_CBT", "vdi_list_changed_blocks": "VDI_CONFIG_CBT",
    "vdi_introduce": "VDI_INTRODUCE", "unplug": "", "plug": "", "pbd_create": "", "vdi_disable_cbt": "VDI_CONFIG_CBT",
    "update": "SR_UPDATE", "pbd_destroy": "", "vdi_resize": "VDI_RESIZE", "vdi_clone": "VDI_CLONE",
    "vdi_data_destroy": "VDI_CONFIG_CBT", "scan": "", "vdi_snapshot": "VDI_SNAPSHOT", "vdi_mirror": "VDI_MIRROR",
    "vdi_create": "VDI_CREATE", "vdi_destroy": "VDI_DELETE", "vdi_set_on_boot": "VDI_RESET_ON_BOOT", "destroy": "",
    "forget": "",
}  # fmt: skip


def features(pool: Pool, sr: str) -> dict[str, int]:
    """What the SM plug-in of an SR can do; none unless exactly one plug-in has its type."""
    row = pool.db.find("SR", sr)
    if row is None:
        return {}
    found = pool.plugins().get(row["type"], [])
    return dict(found[0]) if len(found) == 1 else {}


def error(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> Failure | None:
    """Why `op` may not begin now; None if it may."""
    vdi = pool.db.row("VDI", ref)
    current = {task: running for task, running in vdi["current_operations"].items() if task != ignore}
    if op not in _DURING_UPGRADE and pool.rolling_upgrade():
        return Failure("NOT_SUPPORTED_DURING_UPGRADE")
    busy = {t: o for t, o in current.items() if o != "copy" and not (op == "destroy" and o == "mirror")}
    if busy:
        return other_operation("VDI", ref, busy)
    if op == "resize" and not _attached_somewhere(pool, vdi["SR"]):
        return Failure("SR_HAS_NO_PBDS", vdi["SR"])
    return (
        _in_use(pool, ref, vdi, op)
        or _incapable(pool, vdi, op)
        or _kind(ref, vdi, op)
        or _own_rules(pool, ref, vdi, op, current)
    )


def _attached_somewhere(pool: Pool, sr: str) -> bool:
    row = pool.db.find("SR", sr)
    return row is not None and any(
        pbd["currently_attached"] for ref in row["PBDs"] if (pbd := pool.db.find("PBD", ref))
    )


def _in_use(pool: Pool, ref: str, vdi: Row, op: str) -> Failure | None:
    vbds = [row for v in vdi["VBDs"] if (row := pool.db.find("VBD", v))]
    active = [v for v in vbds if v["currently_attached"]]
    if op == "list_changed_blocks":
        active = [v for v in active if _runs(pool, v)]
    blocking = [v for v in active if v["mode"] == "RW"] if op == "copy" else active
    if blocking and op not in _LIVE:
        return Failure("VDI_IN_USE", ref, op)
    if op != "data_destroy":
        for vbd in vbds:
            if vbd["current_operations"]:
                return other_operation("VDI", ref, vbd["current_operations"])
    return None


def _runs(pool: Pool, vbd: Row) -> bool:
    vm = pool.db.find("VM", vbd["VM"])
    return vm is not None and not vm["is_a_snapshot"] and vm["power_state"] in {"Running", "Paused"}


def _incapable(pool: Pool, vdi: Row, op: str) -> Failure | None:
    wanted = FEATURE_OF.get(op)
    if wanted and wanted not in features(pool, vdi["SR"]):
        return Failure("SR_OPERATION_NOT_SUPPORTED", vdi["SR"])
    return None


def _kind(ref: str, vdi: Row, op: str) -> Failure | None:
    if vdi["type"] == "cbt_metadata" and op in _NOT_FOR_METADATA:
        return Failure("VDI_INCOMPATIBLE_TYPE", ref, "cbt_metadata")
    if vdi["cbt_enabled"] and op in {"mirror", "set_on_boot"}:
        return Failure("VDI_CBT_ENABLED", ref)
    return None


def _own_rules(pool: Pool, ref: str, vdi: Row, op: str, current: dict[str, str]) -> Failure | None:
    sr = pool.db.find("SR", vdi["SR"])
    tools = bool(sr and (sr["is_tools_sr"] or sr["other_config"].get("xenserver_tools_sr") == "true"))
    reset = vdi["on_boot"] == "reset"
    match op:
        case "destroy":
            if sr and sr["type"] == "udev":
                return Failure("VDI_IS_A_PHYSICAL_DEVICE", ref)
            if tools:
                return Failure("SR_OPERATION_NOT_SUPPORTED", vdi["SR"])
            if vdi["type"] == "rrd":
                return Failure("VDI_HAS_RRDS", ref)
            if vdi["type"] == "ha_statefile" and pool.row["ha_enabled"]:
                return Failure("HA_IS_ENABLED")
        case "snapshot":
            if vdi["sharable"]:
                return Failure("VDI_IS_SHARABLE", ref)
            if reset:
                return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
            if "copy" in current.values():
                return Failure("OPERATION_NOT_ALLOWED", "Snapshot operation not allowed during copy.")
        case "copy":
            if vdi["type"] in {"ha_statefile", "redo_log"}:
                return Failure("OPERATION_NOT_ALLOWED", "VDI containing HA statefile or redo log cannot be copied")
            if reset:
                return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
        case "enable_cbt" | "disable_cbt":
            if vdi["is_a_snapshot"]:
                return Failure("OPERATION_NOT_ALLOWED", f"VDI is a snapshot: {ref}")
            if vdi["type"] not in {"user", "system"}:
                return Failure("VDI_INCOMPATIBLE_TYPE", ref, vdi["type"])
            if reset:
                return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
        case "data_destroy":
            if not vdi["is_a_snapshot"]:
                return Failure("OPERATION_NOT_ALLOWED", f"VDI is not a snapshot: {ref}")
            if tools:
                return Failure("SR_OPERATION_NOT_SUPPORTED", vdi["SR"])
            if not vdi["cbt_enabled"] and vdi["type"] != "cbt_metadata":
                return Failure("VDI_NO_CBT_METADATA", ref)
        case "revert_to":
            if not vdi["is_a_snapshot"]:
                return Failure("REVERT_ONLY_ALLOWED_ON_SNAPSHOT")
    return None


def assert_valid(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> None:
    failure = error(pool, ref, op, ignore=ignore)
    if failure is not None:
        raise failure


def allowed(pool: Pool, ref: str) -> list[str]:
    return [op for op in LISTED if error(pool, ref, op) is None]


def sr_allowed(pool: Pool, ref: str) -> list[str]:
    able = features(pool, ref)
    row = pool.db.row("SR", ref)
    plugged = _attached_somewhere(pool, ref)
    busy = row["current_operations"]
    if busy:
        return []
    return [
        op
        for op, need in SR_NEEDS.items()
        if (not need or need in able) and not (op in {"destroy", "forget"} and plugged)
    ]
