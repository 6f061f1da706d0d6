"""From the services to the window: gathered, handed on once, and never less than what happened."""

from collections.abc import Callable

import pytest

from tests.core.site import PoolBuilder, TwoPools
from tests.holding import until
from tests.ui.driving import driven
from xsmigui.core.changes import Delta, Event, merged
from xsmigui.core.outline import Outline, build
from xsmigui.core.outline_nodes import Link, ServerView, View
from xsmigui.core.ports import Address
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.services.server_states import Server
from xsmigui.services.store import Store
from xsmigui.ui import bridge as module
from xsmigui.ui.bridge import Bridge


class Servers:
    """Connections without a wire."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._servers: dict[str, Server] = {}
        self._listeners: list[Callable[[Server], None]] = []

    def servers(self) -> list[Server]:
        return list(self._servers.values())

    def view(self, server: Server) -> ServerView:
        inventory = self._store.inventory(server.pool) if server.pool else None
        return ServerView(server.address.url, server.name, server.link, server.detail, inventory)

    def subscribe(self, listener: Callable[[Server], None]) -> None:
        self._listeners.append(listener)

    def set(self, url: str, link: Link, detail: str = "", pool: PoolId | None = None) -> None:
        self._servers[url] = Server(Address(url), url, link, detail, pool)
        self._tell(self._servers[url])

    def drop(self, url: str) -> None:
        self._tell(self._servers.pop(url))

    def _tell(self, server: Server) -> None:
        for listener in self._listeners:
            listener(server)


class Desk:
    """A bridge with what it hears and says."""

    def __init__(self) -> None:
        self.store = Store()
        self.servers = Servers(self.store)
        self.bridge = Bridge(self.store, self.servers)  # type: ignore[arg-type]
        self.outlines: list[Outline] = []
        self.deltas: list[dict[PoolId, Delta]] = []
        self.links: list[bool] = []
        self.bridge.outline_changed.connect(self.outlines.append)
        self.bridge.pools_changed.connect(self.deltas.append)
        self.bridge.servers_changed.connect(lambda: self.links.append(True))

    def load(self, pool: PoolBuilder) -> None:
        self.servers.set(pool.key, Link.connected, "", pool.id)
        self.store.put(pool.inventory())

    def fresh(self) -> Outline:
        return build([self.servers.view(s) for s in self.servers.servers()], self.bridge.view)

    def is_true(self) -> bool:
        fresh = self.fresh()
        return (self.bridge.outline.nodes, self.bridge.outline.children) == (fresh.nodes, fresh.children)


def changed(pool: PoolBuilder, ref: str) -> Event:
    cls = ref.split("/")[1]
    return Event(cls, ref, pool.inventory().tables[cls][ref])


@driven
async def test_what_happens_within_a_moment_is_handed_on_once() -> None:
    desk, site = Desk(), TwoPools()
    desk.load(site.madrid)
    desk.load(site.lisboa)
    assert not desk.outlines
    await until(lambda: desk.outlines)
    assert len(desk.outlines) == len(desk.deltas) == len(desk.links) == 1
    assert set(desk.deltas[0]) == {site.madrid.id, site.lisboa.id}
    assert desk.is_true()
    for name in ("one", "two", "three"):
        site.madrid.set(site.web, name_label=name)
        desk.store.apply(site.madrid.id, [changed(site.madrid, site.web)])
    site.madrid.set(site.db, name_label="renamed")
    desk.store.apply(site.madrid.id, [changed(site.madrid, site.db)])
    await until(lambda: len(desk.outlines) == 2)
    assert desk.deltas[1][site.madrid.id].refs("VM") == {site.web, site.db}
    assert desk.is_true()
    assert len(desk.links) == 1


@driven
async def test_states_of_servers() -> None:
    desk, site = Desk(), TwoPools()
    desk.servers.set("Madrid", Link.connecting)
    desk.bridge.flush()
    key = ObjectId(PoolId(""), "server", "Madrid")
    assert desk.bridge.outline.nodes[key].icon == "pool-connecting"
    desk.load(site.madrid)
    desk.bridge.flush()
    assert key not in desk.bridge.outline.nodes
    top = ObjectId(site.madrid.id, "pool", site.madrid.ref)
    desk.servers.set("Madrid", Link.waiting, "trying again in 2 s", site.madrid.id)
    desk.store.disconnected(site.madrid.id)
    desk.bridge.flush()
    assert desk.bridge.outline.nodes[top].dimmed
    rest = {k: n for k, n in desk.bridge.outline.nodes.items() if k != top}
    desk.servers.set("Madrid", Link.waiting, "trying again in 1 s", site.madrid.id)
    desk.bridge.flush()
    assert desk.bridge.outline.nodes[top].state == "trying again in 1 s"
    assert all(desk.bridge.outline.nodes[k] is n for k, n in rest.items())
    desk.servers.set("Madrid", Link.connected, "", site.madrid.id)
    desk.bridge.flush()
    assert not desk.bridge.outline.nodes[top].dimmed
    assert desk.is_true()
    desk.servers.drop("Madrid")
    desk.store.remove(site.madrid.id)
    desk.bridge.flush()
    assert not desk.bridge.outline.nodes


@driven
async def test_a_search_is_shown_at_once() -> None:
    desk, site = Desk(), TwoPools()
    desk.load(site.madrid)
    desk.bridge.flush()
    desk.bridge.look(View(search="db"))
    assert len(desk.outlines) == 2
    assert desk.is_true()
    assert ObjectId(site.madrid.id, "VM", site.web) not in desk.bridge.outline.nodes
    desk.bridge.look(View(search="db"))
    assert len(desk.outlines) == 2
    site.madrid.set(site.web, name_label="db too")
    desk.store.apply(site.madrid.id, [changed(site.madrid, site.web)])
    desk.bridge.flush()
    assert ObjectId(site.madrid.id, "VM", site.web) in desk.bridge.outline.nodes


@driven
async def test_an_event_that_changes_no_line_makes_no_outline() -> None:
    desk, site = Desk(), TwoPools()
    desk.load(site.madrid)
    desk.bridge.flush()
    site.madrid.set(site.web, tags=["quiet"])
    desk.store.apply(site.madrid.id, [changed(site.madrid, site.web)])
    desk.bridge.flush()
    assert len(desk.outlines) == 1
    assert len(desk.deltas) == 2


@driven
async def test_a_large_pool_is_made_aside_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LARGE", 3)
    desk, site = Desk(), TwoPools()
    desk.load(site.madrid)
    desk.bridge.flush()
    assert not desk.outlines
    site.madrid.set(site.web, name_label="renamed meanwhile")
    desk.store.apply(site.madrid.id, [changed(site.madrid, site.web)])
    desk.load(site.lisboa)
    desk.bridge.look(View(search="renamed"))
    await until(lambda: desk.is_true() and len(desk.deltas) >= 2)
    heard = set().union(*(d[site.madrid.id].refs("VM") for d in desk.deltas if site.madrid.id in d))
    assert site.web in heard or any(d[site.madrid.id].whole for d in desk.deltas if site.madrid.id in d)
    desk.bridge.look(View())
    await until(desk.is_true)
    site.madrid.remove(site.db)
    desk.store.apply(site.madrid.id, [Event("VM", site.db, None)])
    await until(lambda: ObjectId(site.madrid.id, "VM", site.db) not in desk.bridge.outline.nodes)
    assert desk.is_true()


def test_deltas_are_joined() -> None:
    one = Delta({"VM": frozenset("a")}, {"SR": frozenset("s")}, {})
    other = Delta({"VM": frozenset("b")}, {}, {"VM": frozenset("a")}, whole=True)
    both = merged(one, other)
    assert both.added == {"VM": frozenset("ab")}
    assert both.refs("VM") == frozenset("ab")
    assert both.refs("SR") == frozenset("s")
    assert both.whole
