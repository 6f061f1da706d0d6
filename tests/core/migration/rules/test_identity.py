"""Rules about who a VM is among others: what it leaves behind, whom it must not meet, addresses, locks, networks."""

from dataclasses import replace

import pytest

from tests.core.migration.helpers import answered, away, blocks, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core import records
from xsmigui.core.migration.candidates import network_candidates, same_srs
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.problems import Severity
from xsmigui.core.units import TiB

FILES_0 = "OpaqueRef:Madrid/VDI/files 0"


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_r13_one_seed_twice_in_a_batch(site: TwoPools) -> None:
    for vm in (site.web, site.db):
        site.madrid.set(vm, other_config={"mac_seed": "5eed"})
    found = evaluate(site.site, away(site, site.web, site.db))
    assert blocks(found) == ["R13"]
    assert problem(found, "R13").message.startswith("db makes its MAC addresses from the same seed as web")
    assert "R13" not in rules(evaluate(site.site, away(site, site.web)))
    site.madrid.set(site.db, other_config={"mac_seed": "another"})
    assert "R13" not in rules(evaluate(site.site, away(site, site.web, site.db)))


def test_r21_what_belongs_to_the_pool_is_named(site: TwoPools) -> None:
    a = site.madrid
    app = a._add(records.Appliance, "VM_appliance", "shop", name_label="Shop")
    schedule = a._add(records.SnapshotSchedule, "VMSS", "nightly", name_label="Nightly")
    group = a._add(records.VmGroup, "VM_group", "dcs", name_label="Controllers", VMs=[site.web])
    assert "R21" not in rules(evaluate(site.site, away(site, site.web)))
    a.set(site.web, appliance=app, snapshot_schedule=schedule, groups=[group])
    found = problem(evaluate(site.site, away(site, site.web)), "R21")
    assert found.severity is Severity.info
    assert "the vApp Shop, the snapshot schedule Nightly and the group Controllers" in found.message
    assert "R21" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r22_members_of_a_group_on_one_host(site: TwoPools) -> None:
    a = site.madrid
    twin = a.vm("twin", on=site.m3, disks=[site.m_nfs])
    fields = {"name_label": "Controllers", "placement": "anti_affinity", "VMs": [site.web, twin]}
    group = a._add(records.VmGroup, "VM_group", "dcs", **fields)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R22").severity is Severity.warn
    assert problem(found, "R22").message.startswith("twin and web of the group Controllers")
    assert "R22" not in rules(evaluate(site.site, a.move(site.web, destination=a.id).on(site.web, site.m2)))
    both = a.move(site.web, twin, destination=a.id).on(site.web, site.m2).on(twin, site.m2)
    assert "R22" in rules(evaluate(site.site, both))
    apart = both.on(twin, site.m1)
    assert "R22" not in rules(evaluate(site.site, apart))
    a.set(group, placement="normal")
    assert "R22" not in rules(evaluate(site.site, both))


def test_r85_an_address_that_is_in_use_there(site: TwoPools) -> None:
    mac = site.madrid.get(site.madrid.get_all("VIF", VM=site.web)[0]).MAC
    other = site.lisboa.vif(site.l_vm, site.l_lan, mac.upper())
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R85").severity is Severity.warn
    assert "lisboa-web" in problem(found, "R85").message
    site.lisboa.set(other, network=site.l_storage_net)  # on another network it disturbs nobody
    assert "R85" not in rules(evaluate(site.site, away(site, site.web)))
    site.lisboa.set(other, network=site.l_lan)
    site.lisboa.set(site.l_vm, is_a_template=True)
    assert "R85" not in rules(evaluate(site.site, away(site, site.web)))
    site.lisboa.set(site.l_vm, is_a_template=False)
    draft = away(site, site.files)
    mac = site.madrid.get(site.madrid.get_all("VIF", VM=site.files)[0]).MAC
    site.lisboa.set(other, MAC=mac)
    assert "R85" in rules(evaluate(site.site, draft))
    copy = Draft(draft.source, draft.vms, draft.destination, draft.hosts, copy=True)
    assert "R85" not in rules(evaluate(site.site, copy))


def test_r85_one_address_twice_in_a_batch(site: TwoPools) -> None:
    """The two lay on different networks, and are brought onto one."""
    web, twin = site.madrid.get_all("VIF", VM=site.web)[0], site.madrid.get_all("VIF", VM=site.db)[0]
    apart = site.madrid.network("Lab", vlan=77)
    site.madrid.set(twin, MAC=site.madrid.get(web).MAC.upper(), network=apart)
    draft = away(site, site.web, site.db).connecting(web, site.l_lan).connecting(twin, site.l_lan)
    found = problem(evaluate(site.site, draft), "R85")
    assert found.severity is Severity.warn
    assert found.message.startswith("db and web have the same MAC address")
    assert "R85" not in rules(evaluate(site.site, draft.connecting(twin, site.l_storage_net)))
    assert "R85" not in rules(evaluate(site.site, replace(draft, copy=True)))
    site.madrid.set(twin, network=site.madrid.get(web).network)  # they have lain on one network all the time
    assert "R85" not in rules(evaluate(site.site, draft))
    site.madrid.set(twin, network=apart, MAC="02:00:00:00:00:99")
    assert "R85" not in rules(evaluate(site.site, draft))


def test_r86_interfaces_that_are_locked_to_addresses(site: TwoPools) -> None:
    vif = site.madrid.get_all("VIF", VM=site.web)[0]
    site.madrid.set(vif, ipv4_allowed=["10.0.0.7"])
    assert "R86" not in rules(evaluate(site.site, away(site, site.web)))
    site.madrid.set(vif, locking_mode="locked", ipv6_allowed=["fd00::7"])
    found = problem(evaluate(site.site, away(site, site.web)), "R86")
    assert (found.severity, "10.0.0.7 and fd00::7" in found.message) == (Severity.warn, True)
    assert "R86" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r86_packets_of_another_size(site: TwoPools) -> None:
    """By the storage network of the same name, inside a pool the same one."""
    for pool, network in ((site.madrid, site.m_storage_net), (site.lisboa, site.l_storage_net)):
        for pif in pool.get_all("PIF", network=network):
            pool.set(pif, MTU=1500)
    draft = away(site, site.web).over(site.l_storage_net)
    assert "R86" not in rules(evaluate(site.site, draft))
    (there,) = site.lisboa.get_all("PIF", network=site.l_storage_net, host=site.l1)
    site.lisboa.set(there, MTU=9000)
    found = problem(evaluate(site.site, draft), "R86")
    assert "9000 bytes at l1" in found.message
    assert "1500 bytes at m1" in found.message
    (there,) = site.madrid.get_all("PIF", network=site.m_storage_net, host=site.m3)
    site.madrid.set(there, MTU=9000)
    moving = inside(site, site.web).on_same_sr(site.m_iscsi).over(site.m_storage_net)
    assert "R86" in rules(evaluate(site.site, moving))
    assert "R86" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r69_a_lock_that_was_left(site: TwoPools) -> None:
    site.madrid.set(FILES_0, sm_config={"host_OpaqueRef:m2": "RW", "vdi_type": "vhd"})
    found = problem(evaluate(site.site, away(site, site.files)), "R69")
    assert (found.severity, "files 0" in found.message) == (Severity.warn, True)
    web = "OpaqueRef:Madrid/VDI/web 0"
    site.madrid.set(web, sm_config={"host_OpaqueRef:m1": "RW"})  # it runs: the lock is in order
    assert "R69" not in rules(evaluate(site.site, away(site, site.web)))
    site.madrid.set(FILES_0, sm_config={"vdi_type": "vhd"})
    assert "R69" not in rules(evaluate(site.site, away(site, site.files)))


def test_r80_two_networks_of_one_name_are_told_apart(site: TwoPools) -> None:
    second = site.lisboa.network("LAN", vlan=30, bridge="xapi7")
    found = problem(evaluate(site.site, away(site, site.web)), "R80")
    assert found.blocks
    assert found.message.startswith("Lisboa has 2 networks named LAN")
    inventory = site.lisboa.inventory()
    details = {c.ref: c.detail for c in network_candidates(inventory, site.l1)}
    assert details[second] == "VLAN 30 · xapi7"
    vif = site.madrid.get_all("VIF", VM=site.web)[0]
    assert "R80" not in rules(evaluate(site.site, away(site, site.web).connecting(vif, second)))


@pytest.mark.parametrize(
    "hidden", [{"other_config": {"HideFromXenCenter": "true"}}, {"introduced_by": "OpaqueRef:task"}]
)
def test_hidden_srs_are_offered_last_and_chosen_by_nobody(site: TwoPools, hidden: dict[str, object]) -> None:
    large = site.lisboa.sr("a large one", "nfs", size=900 * TiB, **hidden)
    site.lisboa.set(site.lisboa.ref, default_SR="OpaqueRef:NULL")
    draft = away(site, site.web)
    offered = [c.ref for c in same_srs(site.site, draft, {site.web: site.l1}) if c.usable]
    assert offered[-1] == large
    plan = answered(site.site, draft).plan
    assert plan is not None
    assert large not in {disk.target.ref for move in plan.moves for disk in move.disks}
