from tests.core.site import TwoPools
from xsmigui.core.migration.evaluation import evaluate


def test_the_usual_site_has_what_it_says() -> None:
    site = TwoPools()
    madrid = site.madrid.inventory()
    assert madrid.name == "Madrid"
    assert [madrid.name_of("host", h) for h in madrid.hosts_in_order] == ["m1", "m2", "m3"]
    assert madrid.host[site.m1].resident_VMs
    assert madrid.SR[site.m_nfs].VDIs
    assert len(madrid.VM[site.web].VBDs) == 3
    assert madrid.snapshots(site.db) == [site.db_snapshot]


def test_the_same_calls_make_equal_inventories() -> None:
    assert TwoPools().madrid.inventory().tables == TwoPools().madrid.inventory().tables


def test_every_vm_of_it_can_go_to_the_other_pool() -> None:
    site = TwoPools()
    draft = site.madrid.move(site.web, site.db, site.files, site.sleeper, destination=site.lisboa.id)
    assert not [p for p in evaluate(site.site, draft).problems if p.blocks]
