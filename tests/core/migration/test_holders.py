"""Who holds a disk, and R61, which lets none move away that others hold."""

import msgspec
import pytest

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.migration.diskdraft import draft_of_disks, owner
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.exchange import KEPT, Kept
from xsmigui.core.migration.holders import Hold, holders, other_holders
from xsmigui.core.refs import NULL, VbdRef, VdiRef, VmRef

WEB_0 = VdiRef("OpaqueRef:Madrid/VDI/web 0")
FILES_0 = VdiRef("OpaqueRef:Madrid/VDI/files 0")


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def holds(site: TwoPools, disk: VdiRef) -> list[tuple[Hold, str]]:
    return [(h.hold, h.name) for h in holders(site.madrid.inventory(), disk)]


def test_one_connection_is_one_holder(site: TwoPools) -> None:
    (holder,) = holders(site.madrid.inventory(), WEB_0)
    assert (holder.hold, holder.vm, holder.name) == (Hold.vm, site.web, "web")
    assert (holder.active, holder.read_only, holder.is_cd) == (True, False, False)
    assert other_holders(site.madrid.inventory(), WEB_0, site.web) == ()


def test_all_ways_to_hold_a_disk(site: TwoPools) -> None:
    a = site.madrid
    dom0 = VmRef(a.get_all("VM", is_control_domain=True)[0])
    template = a.template("golden")
    snapshot = a.snapshot(site.web, "before")
    a.attach(dom0, WEB_0, currently_attached=False)
    a.attach(template, WEB_0)
    a.attach(snapshot, WEB_0, mode="RO")
    a.attach(site.files, WEB_0, mode="RO", type="CD")
    note = msgspec.json.encode(Kept("j1", a.uuid(site.db), "0", "", "db 0", "2026-12-01")).decode()
    a.set(WEB_0, other_config={KEPT: note})
    a.set(site.sleeper, suspend_VDI=WEB_0)
    assert set(holds(site, WEB_0)) == {
        (Hold.vm, "web"),
        (Hold.vm, "golden"),
        (Hold.vm, "files"),
        (Hold.snapshot, "before"),
        (Hold.control_domain, "dom0 on m1"),
        (Hold.memory, "sleeper"),
        (Hold.kept, "db"),
    }
    inventory = a.inventory()
    others = other_holders(inventory, WEB_0, site.web)
    assert {h.name for h in others} == {"golden", "files", "dom0 on m1", "sleeper"}
    assert {h.name for h in other_holders(inventory, WEB_0, site.web, with_snapshots=False)} == {
        "golden",
        "files",
        "dom0 on m1",
        "sleeper",
        "before",
    }


def test_a_connection_that_only_one_side_knows_of_counts(site: TwoPools) -> None:
    vdi = site.madrid.inventory().VDI[WEB_0]
    inventory = site.madrid.inventory()
    lost = VbdRef("OpaqueRef:not heard of yet")
    tables = {"VDI": {**inventory.VDI, WEB_0: msgspec.structs.replace(vdi, VBDs=[*vdi.VBDs, lost])}}
    assert [h.hold for h in other_holders(inventory.replaced(tables), WEB_0, site.web)] == [Hold.unknown]
    site.madrid.attach(site.files, WEB_0)
    inventory = site.madrid.inventory()
    tables = {"VDI": {**inventory.VDI, WEB_0: msgspec.structs.replace(vdi, VBDs=[])}}
    assert [h.name for h in other_holders(inventory.replaced(tables), WEB_0, site.web)] == ["files"]


def test_a_disk_that_is_gone_has_no_holders(site: TwoPools) -> None:
    assert holders(site.madrid.inventory(), VdiRef("OpaqueRef:gone")) == ()


# R61: the other holder is named, whatever it is and whichever way the disk would go.


def judged(site: TwoPools, draft: Draft) -> Evaluation:
    return evaluate(site.site, draft)


def ways(site: TwoPools) -> dict[str, Draft]:
    """Every way in which the first disk of a VM may go: live or halted, in its pool or to the other, alone or with its
    VM, by the server or copied by this program."""
    web, files = site.web, site.files
    return {
        "live to another pool": away(site, web),
        "live in its pool": inside(site, web).on_same_sr(site.m_iscsi),
        "halted to another pool": away(site, files),
        "halted in its pool": inside(site, files).on_same_sr(site.m_iscsi),
        "halted, copied": inside(site, files).on_same_sr(site.m_iscsi).copying(True),
        "a live disk alone": draft_of_disks(site.site, site.madrid.id, [WEB_0], site.m_iscsi),
        "a halted disk alone": draft_of_disks(site.site, site.madrid.id, [FILES_0], site.m_iscsi),
    }


@pytest.mark.parametrize("way", list(ways(TwoPools())))
@pytest.mark.parametrize("mode", ["RW", "RO"])
@pytest.mark.parametrize("other", ["db", "sleeper", "halted", "template", "snapshot of another", "control domain"])
def test_r61_a_disk_that_another_holds_does_not_move(site: TwoPools, way: str, mode: str, other: str) -> None:
    draft = ways(site)[way]
    assert "R61" not in rules(judged(site, draft))
    disk = FILES_0 if "halted" in way else WEB_0
    a = site.madrid
    holder = {
        "db": site.db,
        "sleeper": site.sleeper,
        "halted": a.vm("halted"),
        "template": a.template("golden"),
        "snapshot of another": site.db_snapshot,
        "control domain": VmRef(a.get_all("VM", is_control_domain=True)[0]),
    }[other]
    a.attach(holder, disk, mode=mode, currently_attached=False)
    found = judged(site, draft)
    assert blocks(found) == ["R61"]
    assert a.get(holder).name_label in problem(found, "R61").message


def test_r61_active_connections_of_other_vms_too(site: TwoPools) -> None:
    site.madrid.attach(site.db, WEB_0, currently_attached=True)
    assert "db" in problem(judged(site, away(site, site.web)), "R61").message


def test_a_backup_under_way_is_said_once(site: TwoPools) -> None:
    """R06 says who uses the disk and that it will end; R61 does not say the same again."""
    dom0 = VmRef(site.madrid.get_all("VM", is_control_domain=True)[0])
    site.madrid.attach(dom0, WEB_0, currently_attached=True, mode="RO")
    assert blocks(judged(site, away(site, site.web))) == ["R06"]


def test_r61_all_holders_are_named(site: TwoPools) -> None:
    for vm in (site.db, site.files):
        site.madrid.attach(vm, WEB_0, currently_attached=False)
    site.madrid.set(WEB_0, sharable=True)
    message = problem(judged(site, away(site, site.web)), "R61").message
    assert "db and files" in message


def test_r61_disks_that_stay_are_free_to_be_shared(site: TwoPools) -> None:
    site.madrid.attach(site.files, WEB_0, currently_attached=False)
    assert "R61" not in rules(judged(site, inside(site, site.web)))


def test_r61_snapshots_go_along_but_not_with_a_copy_of_ours(site: TwoPools) -> None:
    snapshot = site.madrid.snapshot(site.files, "before")
    site.madrid.attach(snapshot, FILES_0, mode="RO")
    assert "R61" not in rules(judged(site, away(site, site.files)))
    copied = judged(site, inside(site, site.files).on_same_sr(site.m_iscsi).copying(True))
    assert "before" in problem(copied, "R61").message


def test_r61_a_copy_to_another_pool_takes_nothing_away(site: TwoPools) -> None:
    draft = away(site, site.files)
    draft = Draft(draft.source, draft.vms, draft.destination, draft.hosts, copy=True)
    vbd = site.madrid.attach(site.db, FILES_0, currently_attached=False)
    assert "R61" not in rules(judged(site, draft))
    site.madrid.set(vbd, currently_attached=True)
    assert blocks(judged(site, draft)) == ["R61"]


def test_r61_a_loose_disk_that_somebody_holds(site: TwoPools) -> None:
    data = site.madrid.disk(site.m_nfs, name="data")
    draft = draft_of_disks(site.site, site.madrid.id, [data], site.m_iscsi)
    assert "R61" not in rules(judged(site, draft))
    site.madrid.attach(site.db, data, currently_attached=False)
    assert "db" in problem(judged(site, draft), "R61").message


def test_r61_a_note_inherited_by_a_copy_does_not_stop_its_vm(site: TwoPools) -> None:
    site.madrid.set(WEB_0, other_config={KEPT: "{}"})
    assert "R61" not in rules(judged(site, away(site, site.web)))


def test_the_owner_of_a_disk_is_its_only_holder(site: TwoPools) -> None:
    assert owner(site.madrid.inventory(), WEB_0).vm == site.web
    dom0 = VmRef(site.madrid.get_all("VM", is_control_domain=True)[0])
    site.madrid.attach(dom0, WEB_0, currently_attached=False)
    assert owner(site.madrid.inventory(), WEB_0).vm is None
    assert NULL not in {h.vm for h in holders(site.madrid.inventory(), WEB_0)}
