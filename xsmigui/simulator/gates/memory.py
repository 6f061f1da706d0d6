"""How much memory a guest needs, and how much a host has left.

Source: xapi 24.10 and 26.17, ocaml/xapi-idl/memory/memory.ml (Memory_model) and ocaml/xapi/memory_check.ml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from xsmigui.simulator.failures import NULL, internal
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.profiles import Profile
from xsmigui.simulator.tables import Row

MIB: Final = 1 << 20
PAGES: Final = 256  # of 4 KiB in a MiB
MOST_VCPUS: Final = 64  # what an approximate answer counts with (xapi_vm.ml, maximise_memory)


def _mib(size: int) -> int:
    return -(-size // MIB)


def _shadow(mib: int, vcpus: int, multiplier: float) -> int:
    """MiB for page tables: one for each VCPU, and two pages for each MiB of the guest."""
    return max(1, int(-(-(PAGES * vcpus + 2 * mib) // PAGES) * multiplier))


def _overhead(profile: Profile, vm: Mapping[str, Any], multiplier: float) -> int:
    """MiB beside the guest's own memory. Since 26.3 Xen's own pages for each VCPU count."""
    kind = vm["domain_type"]
    if kind == "unspecified":
        raise internal("unspecified domain type")
    mib, vcpus = _mib(vm["memory_static_max"]), int(vm["VCPUs_max"])
    fixed = 1 if kind == "pv" else 2
    shim = 23 + mib // 90 if kind == "pv_in_pvh" else 0
    pages = -(-38 * vcpus // PAGES) if profile.counts_vcpu_pages else 0
    return fixed + _shadow(mib, vcpus, multiplier) + pages + shim


def memory_overhead(profile: Profile, vm: Mapping[str, Any]) -> int:
    """Bytes that Xen needs beside the guest's memory (vm_compute_memory_overhead)."""
    return _overhead(profile, vm, vm["HVM_shadow_multiplier"]) * MIB


def _footprint(profile: Profile, vm: Mapping[str, Any], target: int) -> int:
    """Bytes for a guest that starts with `target` bytes; shadow multipliers are for HVM alone."""
    multiplier = 1.0 if vm["domain_type"] == "pv" else vm["HVM_shadow_multiplier"]
    return (_mib(target) + _overhead(profile, vm, multiplier)) * MIB


def needed_memory(pool: Pool, vm: Row) -> int:
    """Bytes that a host must have free for the VM to start (vm_compute_start_memory, Dynamic_min)."""
    return _footprint(pool.profile, vm, vm["memory_dynamic_min"])


def maximise(profile: Profile, vm: Row, total: int, *, approximate: bool) -> int:
    """The largest static_max, in whole MiB, with which the VM fits into `total` bytes."""
    vcpus = MOST_VCPUS if approximate else vm["VCPUs_max"]

    def fits(size: int) -> bool:
        return _footprint(profile, {**vm, "VCPUs_max": vcpus, "memory_static_max": size}, size) <= total

    return _bisect(fits, total) // MIB * MIB


def _bisect(fits: Callable[[int], bool], most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def free_memory(pool: Pool, host: str, *, ignore_scheduled: str = NULL) -> int:
    """memory_total without Xen and all VMs that are here or on their way; never below zero."""
    row = pool.db.row("host", host)
    metrics = pool.db.find("host_metrics", row["metrics"])
    free = (metrics["memory_total"] if metrics else 0) - row["memory_overhead"]
    table = pool.db.table("VM")
    for ref in row["resident_VMs"]:
        free -= table[ref]["memory_dynamic_min"] + table[ref]["memory_overhead"]
    for ref in pool.scheduled:
        if ref == ignore_scheduled or ref not in table:
            continue
        vm = table[ref]
        if vm["scheduled_to_be_resident_on"] == host and vm["resident_on"] != host:
            free -= vm["memory_dynamic_min"] + vm["memory_overhead"]
    return max(0, int(free))
