"""The way in: the first load, changes, lost deletions, broken connections; tasks awaited through it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.holding import Hold, LateEvents, until
from tests.proxy import Proxy
from tests.simulated import Simulated
from tests.xapi.conftest import Login
from xsmigui.core.changes import Event, apply
from xsmigui.core.failures import ServerFailure, SessionLost, Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.records import CLASSES, Task
from xsmigui.simulator.failures import Failure
from xsmigui.xapi import feed
from xsmigui.xapi.connection import Connection
from xsmigui.xapi.transport import EventBatch


class Listener:
    """Keeps the inventory as the services would."""

    def __init__(self) -> None:
        self.inventory: Inventory | None = None
        self.loads = 0
        self.events: list[Event] = []

    def loaded(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.loads += 1

    def changed(self, events: list[Event]) -> None:
        assert self.inventory is not None
        self.events += events
        self.inventory, _delta = apply(self.inventory, events)

    def name(self, ref: str) -> str:
        return self.inventory.name_of("VM", ref) if self.inventory else ""


@contextlib.asynccontextmanager
async def following(connection: Connection) -> AsyncIterator[tuple[Listener, "asyncio.Task[None]"]]:
    listener = Listener()
    task = asyncio.create_task(connection.follow(listener))
    try:
        await until(lambda: listener.loads or task.done())
        yield listener, task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()


async def test_everything_is_loaded_then_changes_follow(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection) as (listener, _task):
        assert listener.inventory is not None
        assert listener.inventory.name == "Madrid"
        for cls in CLASSES:
            if cls != "task":
                kept = site.run(lambda c=cls: list(pool.pool.db.table(c)) if c in pool.pool.db.tables else [])
                assert listener.inventory.tables[cls].keys() == set(kept)  # empty where the release lacks the class
        vm = site.vm(pool, "web-01")
        await connection.call("VM.set_name_label", vm, "web-first")
        await until(lambda: listener.name(vm) == "web-first")
        copy = await connection.call("VM.clone", site.vm(pool, "intranet-old"), "clone")
        await until(lambda: listener.name(copy) == "clone")
        await connection.call("VM.destroy", copy)
        await until(lambda: listener.inventory and copy not in listener.inventory.VM)
        assert listener.loads == 1


async def test_the_token_comes_first_and_changes_during_the_load_are_not_lost(
    site: Simulated, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    vm, gone = site.vm(pool, "web-01"), site.vm(pool, "install-in-progress")
    transport = connection._transport
    order: list[str] = []
    call, records = transport.call, transport.records

    async def seen_call(method: str, params: list[Any], deadline: float) -> Any:
        order.append(method)
        return await call(method, params, deadline)

    async def slow_records(session: str, cls: str, deadline: float) -> Any:
        order.append(cls)
        rows = await records(session, cls, deadline)
        if cls == "VM":  # the table is read; now it changes, before the first event.from
            await asyncio.to_thread(site.call, pool, "VM.set_name_label", vm, "changed meanwhile")
            await asyncio.to_thread(site.call, pool, "VM.destroy", gone)
        return rows

    monkeypatch.setattr(transport, "call", seen_call)
    monkeypatch.setattr(transport, "records", slow_records)
    async with following(connection) as (listener, _task):
        assert order[:2] == ["pool.get_all", "event.inject"]
        await until(lambda: listener.name(vm) == "changed meanwhile")
        await until(lambda: listener.inventory and gone not in listener.inventory.VM)


async def test_lost_deletions_are_found_by_counting(
    site: Simulated, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "POLL_S", 0.1)
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection) as (listener, _task):
        site.run(lambda: setattr(pool.pool.events, "losing", True))
        gone = site.vm(pool, "install-in-progress")
        site.lets_go_of("install-in-progress")
        await connection.call("VM.destroy", gone)
        await until(lambda: listener.inventory and gone not in listener.inventory.VM)
        assert [e for e in listener.events if e.ref == gone and e.record is None]
        kept = site.run(lambda: list(pool.pool.db.table("VM")))
        assert listener.inventory is not None
        assert listener.inventory.VM.keys() == set(kept)
        assert listener.loads == 1  # only what differed was fetched again


async def test_one_answer_that_disagrees_is_no_reason_to_fetch(
    site: Simulated, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await login(site["Madrid"])
    fetched: list[str] = []

    async def records(_session: str, cls: str, _deadline: float) -> Any:
        fetched.append(cls)
        return {}

    monkeypatch.setattr(connection._transport, "records", records)
    own = feed.Feed(connection._transport, "", Listener(), lambda _event: None)
    own._refs = {"VM": {"a"}, "task": set()}
    assert await own._corrections({"vm": 2, "task": 0}) == []
    assert await own._corrections({"vm": 1}) == []
    assert await own._corrections({"vm": 0}) == []
    assert await own._corrections({"vm": 0}) == [Event("VM", "a", None)]
    assert fetched == ["VM"]


async def test_a_cut_socket_ends_the_feed_and_the_owner_decides(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    async with Proxy(pool.url) as proxy:
        connection = await login(pool, proxy.url)
        async with following(connection) as (listener, task):
            # Cut while event.from waits: a socket that ends between two calls is opened again.
            await until(lambda: site.run(lambda: bool(pool.pool.db._waiting)))
            proxy.cut()
            with pytest.raises(Unreachable) as caught:
                await task
            assert caught.value.call == "event.from"
            assert listener.loads == 1
    assert site.run(lambda: len(pool.pool.sessions.live)) == 1  # it did not log in again by itself


async def test_a_session_that_ends_wakes_the_feed(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection) as (_listener, task):
        reference = connection._session
        site.run(lambda: pool.pool.sessions.end(reference))
        with pytest.raises(SessionLost) as caught:
            await asyncio.wait_for(task, 100)
        assert reference not in repr(caught.value)


@pytest.mark.parametrize("end", ["drop", "logout"])
async def test_dropping_does_not_wait_for_the_feed(site: Simulated, login: Login, end: str) -> None:
    connection = await login(site["Madrid"])
    async with following(connection) as (_listener, task):
        await asyncio.wait_for(getattr(connection, end)(), 3)
        with pytest.raises((Unreachable, SessionLost)):
            await asyncio.wait_for(task, 3)


async def test_cancelling_leaves_nothing_behind(site: Simulated, login: Login) -> None:
    connection = await login(site["Madrid"])
    async with following(connection) as (_listener, task):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await connection.call("pool.get_all")


async def test_many_rows_are_decoded_aside(login: Login) -> None:
    with Simulated.start("scale", vms=300) as site:
        connection = await login(site.pools[0])
        async with following(connection) as (listener, _task):
            assert listener.inventory is not None
            rows = site.run(lambda: len(site.pools[0].pool.db.table("VM")))
            assert len(listener.inventory.VM) == rows
            site.run(lambda: [site.pools[0].pool.db.touch("VM", ref) for ref in site.pools[0].pool.db.table("VM")])
            await until(lambda: len({e.ref for e in listener.events if e.cls == "VM"}) == rows)
        await connection.logout()


# Tasks.


def move(site: Simulated, name: str, host: str) -> list[Any]:
    pool = site["Madrid"]
    return [site.vm(pool, name), site.call(pool, "host.get_by_name_label", host)[0], {"live": "true"}]


async def test_a_task_is_awaited_through_the_feed(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection):
        hold = Hold(site, free=8)
        task = await connection.call("Async.VM.pool_migrate", *move(site, "web-01", "madrid-02"))
        seen: list[Task] = []
        waiting = asyncio.ensure_future(connection.wait_for_task(task, seen.append))
        await hold.until_held()
        await until(lambda: seen and seen[-1].progress > 0.1)
        looks = site.run(lambda: pool.pool.faults.add("task.get_record", times=0))
        hold.release()
        record = await asyncio.wait_for(waiting, 100)
        assert record.status == "success"
        assert [t.status for t in seen][-1] == "success"
        assert looks.seen == 0  # the end was heard of, not asked for
        assert connection._waiting == {}


async def test_without_a_feed_a_finished_task_is_looked_at_once(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    task = await connection.call("Async.VM.pool_migrate", *move(site, "web-01", "madrid-02"))
    await until(lambda: site.run(lambda: pool.pool.db.row("task", task)["status"]) == "success")
    assert (await connection.wait_for_task(task)).status == "success"


async def test_a_task_that_is_gone_already(site: Simulated, login: Login) -> None:
    connection = await login(site["Madrid"])
    with pytest.raises(ServerFailure) as caught:
        await connection.wait_for_task("OpaqueRef:gone")
    assert caught.value.code == "HANDLE_INVALID"
    assert connection._waiting == {}


async def test_a_task_that_somebody_destroys_meanwhile(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection):
        hold = Hold(site, free=2)
        task = await connection.call("Async.VM.pool_migrate", *move(site, "web-01", "madrid-02"))
        waiting = asyncio.ensure_future(connection.wait_for_task(task))
        await hold.until_held()
        await asyncio.to_thread(site.call, pool, "task.destroy", task)
        hold.release()
        with pytest.raises(ServerFailure, match="HANDLE_INVALID"):
            await asyncio.wait_for(waiting, 100)


async def test_a_feed_that_breaks_wakes_who_waits_for_a_task(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    async with Proxy(pool.url) as proxy:
        connection = await login(pool, proxy.url)
        async with following(connection):
            hold = Hold(site)
            task = await connection.call("Async.VM.pool_migrate", *move(site, "web-01", "madrid-02"))
            waiting = asyncio.ensure_future(connection.wait_for_task(task))
            await hold.until_held()
            proxy.down()
            with pytest.raises(Unreachable):
                await asyncio.wait_for(waiting, 100)
            hold.release()


async def test_the_events_of_both_transports_are_the_same(site: Simulated) -> None:
    """What JSON-RPC says, XML-RPC says in the same words."""
    from xsmigui.core.ports import Address
    from xsmigui.xapi.connection import XapiWire

    pool = site["Madrid"]
    classes = [cls for cls in CLASSES if cls != "task" and cls in pool.pool.db.tables]  # those its release has
    batches: list[EventBatch] = []
    tables: list[dict[str, Any]] = []
    for xml in (False, True):
        wire = XapiWire(prefer_xml=xml)
        connection = await wire.login(Address(pool.url), pool.password, lambda _url, _shown: pool.fingerprint)
        transport, session = connection._transport, connection._session
        batches.append(await transport.events(session, "", 5))
        tables.append({cls: await transport.records(session, cls, 30) for cls in classes})
        await connection.logout()
    json, xml_ = ({(e.cls, e.ref): e.record for e in b.events if e.cls != "task"} for b in batches)
    assert json == xml_
    assert tables[0] == tables[1]
    for counts in (b.counts for b in batches):
        assert counts["host"] == 3


async def test_catching_up_means_that_everything_has_been_delivered(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    assert not await connection.catch_up(0.05), "nobody follows"
    vm = site.vm(pool, "web-01")
    async with following(connection) as (listener, _task):
        for number in range(5):
            await connection.call("VM.set_name_label", vm, f"web-{number}")
            assert await connection.catch_up(30)
            assert listener.name(vm) == f"web-{number}"
        late = LateEvents(site, "Madrid")
        await connection.call("VM.set_name_label", vm, "late")
        assert not await connection.catch_up(0.1)
        late.release()
        assert await connection.catch_up(30)
        assert listener.name(vm) == "late"


@pytest.mark.parametrize("token", ["", "no number", "-5,0", "00000000000000000009"])
async def test_tokens_that_cannot_be_compared_prove_nothing(
    site: Simulated, login: Login, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that counts in another way, or one that was restarted and counts anew: then an answer from before tells
    nothing, however large its number."""
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection):
        assert await connection.catch_up(30)
        late = LateEvents(site, "Madrid")
        monkeypatch.setattr(pool.pool.events, "inject", lambda _cls, _ref: token)
        assert not await connection.catch_up(0.1)
        late.release()


async def test_whoever_catches_up_hears_no_error(site: Simulated, login: Login) -> None:
    pool = site["Madrid"]
    connection = await login(pool)
    async with following(connection):
        site.run(lambda: pool.pool.faults.add("event.inject", failure=Failure("INTERNAL_ERROR", "no"), times=1))
        assert not await connection.catch_up(30)
        site.run(lambda: pool.pool.faults.add("event.inject", drop=True, times=1))
        assert not await connection.catch_up(30)
        assert await connection.catch_up(30)
