"""The tabs of a pool: hosts, SRs and networks."""

from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.pages.pools import host_repositories, hosts, networks, pool_repositories
from xsmigui.core.pages.rows import Use
from xsmigui.core.units import GiB, TiB


def test_shares() -> None:
    assert (Use(1, 4).share, Use(6, 4).share, Use(1, 0).share, Use(-1, 4).share) == (0.25, 1.5, None, 0.0)
    assert (Use(1, 4).left, Use(6, 4).left) == (3, 0)


def test_hosts_of_a_pool() -> None:
    site = TwoPools()
    pool = site.madrid
    pool.set(site.m2, enabled=False)
    pool.set(pool.get(site.m3).metrics, live=False)
    found = hosts(pool.inventory())
    assert [(row.name, row.state, row.icon) for row in found] == [
        ("m1", "coordinator", "host"),
        ("m2", "maintenance mode", "host-disabled"),
        ("m3", "unreachable", "host-unreachable"),
    ]
    assert [row.memory for row in found] == [Use(4 * GiB, 64 * GiB), Use(18 * GiB, 64 * GiB), Use(2 * GiB, 64 * GiB)]
    assert [row.cpus for row in found] == [Use(2, 16), Use(2, 16), Use(0, 16)]
    assert [row.vms for row in found] == [1, 1, 0]
    assert {row.version for row in found} == {"8.4.0"}
    assert found[0].key == pool.inventory().object_id("host", site.m1)


def test_levels_of_processors() -> None:
    pool = PoolBuilder()
    for name, features in (("m1", "00000003-00000001"), ("m2", "00000001-00000001-00000001"), ("m3", "00000001")):
        host = pool.host(name)
        pool.set(host, cpu_info={"features_hvm_host": features, "modelname": "A  processor"})
    found = hosts(pool.inventory())
    assert [(row.level, row.features) for row in found] == [
        ("1 feature more than others", "vme"),
        ("common", ""),
        ("common", ""),
    ]
    assert (found[0].processor, found[0].cpus) == ("A processor", Use(0, 0))
    pool.set(host, cpu_info={})
    assert [row.level for row in hosts(pool.inventory())] == ["1 feature more than others", "common", "unknown"]


def test_repositories_of_a_pool() -> None:
    site = TwoPools()
    pool = site.madrid
    pool.set(site.m_nfs, physical_utilisation=TiB, virtual_allocation=2 * TiB)
    pbd = next(ref for ref in pool.tables["PBD"] if "m-nfs of m2" in ref)
    pool.set(pbd, currently_attached=False)
    pool.sr("tools", is_tools_sr=True)
    gone = pool.sr("gone", hosts=[], shared=True)
    found = pool_repositories(pool.inventory())
    assert [(row.name, row.shared, row.state) for row in found] == [
        ("gone", True, "detached"),
        ("m-iscsi", True, ""),
        ("m-iso", True, ""),
        ("m-nfs", True, "default"),
        ("m1 local", False, ""),
        ("m2 local", False, ""),
    ]
    nfs = found[3]
    assert (nfs.space, nfs.allocated, nfs.seen_by) == (Use(TiB, 10 * TiB), 2 * TiB, Use(2, 3))
    assert nfs.disks == 5
    assert found[2].space.share is None
    assert gone in [row.key.ref for row in found]


def test_repositories_of_a_host() -> None:
    site = TwoPools()
    found = host_repositories(site.madrid.inventory(), site.m2)
    assert [row.name for row in found] == ["m-iscsi", "m-iso", "m-nfs", "m2 local"]
    site.madrid.remove(site.m2)
    assert host_repositories(site.madrid.inventory(), site.m2) == ()


def test_networks_of_a_pool() -> None:
    pool = PoolBuilder()
    m1, m2 = pool.host("m1"), pool.host("m2")
    pool.network("Management", management=True)
    lan = pool.network("LAN", vlan=20, hosts=[m1])
    inside = pool.network("Inside", hosts=[])
    dead = pool.network("Dead", hosts=[m1, m2], carrier=False)
    vm = pool.vm("vm", networks=[lan, lan, inside])
    pool.snapshot(vm)
    for pif in pool.get_all("PIF", network=dead):
        pool.set(pif, MTU=9000)
    found = {row.name: row for row in networks(pool.inventory())}
    assert list(found) == ["Dead", "Inside", "LAN", "Management"]
    assert (found["LAN"].vlan, found["LAN"].hosts, found["LAN"].interfaces) == ("20", Use(1, 2), 2)
    assert found["LAN"].note == "not on m2"
    assert found["Inside"].note.startswith("internal")
    assert (found["Dead"].note, found["Dead"].mtu) == ("no link on m1, m2", 9000)
    assert found["Management"].note == "management"
