"""What roles permit beside the calls of the schema: keys of maps, and paths of HTTP (xapi 24.10 to 26.17: datamodel.ml,
http_actions and extra_permissions; field_map_keys_roles)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.schema import Schema

ROLES: Final = (
    "pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "client-cert", "read-only",
)  # fmt: skip
"""From the most powerful down. `client-cert` is xapi's own: it is given to nobody."""


def at_least(role: str) -> tuple[str, ...]:
    """A role and those above it."""
    return ROLES[: ROLES.index(role) + 1]


_FOLDERS: Final = {"folder": "vm-operator", "XenCenter.CustomFields.*": "vm-operator"}
KEYS: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("VM", "other_config"): {"pci": "pool-admin", "hvm_serial": "pool-admin", **_FOLDERS},
    ("VM", "platform"): {"hvm_serial": "pool-admin"},
    ("task", "other_config"): dict.fromkeys(
        ("applies_to", "XenCenterUUID", "XenCenterMeddlingActionTitle"), "vm-operator"
    ),
    ("network", "other_config"): {**_FOLDERS, "XenCenterCreateInProgress": "vm-operator"},
    ("pool", "other_config"): {**_FOLDERS, "EMPTY_FOLDERS": "vm-operator"},
    ("SR", "other_config"): _FOLDERS,
    ("VDI", "other_config"): _FOLDERS,
    ("host", "other_config"): _FOLDERS,
}
"""The least role that may add or remove these keys; others need the role of the call."""


def guarded(cls: str, field: str, key: str) -> str | None:
    """The least role for a key, `None` where the call's own role decides."""
    for pattern, role in KEYS.get((cls, field), {}).items():
        if key == pattern or (pattern.endswith("*") and key.startswith(pattern[:-1])):
            return role
    return None


ANY_TASK: Final = "task.destroy/any"
"""To end and to change what somebody else has begun; the pool's operators may."""

_SINCE: Final = {
    "get_enabled_repository": "25.7.0", "put_bundle": "24.23.0", "get_vm_rrds": "25.38.0", "get_host_rrds": "25.38.0",
    "post_RPC2": "25.38.0",
}  # fmt: skip

_HTTP: Final = (
    (
        "read-only",
        False,
        """
        get_services get_root post_cli get_vm_rrd get_vm_rrds get_host_rrd get_host_rrds get_sr_rrd
        get_rrd_updates get_blob get_wlb_report get_wlb_diagnostics get_audit_log post_root post_RPC2 post_json
        post_root_options post_json_options post_jsonrpc post_jsonrpc_options get_pool_update_download
    """,
    ),
    (
        "pool-admin",
        False,
        """
        post_services put_services post_remote_db_access post_remote_db_access_v2 connect_console/host_console
        connect_console_ws/host_console_ws get_host_backup put_host_restore get_vncsnapshot/host_console
        get_pool_xml_db_sync put_pool_xml_db_sync get_config_sync put_rrd connect_remotecmd
    """,
    ),
    (
        "vm-power-admin",
        False,
        """
        get_services_xenops get_services_sm post_services_sm put_services_sm put_blob put_messages
    """,
    ),
    (
        "vm-power-admin",
        True,
        """
        post_services_xenops put_services_xenops
    """,
    ),
    (
        "vm-admin",
        False,
        """
        put_import put_import_metadata put_import_raw_vdi get_export get_export_metadata get_export_raw_vdi
    """,
    ),
    (
        "vm-operator",
        False,
        """
        connect_console connect_console_ws get_vncsnapshot
    """,
    ),
    (
        "pool-operator",
        False,
        """
        get_host_logs_download put_pool_patch_upload get_system_status put_bundle
    """,
    ),
    (
        "pool-operator",
        True,
        """
        get_enabled_repository get_host_updates get_updates
    """,
    ),
)


def of_paths(release: tuple[int, ...]) -> dict[str, tuple[str, ...]]:
    """The roles that each path of HTTP wants, as permissions are named."""
    found: dict[str, tuple[str, ...]] = {}
    for role, certificate, names in _HTTP:
        for name in names.split():
            since = tuple(int(n) for n in _SINCE.get(name, "0").split("."))
            if release >= since:
                roles = at_least(role)
                found[f"http/{name}"] = (*roles, "client-cert") if certificate else roles
    return found


def permissions_of(known: Schema) -> dict[str, tuple[str, ...]]:
    """The roles that have each: calls, keys of maps, paths of HTTP."""
    found: dict[str, tuple[str, ...]] = {}
    for cls, described in known.classes.items():
        for message in described.messages.values():
            roles = tuple(r for r in ROLES if r in message.roles)
            found[message.full] = roles
            adds, _, field = message.name.partition("_to_")
            removes, _, other = message.name.partition("_from_")
            keys = KEYS.get((cls, field if adds == "add" else other if removes == "remove" else ""), {})
            found |= {f"{message.full}/key:{key}": at_least(role) for key, role in keys.items()}
    found |= {**of_paths(known.release), ANY_TASK: at_least("pool-operator")}
    return dict(sorted(found.items()))
