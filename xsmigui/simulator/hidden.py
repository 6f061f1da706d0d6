"""Calls that servers know and the published schema leaves out (idl/datamodel*.ml, hide_from_docs and pool_internal).

Those for xapi itself are refused to whoever has an ordinary session.
"""

from __future__ import annotations

from typing import Final

# Class, name, result, parameters (`name: type`), the least role; since 6.0 at the latest
FOR_CLIENTS: Final = (
    ("VDI", "checksum", "string", ("self: VDI ref",), "vm-admin"),
    ("VDI", "force_unlock", "void", ("vdi: VDI ref",), "vm-admin"),
    ("VBD", "unplug_force_no_safety_check", "void", ("self: VBD ref",), "vm-admin"),
    ("VBD", "pause", "string", ("self: VBD ref",), "vm-admin"),
    ("VBD", "unpause", "void", ("self: VBD ref", "token: string"), "vm-admin"),
    ("VM", "set_is_default_template", "void", ("vm: VM ref", "value: bool"), "pool-admin"),
    ("VM", "s3_suspend", "void", ("vm: VM ref",), "vm-operator"),
    ("VM", "s3_resume", "void", ("vm: VM ref",), "vm-operator"),
    ("VM", "csvm", "VM ref", ("vm: VM ref",), "vm-admin"),
    ("host", "reset_networking", "void", ("host: host ref",), "pool-operator"),
    ("host", "get_sm_diagnostics", "string", ("host: host ref",), "pool-operator"),
    ("host", "get_thread_diagnostics", "string", ("host: host ref",), "pool-operator"),
)

# Class, name, types of the parameters
FOR_SERVERS: Final = (
    ("VM", "atomic_set_resident_on", "VM ref, host ref"),
    ("VM", "hard_reboot_internal", "VM ref"),
    ("VGPU", "atomic_set_resident_on", "VGPU ref, PGPU ref"),
    ("host", "ha_disable_failover_decisions", "host ref"),
    ("host", "ha_disarm_fencing", "host ref"),
    ("host", "ha_stop_daemon", "host ref"),
    ("host", "ha_release_resources", "host ref"),
    ("host", "ha_join_liveset", "host ref"),
    ("host", "ha_wait_for_shutdown_via_statefile", "host ref"),
    ("host", "preconfigure_ha", "host ref, VDI ref set, VDI ref, string"),
    ("host", "local_assert_healthy", ""),
    ("host", "request_backup", "host ref, int, bool"),
    ("host", "request_config_file_sync", "host ref, string"),
    ("host", "propose_new_master", "string, bool"),
    ("host", "abort_new_master", "string"),
    ("host", "commit_new_master", "string"),
    ("host", "signal_networking_change", ""),
    ("host", "notify", "string, string"),
    ("host", "get_uncooperative_domains", "host ref"),
    ("host", "attach_static_vdis", "host ref, (VDI ref -> string) map"),
    ("host", "detach_static_vdis", "host ref, VDI ref set"),
    ("host", "enable_binary_storage", "host ref"),
    ("host", "disable_binary_storage", "host ref"),
    ("host", "update_pool_secret", "host ref, string"),
    ("host", "update_master", "host ref, string"),
    ("host", "set_localdb_key", "host ref, string, string"),
    ("host", "tickle_heartbeat", "host ref, (string -> string) map"),
    ("host", "certificate_list", "host ref"),
    ("host", "crl_list", "host ref"),
    ("host", "certificate_sync", "host ref"),
    ("host", "set_license_params", "host ref, (string -> string) map"),
    ("host", "sync_vlans", "host ref"),
    ("host", "sync_tunnels", "host ref"),
    ("host", "sync_pif_currently_attached", "host ref, string set"),
    ("pool", "ha_schedule_plan_recomputation", ""),
    ("pool", "audit_log_append", "string"),
)


def refusal(method: str) -> str:
    """What xapi says to a call of its own from outside (session_check.ml)."""
    return f'Internal API "{method}" call attempted with non-pool (external) session'
