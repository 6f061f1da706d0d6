"""Rules about networks, from both sides."""

import pytest

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.rules.networks import has_address, host_attaches
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import PIF
from xsmigui.core.refs import NetworkRef, VifRef

VIF = VifRef("OpaqueRef:Madrid/VIF/web 0")


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_r80_mapped(site: TwoPools) -> None:
    draft = away(site, site.web)
    assert "R80" not in rules(evaluate(site.site, draft))
    site.lisboa.set(site.l_lan, name_label="guests")
    for pif in site.lisboa.get_all("PIF", network=site.l_lan):
        site.lisboa.set(pif, VLAN=99)
    found = evaluate(site.site, draft)
    assert "(now on LAN) yet." in problem(found, "R80").message
    assert blocks(evaluate(site.site, draft.connecting(VIF, site.l_lan))) == []
    found = evaluate(site.site, draft.connecting(VIF, site.m_lan))
    assert "is not in Lisboa" in problem(found, "R80").message
    (pif,) = site.lisboa.get_all("PIF", network=site.l_lan, host=site.l1)
    site.lisboa.remove(pif)
    found = evaluate(site.site, draft.connecting(VIF, site.l_lan))
    assert "l1 is not on the network guests" in problem(found, "R80").message


def test_r80_bond_members(site: TwoPools) -> None:
    (pif,) = site.lisboa.get_all("PIF", network=site.l_lan, host=site.l1)
    site.lisboa.set(pif, bond_slave_of="OpaqueRef:bond")
    found = evaluate(site.site, away(site, site.web).connecting(VIF, site.l_lan))
    assert "R80" in blocks(found)


def test_no_host_attaches_a_network_that_is_gone(site: TwoPools) -> None:
    assert not host_attaches(site.lisboa.inventory(), site.l1, NetworkRef("OpaqueRef:gone"))


def test_r80_without_a_host(site: TwoPools) -> None:
    for host in (site.l1, site.l2):
        site.lisboa.set(host, enabled=False)
    draft = site.madrid.move(site.web, destination=site.lisboa.id).connecting(VIF, site.l_lan)
    assert "R80" not in rules(evaluate(site.site, draft))


def test_r81_networks_inside_a_pool(site: TwoPools) -> None:
    assert "R81" not in rules(evaluate(site.site, inside(site, site.web)))
    (pif,) = site.madrid.get_all("PIF", network=site.m_lan, host=site.m3)
    site.madrid.remove(pif)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R81").message == "m3 is not on the network LAN, which web uses."
    stays = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m1).on_same_sr(site.m_iscsi)
    assert "R81" not in rules(evaluate(site.site, stays))
    site.madrid.remove(site.m_lan)
    assert "R81" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r81_internal_networks(site: TwoPools) -> None:
    """They belong to the hosts whose VMs run on them, the moving one's own included."""
    internal = site.madrid.network("internal", hosts=[])
    site.madrid.vif(site.web, internal)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R81").message.startswith("internal, which web uses, is an internal network of another host")
    other = site.madrid.vm("other", on=site.m3, networks=[internal])
    assert "R81" not in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(other, power_state="Halted")
    site.madrid.set(internal, other_config={"assume_network_is_shared": "true"})
    assert "R81" not in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(internal, other_config={}, managed=False)
    assert "R81" not in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(internal, managed=True)
    site.madrid.vif(site.files, internal)
    halted = inside(site, site.files).on_same_sr(site.m_iscsi)
    assert "R81" in rules(evaluate(site.site, halted))
    site.madrid.set(site.web, power_state="Halted")
    assert "R81" not in rules(evaluate(site.site, halted))


@pytest.mark.parametrize(
    ("pif", "has"),
    [
        (PIF(IP="10.0.0.1"), True),
        (PIF(), False),
        (PIF(primary_address_type="IPv6", IP="10.0.0.1"), False),
        (PIF(primary_address_type="IPv6", IPv6=["fe80::1"]), False),
        (PIF(primary_address_type="IPv6", IPv6=["FE80::1", "fd00::1"]), True),
    ],
)
def test_addresses(pif: PIF, has: bool) -> None:
    assert has_address(pif) is has


def test_r82_storage_network(site: TwoPools) -> None:
    draft = away(site, site.web).over(site.l_storage_net)
    assert "R82" not in rules(evaluate(site.site, draft))
    (pif,) = site.lisboa.get_all("PIF", network=site.l_storage_net, host=site.l1)
    site.lisboa.set(pif, IP="")
    assert problem(evaluate(site.site, draft), "R82").message == "l1 has no IP address on Storage."
    site.lisboa.set(pif, currently_attached=False)
    assert problem(evaluate(site.site, draft), "R82").message == "The interface of l1 on Storage is unplugged."
    site.lisboa.remove(pif)
    assert problem(evaluate(site.site, draft), "R82").message == "l1 is not on the network Storage."
    found = evaluate(site.site, draft.over(NetworkRef("OpaqueRef:gone")))
    assert problem(found, "R82").message == "The chosen storage network no longer exists."
    assert "R82" not in rules(evaluate(site.site, inside(site, site.web).over(NetworkRef("OpaqueRef:gone"))))


def test_r82_no_network_at_all(site: TwoPools) -> None:
    for pif in site.lisboa.get_all("PIF", host=site.l1):
        site.lisboa.set(pif, IP="")
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R82").message.startswith("No network of l1 can carry the disks")
    assert problem(found, "R82").page is Page.storage_network


def test_r83_management(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.web).over(site.l_management))
    assert problem(found, "R83").severity is Severity.warn
    assert "R83" not in rules(evaluate(site.site, away(site, site.web)))
    assert "R83" not in rules(evaluate(site.site, inside(site, site.web).over(site.m_management)))


def test_r84_what_cannot_be_checked(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.web))
    assert "can reach l1" in problem(found, "R84").message
    assert "R84" not in rules(evaluate(site.site, inside(site, site.web)))
