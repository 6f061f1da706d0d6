"""High availability: can the protected VMs be started again after so many hosts have failed?

Source: xapi_ha_vm_failover.ml. Hosts fail in every combination while there are
few of them, else the fullest fail first; the VMs of the failed ones are packed largest first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates.host import is_protected
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

_MOST: Final = 2000  # combinations of failing hosts that are tried one by one

Places = Mapping[str, str]


def protected(pool: Pool) -> dict[str, str]:
    """VMs that are restarted, and where they run (NULL: nowhere yet)."""
    return {
        ref: vm["resident_on"]
        for ref, vm in pool.db.table("VM").items()
        if vm["ha_restart_priority"] == "restart" and not vm["is_a_template"] and vm["power_state"] == "Running"
    }


def _kept_agile(pool: Pool) -> list[Row]:
    """The VMs that must be able to start anywhere: none unless high availability is on and not overcommitted."""
    if not pool.row["ha_enabled"] or pool.row["ha_allow_overcommit"]:
        return []
    return [vm for vm in pool.db.table("VM").values() if is_protected(vm)]


def assert_no_protected_disks(pool: Pool, sr: str) -> None:
    """No protected VM has a disk there (xapi_pbd.ml, abort_if_storage_attached_to_protected_vms)."""
    disks = set(pool.db.get("SR", sr, "VDIs"))
    for vm in _kept_agile(pool):
        if any(pool.db.get("VBD", vbd, "VDI") in disks for vbd in vm["VBDs"]):
            raise Failure("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", sr)


def assert_no_protected_interfaces(pool: Pool, network: str) -> None:
    """No protected VM is on it (xapi_pif.ml, abort_if_network_attached_to_protected_vms)."""
    for vm in _kept_agile(pool):
        if any(pool.db.get("VIF", vif, "network") == network for vif in vm["VIFs"]):
            raise Failure("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network)


def usable(pool: Pool) -> list[str]:
    return [h for h, row in pool.db.table("host").items() if row["enabled"] and pool.live(h)]


def room(pool: Pool, hosts: Iterable[str], places: Places) -> dict[str, int]:
    """Free memory when the protected VMs are where `places` says."""
    free = {h: free_memory(pool, h) for h in hosts}
    for vm, host in places.items():
        row = pool.db.row("VM", vm)
        here, needed = row["resident_on"], needed_memory(pool, row)
        if here != host:
            if here in free:
                free[here] += needed
            if host in free:
                free[host] -= needed
    return free


def survives(pool: Pool, failed: Iterable[str], places: Places, free: Mapping[str, int]) -> bool:
    """All protected VMs of the failed hosts find a place on the others."""
    lost = set(failed)
    left = {h: f for h, f in free.items() if h not in lost}
    homeless = sorted(
        (needed_memory(pool, pool.db.row("VM", vm)) for vm, host in places.items() if host in lost), reverse=True
    )
    for needed in homeless:
        best = max(left, key=lambda h: left[h], default=None)
        if best is None or left[best] < needed:
            return False
        left[best] -= needed
    return True


def plan_exists(pool: Pool, failures: int, places: Places | None = None) -> bool:
    """A plan for `failures` hosts at once, with the protected VMs where they are or where `places` puts them."""
    hosts = usable(pool)
    spots = dict(places if places is not None else protected(pool))
    if not 0 <= failures <= len(hosts):
        return False
    if failures == 0 or not spots:
        return True
    if failures == len(hosts):
        return False
    free = room(pool, hosts, spots)
    if min(free.values()) < 0:
        return False
    if math.comb(len(hosts), failures) <= _MOST:
        return all(survives(pool, dead, spots, free) for dead in itertools.combinations(hosts, failures))
    load = {h: sum(needed_memory(pool, pool.db.row("VM", v)) for v, at in spots.items() if at == h) for h in hosts}
    return survives(pool, sorted(hosts, key=lambda h: -load[h])[:failures], spots, free)


def most_failures(pool: Pool, places: Places | None = None) -> int:
    """How many hosts may fail."""
    count = 0
    while plan_exists(pool, count + 1, places):
        count += 1
    return count


def assert_plan(pool: Pool, places: Mapping[str, str]) -> None:
    """HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN if there is a plan now and none with these VMs at these places."""
    row = pool.row
    if not row["ha_enabled"] or row["ha_allow_overcommit"]:
        return
    failures = row["ha_plan_exists_for"]
    now = protected(pool)
    if plan_exists(pool, failures, now) and not plan_exists(pool, failures, {**now, **places}):
        raise Failure("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")


def assert_plan_with(pool: Pool, vm: str, host: str) -> None:
    """The plan holds when this VM runs on `host`; only protected VMs and what they leave room for count."""
    row = pool.db.row("VM", vm)
    if row["ha_restart_priority"] == "restart":
        assert_plan(pool, {vm: host})
        return
    state = pool.row
    if not state["ha_enabled"] or state["ha_allow_overcommit"] or row["resident_on"] == host:
        return
    failures = state["ha_plan_exists_for"]
    hosts, spots = usable(pool), protected(pool)
    if not spots or failures <= 0 or not plan_exists(pool, failures, spots):
        return
    free = room(pool, hosts, spots)
    needed = needed_memory(pool, row)
    free = {h: f - (needed if h == host else 0) + (needed if h == row["resident_on"] else 0) for h, f in free.items()}
    if not all(survives(pool, dead, spots, free) for dead in itertools.combinations(hosts, failures)):
        raise Failure("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")


def assert_plan_without(pool: Pool, host: str) -> None:
    """The plan still holds when a host is disabled."""
    row = pool.row
    if not row["ha_enabled"] or row["ha_allow_overcommit"] or not pool.db.get("host", host, "enabled"):
        return
    failures, spots = row["ha_plan_exists_for"], protected(pool)
    if not plan_exists(pool, failures, spots):
        return
    hosts = [h for h in usable(pool) if h != host]
    free = room(pool, hosts, spots)
    dead_too = itertools.combinations(hosts, min(failures, len(hosts)))
    if not all(survives(pool, (*dead, host), spots, free) for dead in dead_too):
        raise Failure("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")


def assert_failures(pool: Pool, failures: int) -> None:
    """A plan that there is now is not given up for more failures than it can stand."""
    row = pool.row
    if not row["ha_enabled"] or row["ha_allow_overcommit"] or not row["ha_plan_exists_for"]:
        return
    if plan_exists(pool, row["ha_plan_exists_for"]) and not plan_exists(pool, failures):
        raise Failure("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")


def refresh_plan(pool: Pool) -> None:
    """pool.ha_plan_exists_for, no more than what is wished for, and ha_overcommitted (update_pool_status)."""
    row = pool.row
    wished, enabled = row["ha_host_failures_to_tolerate"], bool(row["ha_enabled"])
    stands = enabled and plan_exists(pool, wished)
    count = wished if stands else most_failures(pool) if enabled else 0
    pool.db.set("pool", pool.ref, ha_plan_exists_for=count, ha_overcommitted=enabled and not stands)


__all__ = [
    "NULL", "assert_failures", "assert_no_protected_disks", "assert_no_protected_interfaces", "assert_plan",
    "assert_plan_with", "assert_plan_without", "most_failures", "plan_exists", "protected", "refresh_plan",
]  # fmt: skip
