"""The gate in front of a host: may this VM boot or arrive here, and may this be done to the host?

Source: xapi 24.10, xapi_vm_helpers.ml (assert_can_boot_here), cpuid_helpers.ml, xapi_host_helpers.ml.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import devices
from xsmigui.simulator.gates.busy import other_operation
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.gates.vm import disk_refs
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

_VENDOR: Final = "VM last booted on a host which had a CPU from a different vendor."
_FEATURES: Final = "VM last booted on a CPU with features this host's CPU does not have."
_NO_KEYS: Final = "Host does not have new leveling feature keys - not comparing VM's flags"
# All that a pool in a rolling upgrade names (xapi_globs.ml, host_operations_miami)
_OF_MIAMI: Final = frozenset({"evacuate", "provision"})


def sees(pool: Pool, host: str, sr: str) -> bool:
    """An attached PBD between the two."""
    row = pool.db.find("SR", sr)
    if row is None:
        return False
    pbds = (pool.db.find("PBD", ref) for ref in row["PBDs"])
    return any(pbd and pbd["host"] == host and pbd["currently_attached"] for pbd in pbds)


def required_srs(pool: Pool, vm: Row) -> list[str]:
    """SRs of all non-empty drives, CDs included, and of the suspend image."""
    vdis = disk_refs(pool, vm, cds=True)
    if pool.db.has("VDI", vm["suspend_VDI"]):
        vdis.append(vm["suspend_VDI"])
    return list(dict.fromkeys(pool.db.get("VDI", v, "SR") for v in vdis))


def sees_all(pool: Pool, host: str, vm: Row) -> bool:
    return all(sees(pool, host, sr) for sr in required_srs(pool, vm))


def pif_on(pool: Pool, network: str, host: str) -> str | None:
    row = pool.db.row("network", network)
    return next((p for p in row["PIFs"] if (pif := pool.db.find("PIF", p)) and pif["host"] == host), None)


def networks(pool: Pool, vm_ref: str, vm: Row, host: str) -> None:
    """12. What its interfaces are on can be attached here."""
    assert_networks(pool, vm_ref, [pool.db.get("VIF", vif, "network") for vif in vm["VIFs"]], host)


def assert_networks(pool: Pool, vm_ref: str, wanted: Iterable[str], host: str) -> None:
    """Every network has a PIF here, or none anywhere and nobody uses it elsewhere (assert_can_see_named_networks)."""
    for network in wanted:
        row = pool.db.find("network", network)
        if row is None:
            continue
        pif = pif_on(pool, network, host)
        if pif is not None:
            if pool.db.get("PIF", pif, "bond_slave_of") != NULL:
                raise Failure("HOST_CANNOT_ATTACH_NETWORK", host, network)
        elif row["PIFs"] or not _free_to_roam(pool, vm_ref, row, host):
            raise Failure("VM_REQUIRES_NETWORK", vm_ref, network)


def _free_to_roam(pool: Pool, vm_ref: str, network: Row, host: str) -> bool:
    if network["other_config"].get("assume_network_is_shared") == "true" or not network["managed"]:
        return True
    homes = {
        vm["resident_on"]
        for vif in network["VIFs"]
        if (row := pool.db.find("VIF", vif))
        and (vm := pool.db.find("VM", row["VM"]))
        and vm["power_state"] == "Running"
    }
    return not homes or host in homes


def cpu_error(vm_ref: str, vm: Row, booted: str, host_ref: str, host: Row) -> Failure | None:
    """10. Vendor and features of the running domain against the host's policy (cpuid_helpers.ml)."""
    flags = vm["last_boot_CPU_flags"]
    info = host["cpu_info"]
    kind = vm["domain_type"] if booted in {"", "unspecified"} else booted
    field = "features_pv" if kind == "pv" else "features_hvm"

    def refuse(reason: str) -> Failure:
        return Failure("VM_INCOMPATIBLE_WITH_THIS_HOST", vm_ref, host_ref, reason)

    if "vendor" in flags and flags["vendor"] != info.get("vendor"):
        return refuse(_VENDOR)
    if "features" in flags:
        if field not in info:
            return refuse(_NO_KEYS)
        if not subset(flags["features"], info[field]):
            return refuse(_FEATURES)
    return None


def subset(ours: str, theirs: str) -> bool:
    """Feature sets as words of 8 hex digits; ours is extended with zeros or cut to the other's length."""
    a, b = _words(ours), _words(theirs)
    if len(a) == 4:
        return True  # the short form of before 7.0 counts other words: xapi leaves it to Xen
    return all(x & ~y == 0 for x, y in itertools.zip_longest(a[: len(b)], b, fillvalue=0))


def _words(text: str) -> list[int]:
    return [int(w, 16) for w in text.split("-") if w]


def booted_as(pool: Pool, vm: Row) -> str:
    metrics = pool.db.find("VM_metrics", vm["metrics"])
    return str(metrics["current_domain_type"]) if metrics else "unspecified"


def assert_can_boot_here(
    pool: Pool, vm_ref: str, host_ref: str, *, cpu: bool = True, sr: bool = True, memory: bool = True
) -> None:
    """The checks of section 4.1, in their order."""
    vm, host = pool.db.row("VM", vm_ref), pool.db.row("host", host_ref)
    devices.assert_known_types(pool, vm)
    _sane(vm)
    if not pool.live(host_ref):
        raise Failure("HOST_NOT_LIVE")
    assert_affinity(vm, host_ref)
    at_home = vm["power_state"] == "Running" and vm["resident_on"] == host_ref
    stays = at_home and pool.profile.moves_disks_while_disabled
    if not host["enabled"] and not vm["is_control_domain"] and not stays:
        raise Failure("HOST_DISABLED", host_ref)
    hardware(vm_ref, vm, host_ref, host)
    if cpu and vm["power_state"] != "Halted":
        failure = cpu_error(vm_ref, vm, booted_as(pool, vm), host_ref, host)
        if failure:
            raise failure
    if sr:
        for ref in required_srs(pool, vm):
            if not sees(pool, host_ref, ref):
                raise Failure("VM_REQUIRES_SR", vm_ref, ref)
    networks(pool, vm_ref, vm, host_ref)
    devices.assert_gpus(pool, vm_ref, vm, host_ref)
    _usb(pool, vm, host_ref)
    devices.assert_functions(pool, vm, host_ref)
    if vm["domain_type"] in {"hvm", "pvh", "pv_in_pvh"} and not any("hvm" in c for c in host["capabilities"]):
        raise Failure("VM_HVM_REQUIRED", vm_ref)
    if memory:
        needed, free = needed_memory(pool, vm), free_memory(pool, host_ref, ignore_scheduled=vm_ref)
        if needed > free:
            raise Failure("HOST_NOT_ENOUGH_FREE_MEMORY", needed, free)
    processors(vm, host)


def assert_affinity(vm: Row, host: str) -> None:
    """A control domain belongs to one host (assert_matches_control_domain_affinity)."""
    if vm["is_control_domain"] and vm["affinity"] not in {NULL, host}:
        raise Failure("OPERATION_NOT_ALLOWED", "Cannot boot a control domain on a host different from its affinity")


def _sane(vm: Row) -> None:
    most, at_start = vm["VCPUs_max"], vm["VCPUs_at_startup"]
    if most < 1:
        raise Failure("INVALID_VALUE", "VCPUs_max", most)
    if at_start < 1:
        raise Failure("INVALID_VALUE", "VCPUs-at-startup", at_start)
    if at_start > most:
        raise Failure("VALUE_NOT_SUPPORTED", "VCPUs-at-startup", at_start, "value greater than VCPUs-max")
    if vm["memory_dynamic_min"] > vm["memory_dynamic_max"] or vm["memory_dynamic_max"] > vm["memory_static_max"]:
        raise Failure("MEMORY_CONSTRAINT_VIOLATION")
    if vm["HVM_shadow_multiplier"] < 1.0:
        raise Failure("INVALID_VALUE", "HVM_shadow_multiplier", f"{vm['HVM_shadow_multiplier']:g}")
    assert_crash_action(vm, vm["actions_after_crash"])


def assert_crash_action(vm: Row, value: str) -> None:
    """5. What happens after a crash is possible for this kind of domain (xapi_vm_helpers.ml)."""
    name = "VM.actions_after_crash"
    if value == "rename_restart":
        text = "option would leak a domain; VMs and not domains are managed by this API"
        raise Failure("VALUE_NOT_SUPPORTED", name, value, text)
    if value.startswith("coredump_and_") and vm["domain_type"] in {"hvm", "pvh", "pv_in_pvh"}:
        text = "cannot invoke a coredump of an HVM, PV-in-PVH or PVH domain"
        raise Failure("VALUE_NOT_SUPPORTED", name, value, text)


def hardware(vm_ref: str, vm: Row, host_ref: str, host: Row) -> None:
    """9. The virtual hardware platform."""
    versions, wanted = host["virtual_hardware_platform_versions"], vm["hardware_platform_version"]
    if wanted not in versions:
        shown = f"[{'; '.join(map(str, versions))}]"
        raise Failure("VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", host_ref, shown, vm_ref, wanted)


def _usb(pool: Pool, vm: Row, host: str) -> None:
    """15. Virtual USB devices need their device on the host."""
    for ref in vm["VUSBs"]:
        group = pool.db.find("USB_group", pool.db.get("VUSB", ref, "USB_group"))
        if not any(pool.db.get("PUSB", p, "host") == host for p in (group["PUSBs"] if group else [])):
            raise Failure("OPERATION_NOT_ALLOWED", f"VUSB {ref} is not available on Host {host}")


def processors(vm: Row, host: Row) -> None:
    """19. No more VCPUs than the host has CPUs, unless the VM's platform says otherwise."""
    count = int(host["cpu_info"].get("cpu_count", "0"))
    if vm["VCPUs_max"] > count and vm["platform"].get("vcpu-unrestricted") != "true":
        raise Failure("HOST_NOT_ENOUGH_PCPUS", vm["VCPUs_max"], count)


def fits(pool: Pool, vm: str, host: str, *, cpu: bool = False, sr: bool = True, memory: bool = True) -> bool:
    try:
        assert_can_boot_here(pool, vm, host, cpu=cpu, sr=sr, memory=memory)
    except Failure:
        return False
    return True


def possible(pool: Pool, vm: str) -> list[str]:
    """VM.get_possible_hosts: all live hosts that pass, without the CPU check."""
    scheduled = pool.db.get("VM", vm, "scheduled_to_be_resident_on")
    if scheduled != NULL:
        return [scheduled]
    upgrading = pool.rolling_upgrade()
    return [
        host
        for host, row in pool.db.table("host").items()
        if pool.live(host)
        and not (upgrading and not newest_in_pool(pool, row))
        and "evacuate" not in row["current_operations"].values()
        and fits(pool, vm, host)
    ]


def choose(pool: Pool, vm: str) -> str:
    """Where a VM starts: its home server if it will do, else the host with the most free memory."""
    fitting = possible(pool, vm)
    home = pool.db.get("VM", vm, "affinity")
    if home in fitting:
        return str(home)
    if not fitting:
        raise Failure("NO_HOSTS_AVAILABLE")
    # VMs of a group with anti-affinity go where the fewest of their kind are.
    groups = pool.db.row("VM", vm).get("groups", [])
    apart = [g for g in groups if (row := pool.db.find("VM_group", g)) and row["placement"] == "anti_affinity"]
    others = [v for g in apart for v in pool.db.get("VM_group", g, "VMs") if v != vm]
    if others:
        homes = [r["resident_on"] for v in others if (r := pool.db.find("VM", v))]
        least = min(homes.count(h) for h in fitting)
        fitting = [h for h in fitting if homes.count(h) == least]
    return max(fitting, key=lambda h: (free_memory(pool, h), h))


OPERATIONS: Final = (
    "provision", "evacuate", "shutdown", "reboot", "power_on", "vm_start", "vm_resume", "vm_migrate", "apply_updates",
    "enable",
)  # fmt: skip
_CREATES: Final = frozenset({"provision", "vm_resume", "vm_migrate"})
_REMOVES: Final = frozenset({"evacuate", "reboot", "shutdown"})
_EXCLUDES: Final = {
    "reboot": ("shutdown", "apply_updates"), "shutdown": ("reboot", "apply_updates"),
    "apply_updates": ("reboot", "shutdown", "enable"), "provision": ("provision",),
}  # fmt: skip


def operation_error(pool: Pool, ref: str, op: str) -> Failure | None:
    """Why `op` may not begin on a host now (xapi_host_helpers.ml, valid_operations)."""
    row = pool.db.row("host", ref)
    current = row["current_operations"]
    if op != "power_on":
        against = _REMOVES if op in _CREATES else _CREATES if op in _REMOVES else frozenset[str]()
        conflicting = {task: running for task, running in current.items() if running in against}
        for first in _EXCLUDES if not conflicting else ():
            conflicting = conflicting or {t: r for t, r in current.items() if r == first and op in _EXCLUDES[first]}
        if conflicting:
            return other_operation(pool.profile, "host", ref, conflicting)
    if op in {"reboot", "shutdown", "apply_updates"} and row["enabled"]:
        return Failure("HOST_NOT_DISABLED")
    if op == "power_on":
        if pool.live(ref):
            return Failure("HOST_IS_LIVE", ref)
        if not row["power_on_mode"]:
            return Failure("HOST_POWER_ON_MODE_DISABLED")
    return None


def allowed(pool: Pool, ref: str) -> list[str]:
    ops = [op for op in OPERATIONS if operation_error(pool, ref, op) is None]
    return [op for op in ops if op in _OF_MIAMI] if pool.rolling_upgrade() else ops


def assert_host_operation(pool: Pool, host: str, op: str) -> None:
    failure = operation_error(pool, host, op)
    if failure is not None:
        raise failure


_WHOLE: Final = ("platform_version", "xapi_build", "xen")


def not_older(pool: Pool, source: Row, target: Row) -> bool:
    """Migrations and evacuations: the platform may not go back, nor since 25.31 xapi's build and Xen (helpers.ml,
    host_versions_not_decreasing)."""
    keys = _WHOLE if pool.profile.whole_version_rule else ("platform_version",)
    return _not_less(pool, target, source, keys)


def _upgrade_keys(pool: Pool) -> tuple[str, ...]:
    """What a rolling upgrade compares: the platform, from 25.31 to 25.32 as migrations do, then the platform and xapi's
    version (helpers.ml, Checks.RPU)."""
    if pool.profile.compares_upgrades_apart:
        return "platform_version", "xapi"
    return _WHOLE if pool.profile.whole_version_rule else ("platform_version",)


def newest_in_pool(pool: Pool, host: Row) -> bool:
    """VMs start on hosts that are upgraded already (host_has_highest_version_in_pool)."""
    keys, newest = _upgrade_keys(pool), host
    for other in pool.db.table("host").values():
        newest = other if _not_less(pool, other, newest, keys) else newest
    return _not_less(pool, host, newest, keys)


def same_as_coordinator(pool: Pool, host: Row) -> bool:
    """are_host_versions_same_on_master."""
    coordinator = pool.db.row("host", pool.master)
    return all(_version(pool, host, key) == _version(pool, coordinator, key) for key in _upgrade_keys(pool))


def _not_less(pool: Pool, host: Row, than: Row, keys: tuple[str, ...]) -> bool:
    return all(_version(pool, host, key) >= _version(pool, than, key) for key in keys)


def _version(pool: Pool, host: Row, key: str) -> tuple[int, ...]:
    """The numbers before the first dash and those between it and the next; before 25.33 one number there, and nothing
    after it (version_numbers_of_string)."""
    head, *rest = host["software_version"].get(key, "0.0.0").split("-")
    if pool.profile.at_least("25.33.0"):
        words = [*head.split("."), *(rest[0].split(".") if rest else [])]
    else:
        words = [*head.split("."), *rest] if len(rest) < 2 else ["0", "0", "0"]
    return tuple(int(word) for word in words if word.isdecimal())


def assert_agile(pool: Pool, vm_ref: str) -> None:
    """VM.assert_agile (agility.ml)."""
    vm = pool.db.row("VM", vm_ref)
    if vm["VGPUs"]:
        raise Failure("VM_HAS_VGPU", vm_ref)
    if vm["VUSBs"]:
        raise Failure("VM_HAS_VUSBS", vm_ref)
    enabled = [h for h, row in pool.db.table("host").items() if row["enabled"]]
    for sr in required_srs(pool, vm):
        if not pool.db.get("SR", sr, "shared") or not all(sees(pool, h, sr) for h in enabled):
            raise Failure("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr)
    for vif in vm["VIFs"]:
        network = pool.db.get("VIF", vif, "network")
        if not pool.db.has("network", network) or not all(_plain_pif(pool, network, h) for h in enabled):
            raise Failure("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network)
        if any(devices.sriov_of(pool, network, h) for h in enabled):
            raise Failure("VM_HAS_SRIOV_VIF", vm_ref)


def _plain_pif(pool: Pool, network: str, host: str) -> bool:
    pif = pif_on(pool, network, host)
    return pif is not None and pool.db.get("PIF", pif, "bond_slave_of") == NULL


def assert_stays_agile(pool: Pool, vm_ref: str, *, sr: str = NULL, network: str = NULL) -> None:
    """What a protected VM gets is there on every host that is enabled (assert_doesnt_make_vm_non_agile)."""
    vm = pool.db.row("VM", vm_ref)
    if not pool.row["ha_enabled"] or pool.row["ha_allow_overcommit"] or not is_protected(vm):
        return
    enabled = [h for h, row in pool.db.table("host").items() if row["enabled"]]
    if sr != NULL and not (pool.db.get("SR", sr, "shared") and all(sees(pool, h, sr) for h in enabled)):
        raise Failure("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr)
    if network != NULL and not all(_plain_pif(pool, network, h) for h in enabled):
        raise Failure("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network)


def is_protected(vm: Row) -> bool:
    return bool(vm["ha_always_run"]) and vm["ha_restart_priority"] == "restart"
