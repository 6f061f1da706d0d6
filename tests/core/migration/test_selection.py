from typing import Any

import pytest

from tests.core.site import PoolBuilder, TwoPools, site_of
from xsmigui.core.migration.draft import Draft, StorageMode
from xsmigui.core.migration.selection import Asked, SelectionRefused, draft_from


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def asked(site: TwoPools, *vms: str, to: str = "Lisboa", **fields: Any) -> Draft:
    return draft_from(site.site, Asked(vms, to, **fields))


def refused(site: TwoPools, *vms: str, to: str = "Lisboa", **fields: Any) -> str:
    with pytest.raises(SelectionRefused) as caught:
        asked(site, *vms, to=to, **fields)
    return str(caught.value)


def test_names_and_uuids(site: TwoPools) -> None:
    draft = asked(site, "web", site.madrid.uuid(site.db))
    assert (draft.source, draft.vms, draft.destination) == (site.madrid.id, (site.web, site.db), site.lisboa.id)
    assert (draft.hosts, draft.compress, draft.copy) == ({}, None, False)
    assert asked(site, "web", to=site.lisboa.id).destination == site.lisboa.id


def test_uuids_in_capitals(site: TwoPools) -> None:
    """As other programs show them; with a blank that came along from there."""
    two, vif = "OpaqueRef:Madrid/VDI/web 1", "OpaqueRef:Madrid/VIF/web 0"
    for to in (site.lisboa.uuid(site.l2), site.lisboa.id):
        draft = asked(
            site,
            f" {site.madrid.uuid(site.web).upper()}",
            to=f"{to.upper()} ",
            disks=((site.madrid.uuid(two).upper(), site.lisboa.uuid(site.l_nfs).upper()),),
            networks=((site.madrid.uuid(vif).upper(), site.lisboa.uuid(site.l_lan).upper()),),
        )
        assert (draft.vms, draft.destination) == ((site.web,), site.lisboa.id)
        assert draft.disks == {two: site.l_nfs}
        assert draft.networks == {vif: site.l_lan}


def test_two_hosts_are_refused(site: TwoPools) -> None:
    assert asked(site, "web", to="l1", host=site.lisboa.uuid(site.l1)).hosts == {site.web: site.l1}
    message = refused(site, "web", to="l1", host="l2")
    assert "l1" in message
    assert "l2" in message


def test_a_host_is_a_destination_too(site: TwoPools) -> None:
    assert asked(site, "web", to="l2").hosts == {site.web: site.l2}
    assert asked(site, "web", to="Lisboa", host="l1").hosts == {site.web: site.l1}
    assert asked(site, "web", to="m3").destination == site.madrid.id


def test_everything_else(site: TwoPools) -> None:
    mac = site.madrid.get("OpaqueRef:Madrid/VIF/web 0").MAC.upper()
    draft = asked(
        site,
        "web",
        sr="l-nfs",
        networks=((mac, "LAN"),),
        storage_network="Storage",
        copy=True,
        compress=True,
        start_after=True,
    )
    assert (draft.storage, draft.same_sr) == (StorageMode.same, site.l_nfs)
    assert draft.networks == {"OpaqueRef:Madrid/VIF/web 0": site.l_lan}
    assert draft.storage_network == site.l_storage_net
    assert (draft.copy, draft.compress, draft.start_after) == (True, True, True)


def test_single_disks_and_the_rest(site: TwoPools) -> None:
    one, two = "OpaqueRef:Madrid/VDI/web 0", "OpaqueRef:Madrid/VDI/web 1"
    assert asked(site, "web", disks=(("web 1", "l1 local"),)).disks == {two: site.l1_local}
    both = asked(site, "web", sr="l-nfs", disks=((site.madrid.uuid(two), "l1 local"),))
    assert both.disks == {one: site.l_nfs, two: site.l1_local}
    assert both.storage is StorageMode.each


def test_a_vif_by_uuid_or_device(site: TwoPools) -> None:
    vif = "OpaqueRef:Madrid/VIF/web 0"
    for name in (site.madrid.uuid(vif), "0"):
        assert asked(site, "web", networks=((name, "LAN"),)).networks == {vif: site.l_lan}
    assert "network interface" in refused(site, "web", "db", networks=(("0", "LAN"),))


def test_what_is_not_there(site: TwoPools) -> None:
    assert refused(site, "nobody") == "There is no VM named nobody."
    assert refused(site, "web", to="nowhere") == "There is no pool or host named nowhere."
    assert refused(site, "web", sr="none") == "There is no SR named none."


def test_what_is_there_twice_is_listed(site: TwoPools) -> None:
    twin = site.madrid.vm("web")
    far = site.lisboa.vm("web")
    assert refused(site, "web").splitlines() == [
        "There are several of the kind VM named web: give a uuid.",
        f"  {site.madrid.uuid(site.web)}  web, in Madrid, running on m1",
        f"  {site.madrid.uuid(twin)}  web, in Madrid, halted",
        f"  {site.lisboa.uuid(far)}  web, in Lisboa, halted",
    ]
    site.lisboa.set(site.l1, name_label="same")
    site.lisboa.set(site.l2, name_label="same")
    first, *listed = refused(site, "db", to="same").splitlines()
    assert "several pools or hosts" in first
    assert [line.split()[0] for line in listed] == [site.lisboa.uuid(site.l1), site.lisboa.uuid(site.l2)]
    assert all("in Lisboa, at 10." in line for line in listed)
    twin = PoolBuilder("Lisboa", key="other")
    twin.host("far")
    whole = site_of(site.madrid, site.lisboa, twin)
    with pytest.raises(SelectionRefused, match="several pools") as caught:
        draft_from(whole, Asked(("db",), "Lisboa"))
    assert [line.split()[0] for line in str(caught.value).splitlines()[1:]] == [site.lisboa.id, twin.id]


@pytest.mark.parametrize(
    ("cls", "fields", "told"),
    [
        ("SR", {"sr": "l-nfs"}, "shared"),
        ("network", {"storage_network": "Storage"}, "bridge"),
        ("host", {"host": "l1"}, "at 10."),
    ],
)
def test_every_kind_is_listed_with_its_uuid_and_place(
    site: TwoPools, cls: str, fields: dict[str, str], told: str
) -> None:
    (name,) = fields.values()
    inventory = site.lisboa.inventory()
    first, second = [
        *inventory.find(cls, name),
        next(r for r in inventory.tables[cls] if r not in inventory.find(cls, name)),
    ]
    site.lisboa.set(second, name_label=name)
    lines = refused(site, "web", **fields).splitlines()
    assert "give a uuid" in lines[0]
    assert {line.split()[0] for line in lines[1:]} == {site.lisboa.uuid(first), site.lisboa.uuid(second)}
    assert told in lines[1]


def test_disks_and_interfaces_are_listed_too(site: TwoPools) -> None:
    site.madrid.set("OpaqueRef:Madrid/VDI/web 1", name_label="web 0")
    lines = refused(site, "web", disks=(("web 0", "l-nfs"),)).splitlines()
    assert "of web" in lines[1]
    assert "on " in lines[1]
    assert refused(site, "web", disks=(("db 0", "l-nfs"),)) == "db 0 is not a disk of the selected VMs."


def same_vm(site: TwoPools) -> str:
    """A VM of Lisboa with the uuid of Madrid's web, as a forced import makes it."""
    uuid = site.madrid.uuid(site.web)
    site.lisboa.set(site.lisboa.vm("web"), uuid=uuid)
    return uuid


def test_a_uuid_in_two_pools_means_the_vm_that_is_not_there_yet(site: TwoPools) -> None:
    uuid = same_vm(site)
    for to in ("Lisboa", "l2", site.lisboa.id):
        assert asked(site, uuid, to=to).source == site.madrid.id
    assert asked(site, uuid, to="Madrid").source == site.lisboa.id


def test_a_uuid_in_two_pools_means_the_pool_of_the_other_vms(site: TwoPools) -> None:
    uuid = same_vm(site)
    assert asked(site, "lisboa-web", uuid, to="Madrid").source == site.lisboa.id
    assert asked(site, uuid, "db", to="Madrid").source == site.madrid.id


def test_a_uuid_in_two_pools_that_could_be_either_is_told_with_both(site: TwoPools) -> None:
    uuid = same_vm(site)
    third = PoolBuilder("Porto")
    third.host("p1")
    whole = site_of(site.madrid, site.lisboa, third)
    with pytest.raises(SelectionRefused) as caught:
        draft_from(whole, Asked((uuid,), "Porto"))
    lines = str(caught.value).splitlines()[1:]
    assert [line.split()[0] for line in lines] == [uuid, uuid]
    assert ["Madrid" in line for line in lines] == [True, False]
    assert "Lisboa" in lines[1]


@pytest.mark.parametrize("name", ["m1", "10.", ""], ids=["name", "address", "uuid"])
def test_a_host_of_another_pool_is_told_as_that(site: TwoPools, name: str) -> None:
    if name == "10.":
        name = "10.9.9.9"
        site.madrid.set(site.m1, address=name)
    name = name or site.madrid.uuid(site.m1)
    assert refused(site, "web", host=name) == f"{name} (host) belongs to Madrid, not to Lisboa."


def test_what_belongs_to_another_pool_is_told_as_that(site: TwoPools) -> None:
    assert refused(site, "web", sr="m-nfs") == "m-nfs (SR) belongs to Madrid, not to Lisboa."
    network = site.madrid.uuid(next(iter(site.madrid.inventory().network)))
    assert "belongs to Madrid" in refused(site, "web", storage_network=network)
    assert "belongs to Madrid" in refused(site, "web", networks=(("0", network),))
    assert "belongs to Lisboa, not to Madrid" in refused(site, "web", to="Madrid", host="l1")


def test_a_host_by_its_address(site: TwoPools) -> None:
    assert asked(site, "web", host=site.lisboa.get(site.l2).address).hosts == {site.web: site.l2}


def test_vms_of_several_pools(site: TwoPools) -> None:
    assert refused(site, "web", "lisboa-web") == "The VMs belong to several pools: move them pool by pool."


def test_snapshots_only_by_uuid(site: TwoPools) -> None:
    assert "no VM" in refused(site, "before the update")
    assert asked(site, site.madrid.uuid(site.db_snapshot)).vms == (site.db_snapshot,)
