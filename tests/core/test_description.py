from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.description import (
    Section,
    general,
    header,
    host_networks,
    sr_disks,
    sr_space,
    vm_disks,
    vm_networks,
)
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import HostRef, SrRef, VmRef
from xsmigui.core.units import GiB


def head(inventory: Inventory, cls: str, ref: str) -> tuple[str, str, str]:
    found = header(inventory, inventory.object_id(cls, ref))
    return found.icon, found.name, found.place


def rows(sections: tuple[Section, ...]) -> dict[str, str]:
    return {label: value for section in sections for label, value in section.rows}


def test_headers() -> None:
    site = TwoPools()
    site.madrid.set(site.m2, enabled=False)
    site.madrid.set(site.madrid.get(site.m3).metrics, live=False)
    template = site.madrid.template("template")
    inventory = site.madrid.inventory()
    assert head(inventory, "VM", site.web) == ("vm-running", "web", "running on m1 · pool Madrid")
    assert head(inventory, "VM", site.files) == ("vm-halted", "files", "halted · pool Madrid")
    assert head(inventory, "VM", template) == ("template", "template", "template · pool Madrid")
    assert head(inventory, "host", site.m1) == ("host", "m1", "enabled, coordinator · pool Madrid")
    assert head(inventory, "host", site.m2) == ("host-disabled", "m2", "maintenance mode · pool Madrid")
    assert head(inventory, "host", site.m3) == ("host-unreachable", "m3", "unreachable · pool Madrid")
    assert head(inventory, "SR", site.m_nfs) == ("sr", "m-nfs", "nfs · shared · pool Madrid")
    assert head(inventory, "SR", site.m1_local) == ("sr", "m1 local", "ext · local · pool Madrid")
    assert head(inventory, "pool", inventory.pool_ref) == ("pool", "Madrid", "3 hosts · 4 VMs")


def test_headers_of_a_standalone_host() -> None:
    pool = PoolBuilder("")
    alone = pool.host("alone")
    vm = pool.vm("vm", on=alone)
    inventory = pool.inventory()
    assert head(inventory, "host", alone) == ("host", "alone", "enabled")
    assert head(inventory, "VM", vm) == ("vm-running", "vm", "running on alone")
    assert head(inventory, "pool", "gone")[1] == "alone"


def test_a_vm() -> None:
    site = TwoPools()
    pool = site.madrid
    guest = {"name": "Debian 12|/dev/xvda1"}
    pool.set(pool.get(site.web).guest_metrics, os_version=guest, networks={"0/ip": "10.0.0.10", "0/ipv4/0": "10.0.0.9"})
    pool.set(site.web, affinity=site.m2, memory_dynamic_min=GiB, tags=["a", "b"], blocked_operations={"destroy": ""})
    found = rows(general(pool.inventory(), pool.inventory().object_id("VM", site.web)))
    assert found["State"] == "running"
    assert found["Runs on"] == "m1"
    assert found["Home server"] == "m2"
    assert found["Operating system"] == "Debian 12"
    assert found["VM Tools"] == "9.4.0"
    assert found["Addresses"] == "10.0.0.9, 10.0.0.10"
    assert found["Memory"] == "1.0 GiB – 2.0 GiB"
    assert found["Blocked operations"] == "destroy"
    assert "Snapshots" not in found
    pool.set(pool.get(site.web).guest_metrics, PV_drivers_up_to_date=False)
    assert (
        rows(general(pool.inventory(), pool.inventory().object_id("VM", site.web)))["VM Tools"] == "9.4.0, out of date"
    )
    halted = rows(general(pool.inventory(), pool.inventory().object_id("VM", site.files)))
    assert halted["Home server"] == "none"
    assert not {"VM Tools", "Runs on", "Running since"} & halted.keys()
    assert rows(general(pool.inventory(), pool.inventory().object_id("VM", site.db)))["Snapshots"] == "1"


def test_a_vm_without_tools() -> None:
    pool = PoolBuilder()
    vm = pool.vm("vm", on=pool.host("m1"), tools=False)
    assert rows(general(pool.inventory(), pool.inventory().object_id("VM", vm)))["VM Tools"] == "not installed"


def test_a_host() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    found = rows(general(inventory, inventory.object_id("host", site.m1)))
    assert (found["Coordinator"], found["Enabled"], found["Reachable"]) == ("yes", "yes", "yes")
    assert (found["Platform"], found["xapi"]) == ("3.4.0", "25.33.0")
    assert (found["Memory"], found["Free memory"], found["VMs"]) == ("64.0 GiB", "60.0 GiB", "1")
    site.madrid.set(site.madrid.get(site.m1).metrics, memory_total=0)
    assert "Memory" not in rows(general(site.madrid.inventory(), inventory.object_id("host", site.m1)))


def test_an_sr() -> None:
    site = TwoPools()
    site.madrid.set(site.m_nfs, virtual_allocation=GiB)
    pbd = next(ref for ref in site.madrid.tables["PBD"] if "m-nfs of m2" in ref)
    site.madrid.set(pbd, currently_attached=False)
    inventory = site.madrid.inventory()
    found = rows(general(inventory, inventory.object_id("SR", site.m_nfs)))
    assert (found["m1"], found["m2"]) == ("attached", "not attached")
    assert (found["Default SR"], found["Shared"]) == ("yes", "yes")
    assert (found["Size"], found["Used"], found["Allocated to disks"]) == ("10.0 TiB", "0.0 GiB (0 %)", "1.0 GiB")
    site.madrid.set(site.m_nfs, physical_size=0)
    site.madrid.remove(site.m3)
    odd = rows(general(site.madrid.inventory(), inventory.object_id("SR", site.m_nfs)))
    assert not {"Size", "Used", "Free", "m3"} & odd.keys()
    assert "Default SR" not in rows(general(inventory, inventory.object_id("SR", site.m_iscsi)))


def test_a_pool() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    found = rows(general(inventory, inventory.object_id("pool", inventory.pool_ref)))
    assert (found["Coordinator"], found["Default SR"], found["High availability"]) == ("m1", "m-nfs", "off")
    assert found["m1"] == "60.0 GiB of 64.0 GiB free"
    pool = PoolBuilder(ha_enabled=True)
    pool.host("m1")
    found = rows(general(pool.inventory(), pool.inventory().object_id("pool", pool.ref)))
    assert (found["Default SR"], found["High availability"]) == ("none", "on")


def test_what_is_gone_has_no_sections() -> None:
    inventory = TwoPools().madrid.inventory()
    assert general(inventory, inventory.object_id("VM", "gone")) == ()
    assert general(inventory, inventory.object_id("network", "gone")) == ()
    assert vm_disks(inventory, VmRef("gone")) == ()
    assert sr_disks(inventory, SrRef("gone")) == ()
    assert vm_networks(inventory, VmRef("gone")) == ()
    assert host_networks(inventory, HostRef("gone")) == ()


def test_disks_of_a_vm() -> None:
    site = TwoPools()
    site.madrid.attach(site.web, type="CD")
    lost = site.madrid.attach(site.web, site.madrid.disk(site.m_nfs, name="lost"))
    site.madrid.remove(site.madrid.get(lost).VDI)
    disk = next(ref for ref in site.madrid.tables["VDI"] if ref.endswith("web 1"))
    site.madrid.set(disk, current_operations={"t": "mirror"}, cbt_enabled=True)
    found = vm_disks(site.madrid.inventory(), site.web)
    assert [(row.position, row.name, row.sr, row.state) for row in found] == [
        ("0", "web 0", "m-nfs", "attached"),
        ("1", "web 1", "m-nfs", "mirror"),
        ("2", "debian.iso", "m-iso", "CD drive"),
        ("3", "CD drive", "", "empty"),
    ]
    assert [row.cbt for row in found] == [False, True, False, False]
    assert all(row.active for row in found)
    assert [bool(row.drive) for row in found] == [False, False, True, False]
    assert vm_disks(site.madrid.inventory(), site.files)[0].state == "not attached"


def test_disks_of_an_sr() -> None:
    site = TwoPools()
    for name, fields in (
        ("hidden", {"managed": False}),
        ("missing", {"missing": True}),
        ("mirror", {"sm_config": {"base_mirror": "x"}}),
        ("a loose one", {}),
    ):
        site.madrid.disk(site.m_iscsi, name=name, **fields)
    found = sr_disks(site.madrid.inventory(), site.m_iscsi)
    assert [(row.name, row.vms, row.state, row.of_snapshot) for row in found] == [
        ("a loose one", "", "", False),
        ("db 0", "db", "attached", False),
        ("db 0 at before the update", "before the update", "", True),
    ]
    assert [(row.type, row.snapshot_of) for row in found] == [("user", ""), ("user", ""), ("user", "db 0")]
    space = sr_space(site.madrid.inventory(), site.m_iscsi)
    assert space is not None
    assert space.sentence().startswith("Used ")
    assert sr_space(site.madrid.inventory(), SrRef("gone")) is None
    site.madrid.set(site.m_iscsi, physical_size=-1)
    assert sr_space(site.madrid.inventory(), site.m_iscsi) is None


def test_networks_of_a_vm() -> None:
    site = TwoPools()
    pool = site.madrid
    pool.set(pool.get(site.web).guest_metrics, networks={"0/ip": "10.1.1.1", "1/ip": "10.2.2.2"})
    vif = next(ref for ref in pool.tables["VIF"] if ref.endswith("web 0"))
    pool.set(vif, currently_attached=True)
    (row,) = vm_networks(pool.inventory(), site.web)
    assert (row.device, row.network, row.addresses, row.state) == ("0", "LAN", "10.1.1.1", "attached")
    (row,) = vm_networks(pool.inventory(), site.files)
    assert (row.addresses, row.state) == ("", "not attached")


def test_networks_of_a_host() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    pool.network("management", management=True)
    lan = pool.network("lan", hosts=[])
    pool.pif(m1, lan, vlan=20, carrier=False, IPv6=["fd00::1"])
    found = host_networks(pool.inventory(), m1)
    assert [(row.device, row.network, row.addresses, row.state) for row in found] == [
        ("eth0", "management", "10.0.0.1", "connected, management"),
        ("eth1 · VLAN 20", "lan", "fd00::1", "no link"),
    ]


def test_old_encryption_is_said_of_the_pool_and_of_its_coordinator() -> None:
    site = TwoPools()
    for inventory, is_old in ((site.madrid.inventory(), False), (site.madrid.inventory().over_old_encryption(), True)):
        for cls, ref in (("pool", inventory.pool_ref), ("host", site.m1)):
            said = rows(general(inventory, inventory.object_id(cls, ref))).get("Encryption", "")
            assert ("old" in said) is is_old
        assert "Encryption" not in rows(general(inventory, inventory.object_id("host", site.m2)))
