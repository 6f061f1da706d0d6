"""Drafts of single disks: only they move, and their VMs stay where they are."""

import pytest

from tests.core.migration.helpers import answered
from tests.core.site import TwoPools
from xsmigui.core.migration.diskdraft import DisksRefused, draft_of_disks, owner
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.migration.selection import SelectionRefused, disks_from
from xsmigui.core.refs import VdiRef


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def disks_of(site: TwoPools, vm: object) -> list[VdiRef]:
    return list(own_disks(site.site.pools[site.madrid.id], vm))  # type: ignore[arg-type]


def test_only_the_selected_disks_move(site: TwoPools) -> None:
    inventory = site.site.pools[site.madrid.id]
    disk = disks_of(site, site.web)[0]
    goal = next(sr for sr in (site.m_iscsi, site.m_nfs) if sr != inventory.VDI[disk].SR)
    draft = draft_of_disks(site.site, site.madrid.id, [disk, disk], goal)
    evaluation = answered(site.site, draft)
    assert evaluation.plan is not None, [p.sentence() for p in evaluation.problems]
    (move,) = evaluation.plan.moves
    assert [d.disk.ref for d in move.disks if not d.stays] == [disk]
    assert move.source_host is not None
    assert move.host.ref == move.source_host.ref
    assert [call.method for call in move.calls] == ["host.migrate_receive", "VM.migrate_send"]  # the home server stays


def test_to_where_it_is_already(site: TwoPools) -> None:
    disk = disks_of(site, site.web)[0]
    sr = site.site.pools[site.madrid.id].VDI[disk].SR
    evaluation = answered(site.site, draft_of_disks(site.site, site.madrid.id, [disk], sr))
    assert evaluation.plan is None
    assert "R12" in {p.rule for p in evaluation.problems if p.blocks}


def test_disks_that_nobody_can_carry(site: TwoPools) -> None:
    inventory = site.site.pools[site.madrid.id]
    used = {vbd.VDI for vbd in inventory.VBD.values()}
    orphans = [ref for ref in inventory.VDI if ref not in used]
    snapshots = [ref for ref, vdi in inventory.VDI.items() if vdi.is_a_snapshot]
    assert snapshots
    for ref in (*orphans, *snapshots):
        assert owner(inventory, ref).vm is None
    for ref in snapshots:
        assert owner(inventory, ref).reason
    with pytest.raises(DisksRefused) as refused:
        draft_of_disks(site.site, site.madrid.id, [VdiRef("OpaqueRef:gone"), *snapshots], site.m_nfs)
    assert "no longer exists" in str(refused.value)
    assert str(refused.value).count("snapshot") >= len(snapshots)


def test_by_names(site: TwoPools) -> None:
    inventory = site.site.pools[site.madrid.id]
    disk = disks_of(site, site.web)[0]
    uuid, sr = inventory.VDI[disk].uuid, inventory.SR[site.m_nfs].uuid
    assert disks_from(site.site, (uuid,), sr) == draft_of_disks(site.site, site.madrid.id, [disk], site.m_nfs)
    there = next(iter(site.site.pools[site.lisboa.id].VDI.values())).uuid
    for names, place in (((uuid, there), sr), (("nothing",), sr), ((uuid,), "nothing")):
        with pytest.raises(SelectionRefused):
            disks_from(site.site, names, place)
    snapshot = next(vdi for vdi in inventory.VDI.values() if vdi.is_a_snapshot)
    with pytest.raises(SelectionRefused, match="snapshot"):
        disks_from(site.site, (snapshot.uuid,), sr)
