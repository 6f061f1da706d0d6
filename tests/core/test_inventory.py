from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import NULL, HostRef, NetworkRef, SrRef, VmRef
from xsmigui.core.units import GiB


def test_an_empty_inventory_answers() -> None:
    empty = Inventory({})
    host, sr, vm = HostRef("x"), SrRef("x"), VmRef("x")
    assert (empty.name, empty.id, empty.pool_ref) == ("", "", "")
    assert empty.is_standalone
    assert not empty.is_live(host)
    assert empty.total_memory(host) == empty.free_memory(host) == empty.free_space(sr) == 0
    assert empty.storage_host(sr) is None
    assert empty.home(vm) is None
    assert (empty.disks(vm), empty.cds(vm), empty.vifs(vm), empty.snapshots(vm)) == ([], [], [], [])
    assert empty.pif(host, NetworkRef("x")) is None
    assert empty.sr_features(sr) == frozenset()
    assert not empty.is_thin(sr)
    assert not empty.is_management(NetworkRef("x"))
    assert empty.record("VM", "x") is None
    assert empty.record("no such class", "x") is None
    assert empty.name_of("VM", "x") == "x"


def test_names() -> None:
    pool = PoolBuilder("")
    host = pool.host("alone")
    assert pool.inventory().name == "alone"
    assert pool.inventory().is_standalone
    pool.set(host, name_label="")
    assert pool.inventory().name_of("host", host) == pool.uuid(host)
    pool.host("second")
    assert not pool.inventory().is_standalone


def test_find_by_uuid_before_name() -> None:
    pool = PoolBuilder()
    one, other = pool.vm("web"), pool.vm("web")
    pool.vm(pool.uuid(one))
    assert pool.inventory().find("VM", "web") == [one, other]
    assert pool.inventory().find("VM", pool.uuid(one)) == [one]
    assert pool.inventory().find("VM", "none") == []


def test_hosts_in_order() -> None:
    pool = PoolBuilder()
    ten, two, master = pool.host("host-10"), pool.host("host-2"), pool.host("zulu")
    pool.set(pool.ref, master=master)
    assert pool.inventory().hosts_in_order == (master, two, ten)


def test_free_memory_is_what_compute_free_memory_answers() -> None:
    pool = PoolBuilder()
    m1, m2 = pool.host("m1", memory=64 * GiB, memory_overhead=GiB), pool.host("m2", memory=8 * GiB)
    pool.dom0(m1, 3 * GiB)
    vm = pool.vm("vm", on=m1, memory=10 * GiB, memory_overhead=GiB)
    pool.set(vm, memory_dynamic_min=4 * GiB)
    coming = pool.vm("coming", on=m2, memory=2 * GiB)
    pool.set(coming, scheduled_to_be_resident_on=m1)
    pool.vm("halted", memory=50 * GiB)
    inventory = pool.inventory()
    assert inventory.free_memory(m1) == (64 - 1 - 3 - 4 - 1 - 2) * GiB
    assert inventory.free_memory(m2) == 6 * GiB
    pool.set(coming, scheduled_to_be_resident_on=m2, memory_dynamic_min=100 * GiB)
    assert pool.inventory().free_memory(m2) == 0


def test_storage_is_seen_through_attached_pbds() -> None:
    pool = PoolBuilder()
    m1, m2 = pool.host("m1"), pool.host("m2")
    nfs = pool.sr("nfs", hosts=[m1])
    pool.pbd(m2, nfs, attached=False)
    local = pool.sr("local", "lvm", hosts=[m2])
    inventory = pool.inventory()
    assert inventory.sees(m1, nfs)
    assert not inventory.sees(m2, nfs)
    assert not inventory.sees(HostRef("gone"), nfs)
    assert inventory.sr_hosts[nfs] == (m1,)
    assert inventory.storage_host(local) == m2
    assert inventory.storage_host(nfs) is None
    pool.remove(m2)
    assert pool.inventory().storage_host(local) is None


def test_thin_by_driver_or_type() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    thick, thin = pool.sr("thick", "lvm"), pool.sr("thin", "new", features=["THIN_PROVISIONING"])
    known, none = pool.sr("known", "zfs"), pool.sr("none", "odd")
    for ref in [r for r, sm in pool.tables["SM"].items() if sm.type in ("odd", "zfs")]:  # type: ignore[attr-defined]
        pool.remove(ref)
    inventory = pool.inventory()
    assert [inventory.is_thin(sr) for sr in (thick, thin, known, none)] == [False, True, True, False]
    assert inventory.sr_features(none) == frozenset()


def test_old_servers_have_capabilities_only() -> None:
    pool = PoolBuilder()
    nfs = pool.sr("nfs", features=())
    driver = next(iter(pool.tables["SM"]))
    pool.set(driver, capabilities=["VDI_MIRROR"])
    assert pool.inventory().sr_features(nfs) == {"VDI_MIRROR"}


def test_srs_by_space() -> None:
    pool = PoolBuilder()
    small, large, full = (pool.sr(n, size=s, used=u) for n, s, u in (("s", 10, 0), ("l", 99, 9), ("f", 5, 50)))
    assert pool.inventory().srs_by_space == (large, small, full)


def test_a_vm_s_devices_by_position() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    nfs, iso = pool.sr("nfs"), pool.sr("iso", "iso")
    vm = pool.vm("vm", on=m1)
    first, second = pool.disk(nfs, name="first"), pool.disk(nfs, name="second")
    pool.attach(vm, second, userdevice="10")
    pool.attach(vm, first, userdevice="2")
    pool.attach(vm, type="CD")
    cd = pool.insert(vm, iso)
    lost = pool.attach(vm, pool.disk(nfs, name="lost"))
    pool.remove(pool.get(lost).VDI)
    inventory = pool.inventory()
    assert [ref for _vbd, ref, _vdi in inventory.disks(vm)] == [first, second]
    assert [vbd.VDI for _ref, vbd, _vdi in inventory.cds(vm)] == [cd]
    assert len(list(inventory.vbds(vm))) == 5


def test_snapshots_that_are_gone_are_left_out() -> None:
    pool = PoolBuilder()
    vm = pool.vm("vm")
    one, other = pool.snapshot(vm, "one"), pool.snapshot(vm, "other")
    tables = pool.inventory().tables
    thinned = Inventory({**tables, "VM": {r: v for r, v in tables["VM"].items() if r != other}})
    assert thinned.snapshots(vm) == [one]


def test_home_as_xencenter_places_vms() -> None:
    pool = PoolBuilder()
    m1, m2, m3 = (pool.host(f"m{n}") for n in (1, 2, 3))
    nfs, local, iso = pool.sr("nfs"), pool.sr("local", "ext", hosts=[m2]), pool.sr("iso", "iso", hosts=[m3])
    running = pool.vm("running", on=m1, disks=[local])
    paused = pool.vm("paused", on=m1, state="Paused", disks=[local])
    halted_local = pool.vm("halted local", disks=[nfs, local], affinity=m1)
    with_cd = pool.vm("with a CD", disks=[nfs], affinity=m1)
    pool.insert(with_cd, iso)
    at_home = pool.vm("at home", disks=[nfs], affinity=m1)
    nowhere = pool.vm("nowhere", disks=[nfs])
    template = pool.template("template", disks=[local])
    snapshot = pool.snapshot(running)
    lost = pool.vm("lost", on=HostRef("gone"))
    orphan = pool.snapshot(nowhere, "orphan")
    pool.set(orphan, snapshot_of=VmRef(NULL))
    inventory = pool.inventory()
    places = {
        running: m1,
        paused: m1,
        halted_local: m2,
        with_cd: m3,
        at_home: m1,
        nowhere: None,
        template: None,
        snapshot: m1,
        lost: None,
        orphan: None,
    }
    assert {vm: inventory.home(vm) for vm in places} == places
    pool.set(pool.get(m1).metrics, live=False)
    assert pool.inventory().home(at_home) is None


def test_user_vms() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    pool.dom0(m1)
    pool.template("template")
    vm = pool.vm("vm")
    pool.snapshot(vm)
    assert [ref for ref, _vm in pool.inventory().user_vms()] == [vm]


def test_identities() -> None:
    pool = PoolBuilder()
    vm = pool.vm("vm", other_config={"mac_seed": "s"})
    snapshot = pool.snapshot(vm)
    pool.set(snapshot, other_config={"mac_seed": "s"})
    known = pool.inventory().vms_by_identity
    assert known[pool.uuid(vm)] == known["mac_seed=s"] == (vm,)


def test_networks() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    management = pool.network("management", management=True)
    tagged = pool.network("tagged", vlan=7)
    internal = pool.network("internal", hosts=[])
    hidden = pool.network("hidden", other_config={"HideFromXenCenter": "true"})
    installer = pool.network("installer", hosts=[], other_config={"is_guest_installer_network": "true"})
    member = pool.network("member", hosts=[])
    pool.pif(m1, member, bond_slave_of="OpaqueRef:bond")
    inventory = pool.inventory()
    assert inventory.guest_networks == (management, tagged, internal)
    assert {hidden, installer, member}.isdisjoint(inventory.guest_networks)
    assert inventory.vlans == {tagged: {7}}
    assert inventory.is_management(management)
    assert not inventory.is_management(tagged)
    pif = inventory.pif(m1, tagged)
    assert pif is not None
    assert pif.VLAN == 7


def test_what_was_derived_is_kept_while_its_classes_stay() -> None:
    site = TwoPools()
    inventory = site.madrid.inventory()
    visible, homes = inventory.visible_srs, inventory.committed_memory
    later = inventory.replaced({"VM": dict(inventory.VM)})
    assert later.visible_srs is visible
    assert later.committed_memory is not homes
    assert later.committed_memory == homes


def test_snapshots_of_one_another_are_nowhere() -> None:
    """A database that contradicts itself is shown all the same."""
    pool = PoolBuilder()
    host = pool.host("m1")
    first, second = pool.vm("a"), pool.vm("b")
    pool.set(first, is_a_snapshot=True, snapshot_of=second)
    pool.set(second, is_a_snapshot=True, snapshot_of=first)
    assert pool.inventory().home(first) is None
    pool.set(second, is_a_snapshot=False, power_state="Running", resident_on=host)
    assert pool.inventory().home(first) == host
