"""A kept source is put back only where everything is as its job has left it, and only if nothing has changed it."""

from collections.abc import Callable

import msgspec
import pytest

from tests.core.site import TwoPools
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.exchange import KEPT, Kept
from xsmigui.core.migration.kept import kept_sources, revert_plan
from xsmigui.core.refs import VdiRef

NOW = VdiRef("OpaqueRef:Madrid/VDI/files 0")
"""What has taken the source's place at the halted VM `files`."""


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def keep(site: TwoPools, **noted: object) -> VdiRef:
    """A source that a job has kept."""
    a = site.madrid
    source = a.disk(site.m_nfs, name="files 0 [kept]", physical_utilisation=5)
    note = Kept(
        job="j1", vm=a.uuid(site.files), position="0", by=a.uuid(NOW), name="files 0", until="2026-12-01",
        uuid=a.uuid(source), used=5,
    )  # fmt: skip
    a.set(source, other_config={KEPT: msgspec.json.encode(msgspec.structs.replace(note, **noted)).decode()})
    return source


def test_it_is_put_back(site: TwoPools) -> None:
    source = keep(site)
    (move,) = revert_plan(site.madrid.inventory(), [source]).moves
    assert [(d.disk.ref, d.ready, d.position) for d in move.disks] == [(NOW, site.madrid.uuid(source), "0")]


REASONS: dict[str, tuple[Callable[[TwoPools, VdiRef], object], str]] = {
    "it runs": (lambda s, _: s.madrid.set(s.files, power_state="Running"), "is not halted"),
    "it is suspended": (lambda s, _: s.madrid.set(s.files, power_state="Suspended"), "is not halted"),
    "another has it": (lambda s, kept: s.madrid.attach(s.web, kept, currently_attached=False), "now used by web"),
    "its SR lost it": (lambda s, kept: s.madrid.set(kept, missing=True), "no longer has it"),
    "forgotten": (lambda s, kept: s.madrid.set(kept, managed=False), "no longer has it"),
    "written to": (lambda s, kept: s.madrid.set(kept, physical_utilisation=6), "may have been written to"),
    "the new one is elsewhere": (
        lambda s, _: s.madrid.set(s.madrid.get_all("VBD", VDI=NOW)[0], userdevice="7"), "no longer at position 0",
    ),
    "no source": (lambda s, kept: s.madrid.set(kept, other_config={}), "not a kept source"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_it_stays_where_something_is_not_as_it_was_left(site: TwoPools, reason: str) -> None:
    source = keep(site)
    change, words = REASONS[reason]
    change(site, source)
    with pytest.raises(DisksRefused, match=words):
        revert_plan(site.madrid.inventory(), [source])


def test_the_note_of_another_disk_is_none(site: TwoPools) -> None:
    """A copy of a kept source carries its note along."""
    keep(site, uuid="another disk's")
    assert kept_sources(site.madrid.inventory()) == ()


@pytest.mark.parametrize(("uuid", "found"), [("", 0), ("its own", 2)])
def test_of_several_disks_with_one_note_none_is_named(site: TwoPools, uuid: str, found: int) -> None:
    """A note of an earlier version does not name its disk: the other one may be its copy, and be somebody's."""
    sources = [keep(site, uuid=uuid) if not uuid else keep(site) for _ in range(2)]
    inventory = site.madrid.inventory()
    assert len(kept_sources(inventory)) == found
    if not found:
        with pytest.raises(DisksRefused, match="not a kept source"):
            revert_plan(inventory, sources[:1])
        site.madrid.remove(sources[1])
        assert [kept.ref for kept in kept_sources(site.madrid.inventory())] == sources[:1]


def test_a_source_whose_vm_or_successor_is_gone_stays(site: TwoPools) -> None:
    source = keep(site, vm="gone")
    with pytest.raises(DisksRefused, match="its VM no longer exists"):
        revert_plan(site.madrid.inventory(), [source])
    source = keep(site, by="gone")
    with pytest.raises(DisksRefused, match="replaced it no longer exists"):
        revert_plan(site.madrid.inventory(), [source])
