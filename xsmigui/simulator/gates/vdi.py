"""The gate in front of every disk operation (xapi_vdi.ml, check_operation_error), and what SRs allow."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

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
# Operations of an SR, and the capability that some of them need (xapi_sr_operations.ml, all_ops and sm_cap_table);
# clones are made even where the plug-in has none
SR_NEEDS: Final = {
    "scan": "", "destroy": "", "forget": "", "plug": "", "unplug": "", "vdi_create": "VDI_CREATE",
    "vdi_destroy": "VDI_DELETE", "vdi_resize": "VDI_RESIZE", "vdi_clone": "", "vdi_snapshot": "VDI_SNAPSHOT",
    "vdi_mirror": "VDI_MIRROR", "vdi_enable_cbt": "VDI_CONFIG_CBT", "vdi_disable_cbt": "VDI_CONFIG_CBT",
    "vdi_data_destroy": "VDI_CONFIG_CBT", "vdi_list_changed_blocks": "VDI_CONFIG_CBT",
    "vdi_set_on_boot": "VDI_RESET_ON_BOOT", "vdi_introduce": "VDI_INTRODUCE", "vdi_revert": "VDI_REVERT",
    "update": "SR_UPDATE", "pbd_create": "", "pbd_destroy": "",
}  # fmt: skip
_SR_DURING_UPGRADE: Final = frozenset({
    "scan", "destroy", "forget", "plug", "unplug", "vdi_create", "vdi_destroy", "vdi_resize", "vdi_clone",
    "vdi_snapshot", "vdi_introduce", "update", "pbd_create", "pbd_destroy",
})  # fmt: skip
_HA: Final = frozenset({"ha_statefile", "redo_log"})
_NO_COPY: Final = "VDI containing HA statefile or redo log cannot be copied (check the VDI's allowed operations)."


def features(pool: Pool, sr: str) -> dict[str, int]:
    """What the SM plug-in of an SR can do; of several with its type the first counts (features_of_sr_internal)."""
    row = pool.db.find("SR", sr)
    found = pool.plugins().get(row["type"], []) if row else []
    return dict(found[0]) if found else {}


def only_features(pool: Pool, sr: str) -> dict[str, int]:
    """As a destination counts them: none if several plug-ins have the SR's type (xapi_vm_migrate.ml,
    assert_sr_support_operations)."""
    found = pool.plugins().get(pool.db.get("SR", sr, "type"), [])
    return dict(found[0]) if len(found) == 1 else {}


def error(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> Failure | None:
    """Why `op` may not begin now; None if it may (xapi_vdi.ml, check_operation_error)."""
    vdi = pool.db.row("VDI", ref)
    current = {task: running for task, running in vdi["current_operations"].items() if task != ignore}
    if op not in _DURING_UPGRADE and pool.rolling_upgrade():
        return Failure("NOT_SUPPORTED_DURING_UPGRADE")
    busy = {t: o for t, o in current.items() if o != "copy"}
    if busy and not (op == "destroy" and "mirror" in current.values()):
        return other_operation(pool.profile, "VDI", ref, busy)
    if op == "resize" and not plugged(pool, vdi["SR"]):
        return Failure("SR_HAS_NO_PBDS", vdi["SR"])
    return (
        _in_use(pool, ref, vdi, op)
        or _incapable(pool, vdi, op)
        or _kind(ref, vdi, op)
        or _own_rules(pool, ref, vdi, op, current)
    )


def plugged(pool: Pool, sr: str) -> bool:
    """Some host has the SR attached."""
    row = pool.db.find("SR", sr)
    return row is not None and any(
        pbd["currently_attached"] for ref in row["PBDs"] if (pbd := pool.db.find("PBD", ref))
    )


def _in_use(pool: Pool, ref: str, vdi: Row, op: str) -> Failure | None:
    vbds = [row for v in vdi["VBDs"] if (row := pool.db.find("VBD", v))]
    active = [v for v in vbds if v["currently_attached"]]
    if op == "list_changed_blocks" and all(_of_snapshot(pool, v) for v in active):
        active = []
    blocking = [v for v in active if v["mode"] == "RW"] if op == "copy" else active
    if blocking and op not in _LIVE:
        return Failure("VDI_IN_USE", ref, op)
    if op != "data_destroy":
        for vbd in vbds:
            if vbd["current_operations"]:
                return other_operation(pool.profile, "VDI", ref, vbd["current_operations"])
    return None


def _of_snapshot(pool: Pool, vbd: Row) -> bool:
    """A checkpoint leaves the drives of its snapshot attached."""
    vm = pool.db.find("VM", vbd["VM"])
    return vm is not None and bool(vm["is_a_snapshot"])


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


def _destroyable(pool: Pool, ref: str, vdi: Row) -> Failure | None:
    sr = pool.db.find("SR", vdi["SR"])
    if sr and sr["type"] == "udev":
        return Failure("VDI_IS_A_PHYSICAL_DEVICE", ref)
    if sr and sr["is_tools_sr"]:
        return Failure("SR_OPERATION_NOT_SUPPORTED", vdi["SR"])
    if vdi["type"] == "rrd":
        return Failure("VDI_HAS_RRDS", ref)
    if vdi["type"] in _HA and not pool.row["ha_enabled"]:
        begun = set(pool.row["current_operations"].values())
        for op in ("ha_enable", "ha_disable"):
            if op in begun:
                return Failure(f"{op.upper()}_IN_PROGRESS")
    return Failure("HA_IS_ENABLED") if _kept_by_ha(pool, vdi) else None


def _kept_by_ha(pool: Pool, vdi: Row) -> bool:
    return bool(pool.row["ha_enabled"]) and vdi["type"] in _HA


def _own_rules(pool: Pool, ref: str, vdi: Row, op: str, current: dict[str, str]) -> Failure | None:
    reset = vdi["on_boot"] == "reset"
    match op:
        case "forget":
            if _kept_by_ha(pool, vdi):
                return Failure("HA_IS_ENABLED")
            return Failure("VDI_HAS_RRDS", ref) if vdi["type"] == "rrd" else None
        case "destroy" | "revert_from":
            return _destroyable(pool, ref, vdi)
        case "data_destroy":
            if not vdi["is_a_snapshot"]:
                return Failure("OPERATION_NOT_ALLOWED", f"VDI is not a snapshot: {ref}")
            if not vdi["cbt_enabled"]:
                return Failure("VDI_NO_CBT_METADATA", ref)
            return _destroyable(pool, ref, vdi)
        case "resize" | "resize_online":
            return Failure("HA_IS_ENABLED") if _kept_by_ha(pool, vdi) else None
        case "snapshot":
            if vdi["sharable"]:
                return Failure("VDI_IS_SHARABLE", ref)
            if reset:
                return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
            if "copy" in current.values():
                return Failure("OPERATION_NOT_ALLOWED", "Snapshot operation not allowed during copy.")
        case "copy":
            if reset:
                return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
            if vdi["type"] in _HA:
                return Failure("OPERATION_NOT_ALLOWED", _NO_COPY)
        case "enable_cbt" | "disable_cbt":
            if vdi["is_a_snapshot"]:
                return Failure("OPERATION_NOT_ALLOWED", f"VDI is a snapshot: {ref}")
            if vdi["type"] not in {"user", "system"}:
                return Failure("VDI_INCOMPATIBLE_TYPE", ref, vdi["type"])
            if reset:
                return Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
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


def sr_host(pool: Pool, sr: str, *, unplugged: bool = False) -> str:
    """What storage does is done by a host that has it attached; where several have a PBD, by the coordinator or by
    nobody: SR_HAS_NO_PBDS (message_forwarding.ml, choose_pbd_for_sr)."""
    pbds = [pool.db.row("PBD", p) for p in pool.db.get("SR", sr, "PBDs")]
    able = [p["host"] for p in pbds if unplugged or p["currently_attached"]]
    if len(pbds) > 1:
        able = [h for h in able if h == pool.master]
    if not able:
        raise Failure("SR_HAS_NO_PBDS", sr)
    return str(able[0])


def reach_sr(pool: Pool, sr: str, *, unplugged: bool = False) -> None:
    """The host that does it is there, and has the SR open."""
    pool.reach(sr_host(pool, sr, unplugged=unplugged))
    if not unplugged:
        assert_open(pool, sr)


def assert_open(pool: Pool, sr: str) -> None:
    """The host's storage daemon has the SR open, and not only its PBD says so (storage_smapiv1_wrapper.ml and
    storage_mux_reg.ml, through transform_storage_exn of storage_utils.ml; the parameter is a UUID)."""
    if sr in pool.faults.forgotten:
        raise Failure("SR_NOT_ATTACHED", pool.db.get("SR", sr, "uuid"))


def sr_error(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> Failure | None:
    """Why `op` may not be done to an SR now (xapi_sr_operations.ml, valid_operations)."""
    row = pool.db.row("SR", ref)
    if op not in _SR_DURING_UPGRADE and pool.rolling_upgrade():
        return Failure("NOT_SUPPORTED_DURING_UPGRADE")
    need = SR_NEEDS.get(op)
    tools = row["is_tools_sr"] and need in {"VDI_CREATE", "VDI_DELETE"}
    if need and (tools or need not in features(pool, ref)):
        return Failure("SR_OPERATION_NOT_SUPPORTED", ref)
    if op in {"destroy", "forget"} and plugged(pool, ref):
        return Failure("SR_HAS_PBD", ref)
    if op == "destroy":
        if not row["PBDs"]:
            return Failure("SR_HAS_NO_PBDS", ref)
        disks = (pool.db.find("VDI", v) for v in row["VDIs"])
        if any(vdi and vdi["managed"] and vdi["type"] != "rrd" for vdi in disks):
            return Failure("SR_NOT_EMPTY")
    current = {task: running for task, running in row["current_operations"].items() if task != ignore}
    if op == "plug":
        current = {task: running for task, running in current.items() if running != "plug"}
    return other_operation(pool.profile, "SR", ref, current) if current else None


def assert_sr(pool: Pool, ref: str, op: str, *, ignore: str = NULL) -> None:
    failure = sr_error(pool, ref, op, ignore=ignore)
    if failure is not None:
        raise failure


def sr_allowed(pool: Pool, ref: str) -> list[str]:
    known = (op for op in SR_NEEDS if op != "vdi_revert" or pool.profile.at_least("26.16.0"))
    return [op for op in known if sr_error(pool, ref, op) is None]
