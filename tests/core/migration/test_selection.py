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


def test_what_is_there_twice(site: TwoPools) -> None:
    site.madrid.vm("web")
    assert refused(site, "web") == "There are several of the kind VM named web: give a uuid."
    site.lisboa.set(site.l1, name_label="same")
    site.lisboa.set(site.l2, name_label="same")
    assert "several pools or hosts" in refused(site, "db", to="same")
    twin = PoolBuilder("Lisboa", key="other")
    whole = site_of(site.madrid, site.lisboa, twin)
    with pytest.raises(SelectionRefused, match="several pools"):
        draft_from(whole, Asked(("db",), "Lisboa"))


def test_vms_of_several_pools(site: TwoPools) -> None:
    assert refused(site, "web", "lisboa-web") == "The VMs belong to several pools: move them pool by pool."


def test_snapshots_only_by_uuid(site: TwoPools) -> None:
    assert "no VM" in refused(site, "before the update")
    assert asked(site, site.madrid.uuid(site.db_snapshot)).vms == (site.db_snapshot,)
