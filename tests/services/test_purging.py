"""Which kept sources are let go, as a table: each is looked at once more, by a server that is asked and no events."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.core.site import TwoPools
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.exchange import JOB, KEPT, Kept
from xsmigui.core.records import Task
from xsmigui.core.refs import VdiRef
from xsmigui.services.holding import read_disk
from xsmigui.services.kept import Purged, purge

NEW = VdiRef("OpaqueRef:Madrid/VDI/files 0")
"""What has taken the source's place."""


class Server:
    """A gateway to a pool without events. `meanwhile` is done while a sum is computed."""

    def __init__(self, site: TwoPools) -> None:
        self.site = site
        self.sum, self.status = "s", "success"
        self.meanwhile: Callable[[], object] = lambda: None
        self.removed: list[str] = []
        self.called: list[str] = []

    async def call(self, method: str, *params: Any, **_options: Any) -> Any:
        self.called.append(method)
        cls, name = method.removeprefix("Async.").split(".")
        table: dict[str, Any] = {
            ref: msgspec.to_builtins(record) for ref, record in self.site.madrid.inventory().tables.get(cls, {}).items()
        }
        match name:
            case "get_record" | "get_other_config" if params[0] not in table:
                raise ServerFailure("HANDLE_INVALID", (cls, params[0]), method)
            case "get_record":
                return table[params[0]]
            case "get_other_config":
                return table[params[0]]["other_config"]
            case "get_by_uuid":
                found = [ref for ref, record in table.items() if record["uuid"] == params[0]]
                if not found:
                    raise ServerFailure("UUID_INVALID", (cls, params[0]), method)
                return found[0]
            case "get_by_name_label":
                return [ref for ref, record in table.items() if record["name_label"] == params[0]]
            case "get_all_records_where":
                return {ref: record for ref, record in table.items() if f'"{record["suspend_VDI"]}"' in params[0]}
            case "checksum":
                return "OpaqueRef:task"
            case "destroy":
                self.removed += [params[0]] if cls == "VDI" else []
        return None

    async def wait_for_task(self, _ref: str, _heard: object = None) -> Task:
        self.meanwhile()
        return Task(status=self.status, result=f"<value>{self.sum}</value>")

    async def purge(self, *sources: VdiRef, doubtful_too: bool = False) -> Purged:
        return await purge(self, sources, doubtful_too=doubtful_too)  # type: ignore[arg-type]


@pytest.fixture
def server() -> Server:
    return Server(TwoPools())


def keep(server: Server, **noted: object) -> VdiRef:
    a = server.site.madrid
    source = a.disk(server.site.m_nfs, name="files 0 [kept]", physical_utilisation=5)
    note = Kept(
        job="j1", vm=a.uuid(server.site.files), position="0", by=a.uuid(NEW), name="files 0", until="2026-12-01",
        uuid=a.uuid(source), used=5,
    )  # fmt: skip
    a.set(source, other_config={KEPT: msgspec.json.encode(msgspec.structs.replace(note, **noted)).decode()})
    return source


STAYS: dict[str, tuple[Callable[[Server, VdiRef], object], str]] = {
    "connected to a VM that is off": (
        lambda s, kept: s.site.madrid.attach(s.site.files, kept, currently_attached=False), "in use again",
    ),
    "connected as a CD": (lambda s, kept: s.site.madrid.attach(s.site.web, kept, type="CD"), "in use again"),
    "the memory of a VM": (lambda s, kept: s.site.madrid.set(s.site.sleeper, suspend_VDI=kept), "in use again"),
    "being copied": (lambda s, kept: s.site.madrid.set(kept, current_operations={"t": "copy"}), "in use again"),
    "put back by a job": (lambda s, kept: mark(s, kept, "j2"), "working on it: j2"),
    "no kept source any more": (lambda s, kept: s.site.madrid.set(kept, other_config={}), "not a kept source"),
    "its successor is gone": (lambda s, _: s.site.madrid.remove(NEW), "no longer exists"),
    "its successor is missing": (lambda s, _: s.site.madrid.set(NEW, missing=True), "no longer exists"),
    "its successor's SR is forgotten": (lambda s, _: s.site.madrid.set(NEW, managed=False), "no longer exists"),
}  # fmt: skip


def mark(server: Server, ref: VdiRef, job: str) -> None:
    record = server.site.madrid.get(ref)
    server.site.madrid.set(ref, other_config={**record.other_config, JOB: f"{job} {record.uuid}"})


async def test_what_is_as_it_was_kept_is_removed(server: Server) -> None:
    sources = [keep(server), keep(server)]
    assert await server.purge(*sources) == Purged(2, ())
    assert server.removed == sources


@pytest.mark.parametrize("doubtful_too", [False, True])
@pytest.mark.parametrize("why", STAYS)
async def test_what_stays_whatever_the_operator_wants(server: Server, why: str, doubtful_too: bool) -> None:
    source, other = keep(server), keep(server)
    change, told = STAYS[why]
    change(server, source)
    found = await server.purge(source, doubtful_too=doubtful_too)
    assert (found.removed, found.doubtful, server.removed) == (0, (), [])
    (reason,) = found.left
    assert told in reason
    assert (await server.purge(other)).removed == (0 if "successor" in why else 1)  # nothing of it counts for another


@pytest.mark.parametrize("why", STAYS)
async def test_what_happens_while_a_sum_is_computed_counts(server: Server, why: str) -> None:
    source = keep(server, sum="s")
    change, _told = STAYS[why]
    server.meanwhile = lambda: change(server, source)
    found = await server.purge(source)
    assert (found.removed, len(found.left), server.removed) == (0, 1, [])


async def test_what_is_gone_is_neither_removed_nor_named(server: Server) -> None:
    source, other = keep(server), keep(server)
    server.site.madrid.remove(source)
    assert await server.purge(source, other) == Purged(1, ())
    third = keep(server, sum="s")
    server.meanwhile = lambda: server.site.madrid.remove(third)
    found = await server.purge(third)
    assert (found.removed, server.removed) == (0, [other])


@pytest.mark.parametrize(("noted", "used", "sum_now", "doubtful"), [
    ({}, 5, "", False),
    ({}, 6, "", True),
    ({"used": -1}, 6, "", False),  # an earlier version has not noted it
    ({"sum": "s"}, 5, "s", False),
    ({"sum": "s"}, 6, "s", False),  # the server has tidied up
    ({"sum": "s"}, 5, "other", True),
    ({"sum": "s"}, 5, None, False),  # it cannot be computed: what it occupies decides
    ({"sum": "s"}, 6, None, True),
])  # fmt: skip
async def test_what_may_have_been_written_to_goes_only_if_it_is_wanted_all_the_same(
    server: Server, noted: dict[str, object], used: int, sum_now: str | None, doubtful: bool
) -> None:
    source = keep(server, **noted)
    server.site.madrid.set(source, physical_utilisation=used)
    server.sum, server.status = sum_now or "", "success" if sum_now is not None else "failure"
    found = await server.purge(source)
    assert found == (Purged(0, (), (source,)) if doubtful else Purged(1, ()))
    server.called.clear()
    again = keep(server, **noted)
    server.site.madrid.set(again, physical_utilisation=used)
    assert (await server.purge(again, doubtful_too=True)).removed == 1
    assert "Async.VDI.checksum" not in server.called  # nobody wants to know


async def test_what_is_written_to_while_its_sum_is_computed_is_doubtful(server: Server) -> None:
    source = keep(server, sum="s")
    server.meanwhile = lambda: server.site.madrid.set(source, physical_utilisation=7)
    assert await server.purge(source) == Purged(0, (), (source,))


@pytest.mark.parametrize("doubtful_too", [False, True])
async def test_what_changes_between_two_looks_goes_only_if_it_is_wanted_all_the_same(doubtful_too: bool) -> None:
    class Changing(Server):
        async def call(self, method: str, *params: Any, **options: Any) -> Any:
            answer = await super().call(method, *params, **options)
            if method == "VDI.get_record" and self.called.count(method) == 1:
                self.site.madrid.set(params[0], physical_utilisation=7)
            return answer

    server = Changing(TwoPools())
    source = keep(server)
    expected = Purged(1, ()) if doubtful_too else Purged(0, (), (source,))
    assert await server.purge(source, doubtful_too=doubtful_too) == expected


@pytest.mark.parametrize(("uuid", "removed"), [("", 0), ("its own", 1)])
async def test_of_two_with_one_note_neither_goes(server: Server, uuid: str, removed: int) -> None:
    """Notes of earlier versions do not name their disk, and a copy has name and note of its source."""
    source = keep(server) if uuid else keep(server, uuid="")
    config = server.site.madrid.get(source).other_config
    copy = server.site.madrid.disk(server.site.m_nfs, name="files 0 [kept]", physical_utilisation=5)
    server.site.madrid.set(copy, other_config=config)
    assert (await server.purge(source)).removed == removed
    assert (await server.purge(copy)).removed == 0
    server.site.madrid.remove(copy)
    if not uuid:
        assert (await server.purge(source)).removed == 1


async def test_who_holds_a_disk_as_its_server_has_it_now(server: Server) -> None:
    """One whose VM is gone when it is looked at, or that is gone itself, might be anybody's."""
    a, source = server.site.madrid, keep(server)
    assert await read_disk(server, VdiRef("OpaqueRef:gone")) is None  # type: ignore[arg-type]
    vbd = a.attach(server.site.web, source, currently_attached=False)
    a.set(server.site.sleeper, suspend_VDI=source)

    async def held() -> set[tuple[str, str]]:
        disk = await read_disk(server, source)  # type: ignore[arg-type]
        assert disk is not None
        return {(str(holder.hold), holder.name) for holder in disk.holders}

    both = {("kept source", "files 0"), ("memory", "sleeper")}
    assert await held() == both | {("VM", "web")}
    a.set(vbd, VM="OpaqueRef:gone")
    assert await held() == both | {("unknown", "")}
    a.remove(vbd)
    a.set(source, VBDs=[vbd])
    assert await held() == both | {("unknown", "")}
    a.set(source, VBDs=[])
    assert await held() == both
