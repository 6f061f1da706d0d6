"""From the services to the window: changes are gathered for a moment and handed on once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from xsmigui.core import outline as tree
from xsmigui.core.changes import Delta, merged
from xsmigui.core.outline import Outline
from xsmigui.core.outline_nodes import ServerView, View, server_node
from xsmigui.core.outline_types import Typed, by_type
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.services.connections import Connections
from xsmigui.services.server_states import Server
from xsmigui.services.store import Change, Store

GATHER: Final = 60
"""Milliseconds for which changes are gathered."""

LARGE: Final = 100
"""From so many VMs on, a pool's part of the tree is made in a thread: the window must not wait for it."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What makes the next outline: all of it anew, or servers that changed (before, now) and pools that did."""

    anew: tuple[ServerView, ...] | None = None
    servers: tuple[tuple[ServerView | None, ServerView | None], ...] = ()
    pools: tuple[tuple[ServerView, Delta], ...] = ()
    deltas: Mapping[PoolId, Delta] = field(default_factory=dict)

    @property
    def is_heavy(self) -> bool:
        """It makes many lines of a large pool."""
        views = [*(self.anew or ()), *(now for _before, now in self.servers if now is not None)]
        views += [view for view, delta in self.pools if delta.whole]
        return any(view.inventory is not None and len(view.inventory.VM) > LARGE for view in views)

    def outline(self, outline: Outline, view: View) -> Outline:
        """The next outline; pure, so that a thread may make it."""
        if self.anew is not None:
            return tree.build(self.anew, view)
        for before, now in self.servers:
            if now is not None:
                outline = _with_server(outline, before, now, view)
            elif before is not None:
                outline = tree.without(outline, before)
        for server, delta in self.pools:
            outline = tree.updated(outline, server, delta, view)
        return outline


class Bridge(QObject):
    """Keeps the outline up to date and tells which pools have changed. `view` is how it is to be looked at, `shown` how
    the last one that was handed on was made."""

    outline_changed = Signal(object)
    """The new `Outline`, by server or by type."""

    pools_changed = Signal(object)
    """A dict of `PoolId` to `Delta`: what has changed since the last time."""

    servers_changed = Signal()

    def __init__(self, store: Store, connections: Connections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._connections = connections
        self._views: dict[str, ServerView] = {}
        self._deltas: dict[PoolId, Delta] = {}
        self._stale: set[str] = set()
        self._anew = False
        self._aside: asyncio.Task[None] | None = None
        self.view = View()
        self.outline = Outline()
        self.shown = self.view
        self._typed: Typed | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(GATHER)
        self._timer.timeout.connect(self.flush)
        self._leave = (store.subscribe(self._pool_changed), connections.subscribe(self._server_changed))

    def begin(self) -> None:
        """Show what is known already."""
        self._anew = True
        self.flush()

    def stop(self) -> None:
        """Hear of nothing more."""
        self._timer.stop()
        for leave in self._leave:
            leave()

    def look(self, view: View) -> None:
        """Show the tree in another way; at once, since somebody is typing."""
        before, self.view = self.view, view
        if view == replace(before, by_type=view.by_type):
            if view != before:
                self._show()
        else:
            self._anew = True
            self.flush()

    def _show(self) -> None:
        """Hand the outline on as it is looked at."""
        if not self.view.by_type:
            self._typed = None
            self.outline_changed.emit(self.outline)
            return
        self._typed = by_type(self.outline, bool(self.shown.search), self._typed)
        self.outline_changed.emit(self._typed.outline)

    def mark_arriving(self, arriving: Mapping[ObjectId, str]) -> None:
        """Show these VMs as arriving, with the pool they come from; and those that no longer do as what they are."""
        before = self.view.arriving
        changed = [key for key in {*before, *arriving} if before.get(key) != arriving.get(key)]
        if not changed:
            return
        self.view = replace(self.view, arriving=dict(arriving))
        for key in changed:
            delta = Delta(changed={"VM": frozenset({key.ref})})
            self._deltas[key.pool] = merged(self._deltas.get(key.pool, Delta()), delta)
        self._start()

    def _pool_changed(self, change: Change) -> None:
        self._deltas[change.pool] = merged(self._deltas.get(change.pool, Delta()), change.delta)
        self._start()

    def _server_changed(self, server: Server) -> None:
        self._stale.add(server.address.url)
        self._start()

    def _start(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Hand on what was gathered: at once, or as soon as a thread has made the lines of a large pool."""
        self._timer.stop()
        if self._aside is not None:
            return  # what comes meanwhile is gathered, and handed on after it
        work = self._gathered()
        if work.is_heavy:
            self._aside = asyncio.get_running_loop().create_task(self._make_aside(work), name="outline")
        else:
            self._hand_on(work, work.outline(self.outline, self.view), self.view)

    async def _make_aside(self, work: _Work) -> None:
        view = self.view
        made = await asyncio.to_thread(work.outline, self.outline, view)
        self._aside = None
        self._hand_on(work, made, view)
        if self._deltas or self._stale or self._anew:
            self.flush()

    def _gathered(self) -> _Work:
        deltas, self._deltas = self._deltas, {}
        stale, self._stale = self._stale, set()
        anew, self._anew = self._anew, False
        known = {server.address.url: self._connections.view(server) for server in self._connections.servers()}
        before, self._views = self._views, known
        pools = {view.inventory.id: view for view in known.values() if view.inventory is not None}
        return _Work(
            tuple(known.values()) if anew else None,
            tuple((before.get(url), known.get(url)) for url in stale),
            tuple(
                (pools[pool], delta)
                for pool, delta in deltas.items()
                if pool in pools and not (pools[pool].key in stale and delta.whole)
            ),
            deltas,
        )

    def _hand_on(self, work: _Work, outline: Outline, view: View) -> None:
        self.shown = view
        if outline is not self.outline:
            self.outline = outline
            self._show()
        if work.deltas:
            self.pools_changed.emit(dict(work.deltas))
        if work.servers:
            self.servers_changed.emit()


def _with_server(outline: Outline, before: ServerView | None, now: ServerView, view: View) -> Outline:
    """The outline with a server as it is now. Where only its state in words changed, only its line is new."""
    if before is not None and before.inventory is now.inventory and before.link is now.link:
        node = server_node(now)
        if node.id in outline.nodes and outline.nodes[node.id].order == node.order:
            return replace(outline, nodes={**outline.nodes, node.id: node})
    return tree.replaced(outline, now, view, before)
