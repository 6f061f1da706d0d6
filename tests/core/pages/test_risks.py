"""What would break in a pool: each finding from both sides."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.site import PoolBuilder
from xsmigui.core.pages.risks import risks
from xsmigui.core.units import GiB


class Pool:
    """Two hosts with a VM each on shared storage: nothing to be named."""

    def __init__(self) -> None:
        self.builder = b = PoolBuilder()
        self.m1, self.m2 = b.host("m1"), b.host("m2")
        self.lan = b.network("LAN")
        self.nfs = b.sr("nfs", default=True)
        self.local = b.sr("m1 local", "ext", hosts=[self.m1])
        self.web = b.vm("web", on=self.m1, disks=[self.nfs], networks=[self.lan])
        self.db = b.vm("db", on=self.m2, disks=[self.nfs], networks=[self.lan])

    def set(self, ref: str, **fields: Any) -> None:
        self.builder.set(ref, **fields)

    def found(self) -> list[tuple[str, str, str]]:
        return [(risk.severity, risk.subject, risk.sentence) for risk in risks(self.builder.inventory())]


def test_nothing_is_named_where_all_is_well() -> None:
    assert Pool().found() == []


def unreachable(pool: Pool) -> None:
    pool.set(pool.builder.get(pool.m2).metrics, live=False)


def maintenance(pool: Pool) -> None:
    pool.set(pool.m2, enabled=False)


def local_disk(pool: Pool) -> None:
    pool.builder.attach(pool.web, pool.builder.disk(pool.local))


def passed_through(pool: Pool) -> None:
    pool.set(pool.web, attached_PCIs=["pci"])


def memory(pool: Pool) -> None:
    pool.builder.vm("big", on=pool.m1, memory=60 * GiB)
    pool.builder.vm("second", on=pool.m2, memory=10 * GiB)


def high_availability(pool: Pool) -> None:
    pool.set(pool.builder.ref, ha_enabled=True, ha_host_failures_to_tolerate=2, ha_plan_exists_for=1)


def full(pool: Pool) -> None:
    pool.set(pool.nfs, physical_utilisation=pool.builder.get(pool.nfs).physical_size * 95 // 100)


def detached(pool: Pool) -> None:
    for pbd in pool.builder.get_all("PBD", SR=pool.nfs):
        pool.set(pbd, currently_attached=False)


def absent(pool: Pool) -> None:
    (pbd,) = pool.builder.get_all("PBD", SR=pool.nfs, host=pool.m2)
    pool.set(pbd, currently_attached=False)


def coalescing(pool: Pool) -> None:
    for number in range(6):
        pool.builder.disk(pool.nfs, name=f"base {number}", managed=False)


def no_default(pool: Pool) -> None:
    pool.set(pool.builder.ref, default_SR="OpaqueRef:NULL")


def network(pool: Pool) -> None:
    (pif,) = pool.builder.get_all("PIF", network=pool.lan, host=pool.m2)
    pool.builder.remove(pif)


def versions(pool: Pool) -> None:
    pool.set(pool.m2, software_version={"product_brand": "XCP-ng", "product_version": "8.3.0"})


def no_plan(pool: Pool) -> None:
    pool.set(pool.builder.ref, ha_enabled=True, ha_host_failures_to_tolerate=1, ha_plan_exists_for=0)


def processors(pool: Pool) -> None:
    pool.set(pool.m1, cpu_info={"features_hvm_host": "00000003"})
    pool.set(pool.m2, cpu_info={"features_hvm_host": "00000001"})


@pytest.mark.parametrize(
    ("change", "severity", "subject", "words"),
    [
        (unreachable, "block", "m2", "cannot reach it"),
        (maintenance, "info", "m2", "maintenance mode"),
        (maintenance, "warn", "m1", "only host that takes VMs"),
        (local_disk, "warn", "m1", "web stops with it"),
        (passed_through, "warn", "m1", "web stops with it"),
        (memory, "warn", "m1", "its VMs need 62.0 GiB of memory and the other hosts have 52.0 GiB"),
        (high_availability, "block", "Madrid", "failure of 2 hosts and has a plan for 1"),
        (no_plan, "block", "Madrid", "failure of 1 host and has no plan for that"),
        (full, "warn", "nfs", "95 % of it is used; 512.0 GiB are free"),
        (detached, "warn", "nfs", "attached on no host"),
        (absent, "warn", "nfs", "not attached on m2"),
        (coalescing, "info", "nfs", "6 hidden disks wait"),
        (no_default, "info", "Madrid", "no default SR"),
        (network, "warn", "Madrid", "LAN is not on m2"),
        (versions, "warn", "Madrid", "8.4.0: m1; XCP-ng 8.3.0: m2"),
        (processors, "info", "Madrid", "m1 has features that others lack"),
    ],
)
def test_what_is_named(change: Callable[[Pool], None], severity: str, subject: str, words: str) -> None:
    pool = Pool()
    change(pool)
    found = [(how, what, text) for how, what, text in pool.found() if words in text]
    assert [(how, what) for how, what, _text in found] == [(severity, subject)]


def test_the_worst_comes_first() -> None:
    pool = Pool()
    for change in (no_default, local_disk, high_availability):
        change(pool)
    assert [severity for severity, _subject, _text in pool.found()] == ["block", "warn", "info"]
