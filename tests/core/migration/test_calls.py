"""Golden tests: the very calls of each kind of move."""

from dataclasses import replace

import pytest

from tests.core.migration.helpers import answered, away, inside
from tests.core.site import TwoPools
from xsmigui.core.migration.calls import MIGRATED, RECEIVED, Call, calls, migrate_maps
from xsmigui.core.migration.defaults import resolve
from xsmigui.core.migration.draft import Draft
from xsmigui.core.refs import NetworkRef, VifRef

M, L = "OpaqueRef:Madrid/", "OpaqueRef:Lisboa/"


def made(site: TwoPools, draft: Draft) -> list[Call]:
    plan = answered(site.site, draft).plan
    assert plan is not None
    return [call for move in plan.moves for call in move.calls]


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def test_live_inside_a_pool(site: TwoPools) -> None:
    a = site.madrid.id
    assert made(site, inside(site, site.web)) == [
        Call(a, "VM.pool_migrate", (M + "VM/web", M + "host/m3", {"live": "true"})),
        Call(a, "VM.set_affinity", (M + "VM/web", M + "host/m3")),
    ]


@pytest.mark.parametrize(("chosen", "sent"), [(True, "true"), (False, "false")])
def test_compress(site: TwoPools, chosen: bool, sent: str) -> None:
    live = replace(inside(site, site.web), compress=chosen, set_home=False)
    assert made(site, live)[0].params[2] == {"live": "true", "compress": sent}
    storage = replace(away(site, site.db), compress=chosen, set_home=False)
    assert made(site, storage)[1].params[5] == {"compress": sent}


def test_storage_inside_a_pool_keeps_the_cd_and_maps_no_vif(site: TwoPools) -> None:
    a = site.madrid.id
    vdi_map = {
        M + "VDI/web 0": M + "SR/m-iscsi",
        M + "VDI/web 1": M + "SR/m-iscsi",
        M + "VDI/debian.iso": M + "SR/m-iso",
    }
    assert made(site, inside(site, site.web).on_same_sr(site.m_iscsi)) == [
        Call(a, "host.migrate_receive", (M + "host/m3", M + "network/Storage", {})),
        Call(a, "VM.migrate_send", (M + "VM/web", RECEIVED, True, vdi_map, {}, {})),
        Call(a, "VM.set_affinity", (M + "VM/web", M + "host/m3")),
    ]


def test_networks_that_are_known_are_not_sent_inside_a_pool(site: TwoPools) -> None:
    """xapi_vm_migrate.ml, assert_can_migrate: "VIF mapping is not allowed for intra-pool migration"."""
    networks = {VifRef(M + "VIF/web 0"): NetworkRef(M + "network/LAN")}

    def vif_map(draft: Draft) -> dict[str, str]:
        (move,) = resolve(site.site, draft).moves
        return migrate_maps(replace(move, networks=networks))[1]

    assert vif_map(inside(site, site.web).on_same_sr(site.m_iscsi)) == {}
    assert vif_map(away(site, site.web)) == networks


def test_between_pools_with_a_snapshot(site: TwoPools) -> None:
    a, b = site.madrid.id, site.lisboa.id
    vdi_map = {M + "VDI/db 0": L + "SR/l-nfs", M + "VDI/db 0 at before the update": L + "SR/l-nfs"}
    vif_map = {M + "VIF/db 0": L + "network/LAN", M + "VIF/before the update 0": L + "network/LAN"}
    assert made(site, away(site, site.db)) == [
        Call(b, "host.migrate_receive", (L + "host/l1", L + "network/Storage", {})),
        Call(a, "VM.migrate_send", (M + "VM/db", RECEIVED, True, vdi_map, vif_map, {})),
        Call(b, "VM.set_affinity", (MIGRATED, L + "host/l1")),
    ]


def test_between_pools_without_the_cd(site: TwoPools) -> None:
    assert M + "VDI/debian.iso" not in made(site, away(site, site.web))[1].params[3]  # type: ignore[operator]


def test_a_suspended_vm_takes_its_image(site: TwoPools) -> None:
    assert made(site, away(site, site.sleeper))[1].params[3] == {
        M + "VDI/sleeper 0": L + "SR/l-nfs",
        M + "VDI/suspend image of sleeper": L + "SR/l-nfs",
    }


def test_a_snapshot_with_memory_takes_its_image(site: TwoPools) -> None:
    site.madrid.snapshot(site.files, "with memory", memory_on=site.m_iscsi)
    assert made(site, away(site, site.files))[1].params[3] == {
        M + "VDI/files 0": L + "SR/l-nfs",
        M + "VDI/files 0 at with memory": L + "SR/l-nfs",
        M + "VDI/memory at with memory": L + "SR/l-nfs",
    }


def test_a_copy_is_started_and_gets_no_home_server(site: TwoPools) -> None:
    a, b = site.madrid.id, site.lisboa.id
    draft = Draft(a, (site.files,), b, copy=True, start_after=True).on(site.files, site.l1)
    assert made(site, draft) == [
        Call(b, "host.migrate_receive", (L + "host/l1", L + "network/Storage", {})),
        Call(
            a,
            "VM.migrate_send",
            (
                M + "VM/files",
                RECEIVED,
                True,
                {M + "VDI/files 0": L + "SR/l-nfs"},
                {M + "VIF/files 0": L + "network/LAN"},
                {"copy": "true"},
            ),
        ),
        Call(b, "VM.start_on", (MIGRATED, L + "host/l1", False, False)),
    ]


def test_a_running_vm_is_not_started_again(site: TwoPools) -> None:
    assert [c.method for c in made(site, replace(away(site, site.web), start_after=True))][-1] == "VM.set_affinity"


def test_only_accepted_moves_have_calls(site: TwoPools) -> None:
    (move,) = resolve(site.site, site.madrid.move(site.web)).moves
    with pytest.raises(ValueError, match="without a host"):
        calls(move)


def test_disks_of_a_vm_that_no_host_can_take_are_copied_all_the_same() -> None:
    """Nothing is set on its home server then, and it is not started."""
    site = TwoPools()
    draft = inside(site, site.files).on_same_sr(site.m_iscsi).copying(True)
    (move,) = resolve(site.site, replace(draft, start_after=True)).moves
    assert [call.method for call in calls(move)] == ["VDI.copy", "VM.set_affinity", "VM.start_on"]
    assert [call.method for call in calls(replace(move, host=None))] == ["VDI.copy"]
