from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.description import (
    Section,
    general,
    host_networks,
    sr_disks,
    sr_space,
    vm_disks,
    vm_networks,
)
from xsmigui.core.refs import HostRef, SrRef, VmRef
from xsmigui.core.units import GiB


def rows(sections: tuple[Section, ...]) -> dict[str, str]:
    return {label: value for section in sections for label, value in section.rows}


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
    assert found["destroy"] == "blocked"
    pool.set(pool.get(site.web).guest_metrics, PV_drivers_up_to_date=False)
    assert (
        rows(general(pool.inventory(), pool.inventory().object_id("VM", site.web)))["VM Tools"] == "9.4.0, out of date"
    )
    halted = rows(general(pool.inventory(), pool.inventory().object_id("VM", site.files)))
    assert halted["Home server"] == "none"
    assert not {"VM Tools", "Runs on", "Running since"} & halted.keys()


def test_what_protects_a_vm() -> None:
    pool = PoolBuilder()
    vm = pool.vm("vm", blocked_operations={"start": "copying", "migrate_send": ""})
    pool.set(vm, ha_restart_priority="best-effort", order=3, start_delay=120, shutdown_delay=30)
    key = pool.inventory().object_id("VM", vm)
    found = rows(general(pool.inventory(), key))
    assert (found["start"], found["migrate_send"]) == ("copying", "blocked")
    assert found["Restart priority"] == "restarted if there is room"
    assert (found["Start order"], found["Start delay"], found["Shutdown delay"]) == ("3", "2 min", "30 s")
    for priority, always, words in (("restart", False, "restarted"), ("", True, "restarted"), ("odd", False, "odd")):
        pool.set(vm, ha_restart_priority=priority, ha_always_run=always)
        assert rows(general(pool.inventory(), key))["Restart priority"] == words
    pool.set(vm, ha_restart_priority="", ha_always_run=False)
    assert "Restart priority" not in rows(general(pool.inventory(), key))


def test_a_snapshot_leads_to_its_vm() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    sections = general(inventory, inventory.object_id("VM", site.db_snapshot))
    assert rows(sections)["Snapshot of"] == "db"
    assert dict(sections[0].links)["Snapshot of"] == inventory.object_id("VM", site.db)
    assert rows(sections)["Taken"]
    assert "Snapshot of" not in rows(general(inventory, inventory.object_id("VM", site.db)))


def test_values_that_lead_to_what_they_name() -> None:
    site = TwoPools()
    site.madrid.set(site.web, affinity=HostRef("gone"))
    inventory = site.madrid.inventory()

    def links(cls: str, ref: str) -> dict[str, str]:
        found = general(inventory, inventory.object_id(cls, ref))
        return {label: key.ref for section in found for label, key in section.links}

    assert links("VM", site.web) == {"Runs on": site.m1}
    assert links("pool", inventory.pool_ref) == {"Coordinator": site.m1, "Default SR": site.m_nfs}
    assert links("SR", site.m1_local) == {"m1": site.m1}


def test_maintenance_and_coalescing() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    assert "Maintenance" not in rows(general(inventory, inventory.object_id("host", site.m1)))
    assert "Coalescing" not in rows(general(inventory, inventory.object_id("SR", site.m_nfs)))
    marks = {"MAINTENANCE_MODE": "true", "MAINTENANCE_MODE_EVACUATED_VMS_MIGRATED": "a,b"}
    site.madrid.set(site.m1, other_config=marks)
    site.madrid.disk(site.m_nfs, 4 * GiB, managed=False)
    inventory = site.madrid.inventory()
    found = rows(general(inventory, inventory.object_id("host", site.m1)))["Maintenance"]
    assert found == "in maintenance mode; 2 VMs are to come back"
    found = rows(general(inventory, inventory.object_id("SR", site.m_nfs)))["Coalescing"]
    assert found == "1 hidden disk with 2.0 GiB waits"


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
    pool = PoolBuilder(ha_enabled=True)
    pool.host("m1")
    pool.set(pool.ref, ha_plan_exists_for=2)
    found = rows(general(pool.inventory(), pool.inventory().object_id("pool", pool.ref)))
    assert (found["Default SR"], found["High availability"]) == ("none", "on; it stands the failure of 2 hosts")


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
