"""What calls that write look at beside the database: each of them, what it takes, what it refuses, what it writes.

From xapi 24.10 and 26.17, ocaml/xapi: xapi_vm.ml, xapi_pool.ml, xapi_host.ml, xapi_vif.ml, xapi_network.ml,
xapi_pif.ml, xapi_bond.ml, xapi_vmss.ml, xapi_observer.ml, xapi_caller.ml, xapi_rate_limit.ml, xapi_subject.ml,
xapi_pgpu.ml, repository.ml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.simulator.inside import Client, clients, watching
from tests.simulator.test_setters import STALE, VERBS, told
from tests.simulator.test_tables import FOR_PLUGINS
from xsmigui.simulator.dispatch import METHODS
from xsmigui.simulator.failures import EPOCH, NULL
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.schema import schema

Taken = dict[str, Any]
"""The fields of the row that the call writes, and their new values."""


async def site() -> tuple[Client, dict[str, str]]:
    """The newest pool, and its rows by names that the table uses."""
    one = {c.pool.name: c for c in await clients("mixed-versions")}["New 9"]
    watching.clear()
    db = one.pool.db
    vms = {row["power_state"]: ref for ref, row in db.table("VM").items() if not row["is_control_domain"]}
    halted = vms.get("Halted") or next(r for r, v in db.table("VM").items() if not v["is_control_domain"])
    db.set("VM", halted, power_state="Halted", blocked_operations={}, bios_strings={}, VCPUs_max=4, VCPUs_at_startup=1)
    host = one.pool.master
    others = [ref for ref in db.table("host") if ref != host]
    rows = {
        "other": others[0],
        "halted": halted,
        "host": host,
        "pool": one.pool.ref,
        "dom0": db.get("host", host, "control_domain"),
    }
    rows["template"] = db.create("VM", {"name_label": "t", "is_a_template": True, "power_state": "Halted"})
    rows["network"] = db.create("network", {"bridge": "b9", "managed": True, "purpose": [], "name_label": "n9"})
    rows["unmanaged"] = db.create("network", {"bridge": "b8", "managed": False, "purpose": []})
    rows["vif"] = db.create(
        "VIF", {"VM": halted, "network": rows["network"], "device": "9", "MAC": "02:00:00:00:00:09"}
    )
    rows["schedule"] = db.create("VMSS", {"type": "snapshot", "frequency": "weekly", "retained_snapshots": 7,
                                          "schedule": {"hour": "0", "min": "0", "days": "Monday"}})  # fmt: skip
    rows["observer"] = db.create(
        "Observer", {"components": [], "endpoints": ["bugtool"], "hosts": [], "attributes": {}}
    )
    rows["caller"] = db.create("Caller", {"name_label": "c"})
    rows["limit"] = db.create("Rate_limit", {"burst_size": 10.0, "fill_rate": 2.0})
    rows["subject"] = db.create("subject", {"subject_identifier": "S-1"})
    rows["repository"] = db.create("Repository", {"name_label": "r", "origin": "remote", "hash": "abc"})
    rows["bundle"] = db.create("Repository", {"name_label": "b", "origin": "bundle", "hash": "abc"})
    rows["pvs"] = db.create("PVS_site", {"name_label": "s"})
    rows["kind"] = db.create("VGPU_type", {"model_name": "m"})
    rows["gpu"] = db.create("PGPU", {"host": host, "supported_VGPU_types": [rows["kind"]]})
    rows["task"] = await one("task.create", "mine", "")
    rows["pif"] = db.create("PIF", {"host": host, "network": rows["network"], "device": "eth9", "physical": True,
                                    "properties": {"gro": "on"}, "VLAN": -1})  # fmt: skip
    rows["vlan"] = db.create("PIF", {"host": host, "network": rows["unmanaged"], "device": "eth9", "VLAN": 5})
    rows["management"] = next(r for r, v in db.table("PIF").items() if v["management"] and v["host"] == host)
    rows["bond"] = db.create("Bond", {"master": rows["pif"], "mode": "lacp", "properties": {}})
    db.set("host", host, ntp_mode="DHCP", ntp_custom_servers=[], hostname="old")
    db.set("pool", one.pool.ref, update_sync_enabled=False, repositories=[], last_update_sync="20250101T00:00:00Z")
    return one, rows


AT_STARTUP: Final = "VCPU values must satisfy: 0 < VCPUs_at_startup \N{LESS-THAN OR EQUAL TO} VCPUs_max"
CRASH: Final = "VM.actions_after_crash"
LEAK: Final = "option would leak a domain; VMs and not domains are managed by this API"
CUSTOM: Final = "Setting UEFI certificates is not possible when allow_custom_uefi_certs is false"
C_STATE: Final = "Only C0, C1 and unlimited are supported for max-cstate"
ADDRESS: Final = "INVALID_IP_ADDRESS_SPECIFIED"
GUEST: Final = "guest_agent_config"
TLS: Final = "Legacy SSL support has been removed"
BAD: Final = "INVALID_VALUE"
NTP: Final = "INVALID_NTP_CONFIG"

# A call, the row that it is about, further parameters, and what it answers, or else what it writes into that row
CASES: Final[list[tuple[str, str, list[Any], list[str] | Taken]]] = [
    # -- VM
    ("VM.set_order", "halted", [3], {"order": 3}),
    ("VM.set_order", "halted", [-1], [BAD, "order must be non-negative", "-1"]),
    ("VM.set_start_delay", "halted", [0], {"start_delay": 0}),
    ("VM.set_shutdown_delay", "halted", [-9], [BAD, "shutdown_delay must be non-negative", "-9"]),
    ("VM.set_VCPUs_max", "halted", [8], {"VCPUs_max": 8}),
    ("VM.set_VCPUs_max", "halted", [0], [BAD, AT_STARTUP, "0"]),
    ("VM.set_VCPUs_at_startup", "halted", [4], {"VCPUs_at_startup": 4}),
    ("VM.set_VCPUs_at_startup", "halted", [5], [BAD, AT_STARTUP, "5"]),
    ("VM.set_VCPUs_at_startup", "dom0", [1], ["OPERATION_NOT_ALLOWED", "set_VCPUs_at_startup is not allowed on dom0"]),
    ("VM.set_VCPUs_max", "dom0", [1], ["OPERATION_NOT_ALLOWED", "This operation is not allowed on dom0"]),
    ("VM.set_VCPUs_number_live", "halted", [1], ["VM_BAD_POWER_STATE", "@halted", "running", "halted"]),
    ("VM.add_to_VCPUs_params_live", "halted", ["k", "v"], ["VM_BAD_POWER_STATE", "@halted", "running", "halted"]),
    ("VM.set_shadow_multiplier_live", "halted", [1.0], ["VM_BAD_POWER_STATE", "@halted", "running", "halted"]),
    ("VM.set_memory_target_live", "halted", [1], ["VM_BAD_POWER_STATE", "@halted", "running", "halted"]),
    ("VM.set_HVM_shadow_multiplier", "halted", [2.0], {"HVM_shadow_multiplier": 2.0}),
    ("VM.set_HVM_shadow_multiplier", "halted", [0.5], [BAD, "multiplier", "0.5"]),
    ("VM.set_memory_static_min", "halted", [1 << 50], ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]),
    ("VM.set_memory_dynamic_min", "halted", [1 << 50], ["MEMORY_CONSTRAINT_VIOLATION_ORDER"]),
    ("VM.set_memory", "halted", [1 << 30],
     {"memory_static_max": 1 << 30, "memory_dynamic_min": 1 << 30, "memory_dynamic_max": 1 << 30}),
    ("VM.set_domain_type", "halted", ["pvh"], {"domain_type": "pvh", "HVM_boot_policy": ""}),
    ("VM.set_domain_type", "halted", ["unspecified"], [BAD, "domain_type", "unspecified"]),
    ("VM.set_HVM_boot_policy", "halted", ["BIOS order"], {"domain_type": "hvm", "HVM_boot_policy": "BIOS order"}),
    ("VM.set_actions_after_crash", "halted", ["destroy"], {"actions_after_crash": "destroy"}),
    ("VM.set_actions_after_crash", "halted", ["rename_restart"],
     ["VALUE_NOT_SUPPORTED", CRASH, "rename_restart", LEAK]),
    ("VM.set_ha_restart_priority", "halted", ["best-effort"], {"ha_restart_priority": "best-effort"}),
    ("VM.set_ha_restart_priority", "halted", ["1"], [BAD, "ha_restart_priority", "1"]),
    ("VM.set_ha_always_run", "halted", [True], {"ha_restart_priority": "restart"}),
    ("VM.set_has_vendor_device", "halted", [True], {"has_vendor_device": True}),
    ("VM.set_bios_strings", "halted", [{"bios-vendor": "x"}], {}),
    ("VM.set_bios_strings", "halted", [{"oem-1": "x"}], [BAD, "oem-1", "Unknown key"]),
    ("VM.set_suspend_VDI", "halted", [STALE], ["VM_BAD_POWER_STATE", "@halted", "suspended", "halted"]),
    ("VM.set_snapshot_schedule", "halted", [STALE], [BAD, STALE]),
    ("VM.set_snapshot_schedule", "stale", [STALE], [BAD, STALE]),
    ("VM.set_snapshot_schedule", "halted", ["@schedule"], {"snapshot_schedule": "@schedule"}),
    ("VM.set_snapshot_schedule", "template", ["@schedule"], ["VM_IS_TEMPLATE", "@template"]),
    ("VM.set_snapshot_schedule", "dom0", ["@schedule"], [BAD, "@schedule"]),
    ("VM.set_appliance", "halted", [STALE], {"appliance": STALE}),
    ("VM.set_appliance", "template", [NULL], ["OPERATION_NOT_ALLOWED",
     "Control domains, templates and snapshots cannot be assigned to appliances."]),
    ("VM.set_groups", "halted", [[STALE, NULL]], ["TOO_MANY_GROUPS"]),
    ("VM.set_groups", "dom0", [[]], ["OPERATION_NOT_ALLOWED",
     "Control domains, templates, and snapshots cannot be added to VM groups."]),
    ("VM.set_blocked_operations", "halted", [{"start": "no"}], {"blocked_operations": {"start": "no"}}),
    ("VM.add_to_blocked_operations", "halted", ["START", "no"], {"blocked_operations": {"start": "no"}}),
    ("VM.add_to_NVRAM", "halted", ["k", "v"], {"NVRAM": {"k": "v"}}),
    ("VM.remove_from_NVRAM", "halted", ["k"], {"NVRAM": {}}),
    ("VM.set_NVRAM", "dom0", [{}], ["VM_BAD_POWER_STATE", "@dom0", "halted", "running"]),
    ("VM.set_platform", "halted", [{"pae": "true"}], {"platform": {"pae": "true"}}),
    ("VM.set_is_default_template", "template", [True], {"is_default_template": True}),
    ("VM.set_uefi_mode", "halted", ["setup"], {}),
    # -- pool
    ("pool.set_ha_host_failures_to_tolerate", "pool", [-1], [BAD, "ha_host_failures_to_tolerate", "-1"]),
    ("pool.set_ext_auth_cache_enabled", "pool", [True], {"ext_auth_cache_enabled": True}),
    ("pool.set_ext_auth_cache_size", "pool", [-1], [BAD, "size", "-1"]),
    ("pool.set_ext_auth_cache_size", "pool", [0], {"ext_auth_cache_size": 0}),
    ("pool.set_ext_auth_cache_expiry", "pool", [0], [BAD, "expiry", "0"]),
    ("pool.set_ext_auth_cache_expiry", "pool", [1], {"ext_auth_cache_expiry": 1}),
    ("pool.set_local_auth_max_threads", "pool", [-5], {}),
    ("pool.set_ext_auth_max_threads", "pool", [-5], {}),
    ("pool.set_custom_uefi_certificates", "pool", ["x"], ["OPERATION_NOT_ALLOWED", CUSTOM]),
    ("pool.add_to_guest_agent_config", "pool", ["auto_update_enabled", "yes"],
     [BAD, GUEST, "auto_update_enabled = yes"]),
    ("pool.add_to_guest_agent_config", "pool", ["colour", "red"], [BAD, GUEST, "colour = red"]),
    ("pool.add_to_guest_agent_config", "pool", ["auto_update_url", "http://u"],
     {"guest_agent_config": {"auto_update_url": "http://u"}}),
    ("pool.remove_from_guest_agent_config", "pool", ["auto_update_url"], {"guest_agent_config": {}}),
    ("pool.set_igmp_snooping_enabled", "pool", [True], {"igmp_snooping_enabled": True}),
    ("pool.set_telemetry_next_collection", "pool", ["20990101T00:00:00Z"],
     ["TELEMETRY_NEXT_COLLECTION_TOO_LATE", "20990101T00:00:00Z"]),
    ("pool.set_update_sync_enabled", "pool", [True], ["NO_REPOSITORIES_CONFIGURED"]),
    ("pool.set_update_sync_enabled", "pool", [False], {"update_sync_enabled": False}),
    ("pool.set_repositories", "pool", [[STALE]], ["HANDLE_INVALID", "Repository", STALE]),
    ("pool.set_repositories", "pool", [["@repository", "@bundle"]], ["REPO_SHOULD_BE_SINGLE_ONE_ENABLED"]),
    ("pool.set_repositories", "pool", [["@repository"]], {"repositories": ["@repository"], "last_update_sync": EPOCH}),
    ("pool.add_repository", "pool", ["@repository"], {"repositories": ["@repository"], "last_update_sync": EPOCH}),
    ("pool.remove_repository", "pool", ["@repository"], {"repositories": [], "last_update_sync": EPOCH}),
    ("pool.set_https_only", "pool", [True], {}),
    ("pool.set_console_idle_timeout", "pool", [-1], ["SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED", "@other", "@host"]),
    ("pool.set_ssh_enabled_timeout", "pool", [172801], ["SET_SSH_TIMEOUT_PARTIALLY_FAILED", "@other", "@host"]),
    ("pool.set_ssh_auto_mode", "pool", [True], {}),
    # -- host
    ("host.set_iscsi_iqn", "host", [""], [BAD, "value", ""]),
    ("host.set_iscsi_iqn", "host", ["iqn.2026-01.x:y"], {"iscsi_iqn": "iqn.2026-01.x:y"}),
    ("host.set_multipathing", "host", [True], {"multipathing": True}),
    ("host.set_ssl_legacy", "host", [True], ["VALUE_NOT_SUPPORTED", "value", "true", TLS]),
    ("host.set_ssl_legacy", "stale", [False], {}),
    ("host.set_sched_gran", "host", ["core"], ["OPERATION_NOT_ALLOWED", "Disabled by xapi.conf"]),
    ("host.set_numa_affinity_policy", "host", ["any"], {"numa_affinity_policy": "any"}),
    ("host.set_https_only", "host", [True], {"https_only": True}),
    ("host.set_max_cstate", "host", ["x"], [BAD, "max_cstate", "x"]),
    ("host.set_max_cstate", "host", ["2"], ["VALUE_NOT_SUPPORTED", "max_cstate", "2", C_STATE]),
    ("host.set_max_cstate", "host", ["1,0"], {"max_cstate": "1,0"}),
    ("host.set_hostname_live", "host", [""], ["HOST_NAME_INVALID", "hostname empty"]),
    ("host.set_hostname_live", "host", ["h" * 256], ["HOST_NAME_INVALID", "hostname is too long"]),
    ("host.set_hostname_live", "host", ["-a"], ["HOST_NAME_INVALID", "hostname contains invalid characters"]),
    ("host.set_hostname_live", "host", ["new.name"], {"hostname": "new.name"}),
    ("host.set_power_on_mode", "host", ["wake-on-lan", {}], {"power_on_mode": "wake-on-lan"}),
    ("host.set_ssh_enabled_timeout", "host", [-1], [BAD, "ssh_enabled_timeout", "-1"]),
    ("host.set_ssh_enabled_timeout", "host", [172800], {"ssh_enabled_timeout": 172800}),
    ("host.set_console_idle_timeout", "host", [-1], [BAD, "console_timeout", "-1"]),
    ("host.set_ssh_auto_mode", "host", [True], {"ssh_auto_mode": True}),
    ("host.set_ntp_mode", "host", ["Custom"],
     [NTP, "Can't set ntp_mode to Custom when ntp_custom_servers is empty"]),
    ("host.set_ntp_mode", "host", ["Disabled"], {"ntp_mode": "Disabled"}),
    ("host.set_ntp_custom_servers", "host", [["10.0.0.1"]], {"ntp_custom_servers": ["10.0.0.1"]}),
    ("host.set_timezone", "host", ["Europe/Madrid"], {"timezone": "Europe/Madrid"}),
    ("host.set_timezone", "host", ["no such zone"], [BAD, "timezone", "no such zone"]),
    ("host.set_servertime", "host", ["20260101T00:00:00Z"], ["NOT_ALLOWED_WHEN_NTP_IS_ENABLED", "@host"]),
    # -- networks and interfaces
    ("network.set_default_locking_mode", "network", ["disabled"], {"default_locking_mode": "disabled"}),
    ("network.add_purpose", "network", ["nbd"], {"purpose": ["nbd"]}),
    ("network.add_purpose", "unmanaged", ["nbd"], ["NETWORK_UNMANAGED", "@unmanaged"]),
    ("network.remove_purpose", "network", ["nbd"], {"purpose": []}),
    ("VIF.set_locking_mode", "vif", ["disabled"], {"locking_mode": "disabled"}),
    ("VIF.set_ipv4_allowed", "vif", [["10.0.0.1", "10.0.0.1"]], {"ipv4_allowed": ["10.0.0.1"]}),
    ("VIF.add_ipv4_allowed", "vif", ["10.0.0.300"], [ADDRESS, "ipv4_allowed"]),
    ("VIF.remove_ipv4_allowed", "vif", ["10.0.0.1"], {"ipv4_allowed": []}),
    ("VIF.set_ipv6_allowed", "vif", [["10.0.0.1"]], [ADDRESS, "ipv6_allowed"]),
    ("VIF.add_ipv6_allowed", "vif", ["2001:db8::1"], {"ipv6_allowed": ["2001:db8::1"]}),
    ("VIF.remove_ipv6_allowed", "vif", ["2001:db8::1"], {"ipv6_allowed": []}),
    ("VIF.set_trunks", "vif", [[4095]], ["VLAN_TAG_INVALID", "4095"]),
    ("VIF.set_trunks", "vif", [[1, 2, 1]], {"trunks": [1, 2]}),
    ("VIF.add_trunks", "vif", [-1], ["VLAN_TAG_INVALID", "-1"]),
    ("VIF.remove_trunks", "vif", [1], {"trunks": []}),
    ("PIF.set_property", "pif", ["gro", "maybe"], [BAD, "properties", "gro = maybe"]),
    ("PIF.set_property", "pif", ["gro", "off"], {"properties": {"gro": "off"}}),
    ("PIF.set_property", "vlan", ["gro", "off"], ["CANNOT_CHANGE_PIF_PROPERTIES", "@vlan"]),
    ("PIF.set_primary_address_type", "management", ["IPv6"], ["PIF_IS_MANAGEMENT_INTERFACE", "@management"]),
    ("PIF.set_disallow_unplug", "pif", [True], {"disallow_unplug": True}),
    ("Bond.set_mode", "bond", ["active-backup"], {"mode": "active-backup", "properties": {}}),
    ("Bond.set_property", "bond", ["lacp-time", "never"], [BAD, "properties", "lacp-time = never"]),
    ("Bond.set_property", "bond", ["lacp-time", "fast"], {"properties": {"lacp-time": "fast"}}),
    # -- the rest
    ("VMSS.set_retained_snapshots", "schedule", [11], [BAD, "retained_snapshots", "11"]),
    ("VMSS.set_frequency", "schedule", ["hourly"], {"frequency": "hourly", "schedule": {"min": "0"}}),
    ("VMSS.set_schedule", "schedule", [{"hour": "24"}], [BAD, "schedule:hour", "24"]),
    ("VMSS.add_to_schedule", "schedule", ["colour", "red"], ["INTERNAL_ERROR", "Not_found"]),
    ("VMSS.remove_from_schedule", "schedule", ["min"], {"schedule": {"hour": "0", "days": "Monday"}}),
    ("VMSS.set_type", "schedule", ["checkpoint"], {"type": "checkpoint"}),
    ("Observer.set_enabled", "observer", [True], {"enabled": True}),
    ("Observer.set_components", "observer", [["no"]], [BAD, "component", "no"]),
    ("Observer.set_endpoints", "observer", [["no"]], [BAD, "endpoint", "no"]),
    ("Observer.set_hosts", "observer", [[STALE]], [BAD, "host", STALE]),
    ("Observer.set_attributes", "observer", [{"A b": "1"}], [BAD, "attributes", "A b:1"]),
    ("Caller.add_group", "caller", ["g"], {"groups": ["g"]}),
    ("Caller.add_group", "caller", ["a b"], [BAD, "group",
     "group name may only contain alphanumerics and '_', '-' or '.' characters"]),
    ("Caller.remove_group", "caller", ["g"], {"groups": []}),
    ("Rate_limit.set_burst_size", "limit", [0.0], [BAD, "burst_size", "0."]),
    ("Rate_limit.set_fill_rate", "limit", [-1.0], [BAD, "fill_rate", "-1."]),
    ("Rate_limit.set_fill_rate", "limit", [3.5], {"fill_rate": 3.5}),
    ("Rate_limit.add_caller", "limit", ["@caller"], {"callers": ["@caller"]}),
    ("Rate_limit.remove_caller", "limit", ["@caller"], {"callers": []}),
    ("subject.add_to_roles", "subject", [STALE], ["ROLE_NOT_FOUND"]),
    ("subject.remove_from_roles", "subject", [STALE], ["ROLE_NOT_FOUND"]),
    ("Repository.set_gpgkey_path", "repository", ["../x"], ["INVALID_GPGKEY_PATH", "../x"]),
    ("PGPU.set_enabled_VGPU_types", "gpu", [[STALE]], ["VGPU_TYPE_NOT_SUPPORTED", STALE, "@kind"]),
    ("PGPU.add_enabled_VGPU_types", "gpu", ["@kind"], {"enabled_VGPU_types": ["@kind"]}),
    ("PGPU.remove_enabled_VGPU_types", "gpu", ["@kind"], {"enabled_VGPU_types": []}),
    ("PVS_site.set_PVS_uuid", "pvs", ["id"], {"PVS_uuid": "id"}),
    ("task.set_result", "task", ["<value/>"], {"result": "<value/>"}),
    ("task.set_error_info", "task", [["A", "b"]], {"error_info": ["A", "b"]}),
    ("task.set_status", "task", ["cancelled"], {"status": "cancelled"}),
    ("task.set_progress", "task", [7.5], {"progress": 7.5}),
    ("task.set_other_config", "task", [{"k": "v"}], {"other_config": {"k": "v"}}),
]  # fmt: skip


@pytest.mark.parametrize("cls", sorted({method.partition(".")[0] for method, *_ in CASES}))
async def test_what_is_taken_refused_and_written(cls: str) -> None:
    one, rows = await site()
    tables = one.pool.db.tables

    def meant(value: Any) -> Any:
        if isinstance(value, list):
            return [meant(item) for item in value]
        return rows[value[1:]] if isinstance(value, str) and value.startswith("@") else value

    wrong: list[Any] = []
    for method, row, params, due in (case for case in CASES if case[0].startswith(f"{cls}.")):
        saved = {name: {ref: dict(fields) for ref, fields in table.rows.items()} for name, table in tables.items()}
        ref = rows.get(row, STALE)
        answer = await told(one, method, ref, *meant(params))
        now = tables[cls].rows.get(ref, {})
        if isinstance(due, list):
            if answer != meant(due) or now != saved[cls].get(ref, {}):  # a refusal writes nothing
                wrong.append((method, params, answer))
        elif answer or {name: now.get(name) for name in due} != {name: meant(value) for name, value in due.items()}:
            wrong.append((method, params, answer, {name: now.get(name) for name in due}))
        for name, fields_of in saved.items():
            tables[name].rows.update(fields_of)
    assert wrong == []


def test_every_call_with_a_method_of_its_own_is_in_the_table() -> None:
    """Or in a table of another file."""
    known = schema(PROFILES["26.17"].release)
    own = {
        m.full
        for described in known.classes.values()
        for m in described.messages.values()
        if m.full in METHODS and m.name.partition("_")[0] in VERBS and not (m.removed or m.internal)
    }
    own -= {f"{cls}.set_{field}" for cls, fields in FOR_PLUGINS.items() for field in fields}
    tests = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in sorted(own) if name not in tests] == []


async def test_a_host_that_gets_another_name_names_its_control_domain() -> None:
    """Helpers.update_domain_zero_name; unless somebody has given it another."""
    one, rows = await site()
    one.pool.db.set("VM", rows["dom0"], name_label="Control domain on host: old")
    await one("host.set_hostname_live", rows["host"], "new")
    assert await one("VM.get_name_label", rows["dom0"]) == "Control domain on host: new"
    one.pool.db.set("VM", rows["dom0"], name_label="mine")
    await one("host.set_hostname_live", rows["host"], "newer")
    assert await one("VM.get_name_label", rows["dom0"]) == "mine"


async def test_when_a_pool_counts_as_never_synchronised() -> None:
    """When a repository comes, whose metadata are read anew, or when none is left; not when one of two goes."""
    one, rows = await site()
    db, pool = one.pool.db, one.pool.ref
    other = db.create("Repository", {"name_label": "o", "origin": "remote", "hash": "def"})
    for repositories, wanted in (([rows["repository"], other], EPOCH), ([other], "20250101T00:00:00Z"), ([], EPOCH)):
        await one("pool.set_repositories", pool, repositories)
        assert await one("pool.get_last_update_sync", pool) == wanted
        db.set("pool", pool, last_update_sync="20250101T00:00:00Z")
    assert await one("Repository.get_hash", other) == ""
    assert await one("host.get_latest_synced_updates_applied", one.pool.master) == "unknown"


async def test_roles_of_subjects_are_for_editions_that_have_them() -> None:
    one, rows = await site()
    one.pool.db.set("pool", one.pool.ref, restrictions={"restrict_rbac": "true"})
    for name in ("subject.add_to_roles", "subject.remove_from_roles"):
        assert await one.refused(name, rows["subject"], STALE) == ["LICENCE_RESTRICTION", "RBAC"]


async def test_the_order_in_which_a_new_interface_is_looked_at() -> None:
    """xapi_vif_helpers.ml, create: network, licence, device, address, VM, whether the device is free, and whether the
    first interface has a provisioning service's proxy."""
    one, rows = await site()
    db, restrictions = one.pool.db, {"restrict_vif_locking": "true"}
    db.set("pool", one.pool.ref, restrictions=restrictions)
    rest = {"MTU": 1500, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {}}
    struct = {**rest, "VM": STALE, "network": STALE, "device": "x", "MAC": "no", "locking_mode": "locked"}
    db.create("PVS_proxy", {"site": rows["pvs"], "VIF": rows["vif"]})
    for change, wanted in (
        ({}, ["HANDLE_INVALID", "network", STALE]),
        ({"network": rows["network"]}, ["LICENCE_RESTRICTION", "VIF_locking"]),
        ({"locking_mode": "unlocked"}, ["INVALID_DEVICE", "x"]), ({"device": "9"}, ["MAC_INVALID", "no"]),
        ({"MAC": "02:00:00:00:00:0a"}, ["HANDLE_INVALID", "VM", STALE]),
        ({"VM": rows["halted"]}, ["DEVICE_ALREADY_EXISTS", "9"]),
    ):  # fmt: skip
        struct |= change
        assert await one.refused("VIF.create", struct) == wanted
    for vif in [v for v in db.get("VM", rows["halted"], "VIFs") if v != rows["vif"]]:
        db.delete("VIF", vif)
    struct["device"] = "3"
    assert await one.refused("VIF.create", struct) == ["PVS_PROXY_PRESENT_ON_HIGHER_VIF_DEVICE", "9"]
    await one("VIF.create", {**struct, "device": "10"})
