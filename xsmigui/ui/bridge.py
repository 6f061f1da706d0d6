"""From the services to the window: changes are gathered for a moment and handed on once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from xsmigui.core import outline as tree
from xsmigui.core.changes import Delta
from xsmigui.core.outline import Outline, ServerView, View
from xsmigui.core.refs import PoolId
from xsmigui.services.connections import Connections, Server
from xsmigui.services.store import Change, Store

GATHER: Final = 60
"""Milliseconds for which changes are gathered."""


class Bridge(QObject):
    """Keeps the outline up to date and tells which pools have changed."""

    outline_changed = Signal(object)
    """The new `Outline`."""

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
        self.view = View()
        self.outline = Outline()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(GATHER)
        self._timer.timeout.connect(self.flush)
        store.subscribe(self._pool_changed)
        connections.subscribe(self._server_changed)

    def look(self, view: View) -> None:
        """Show the tree in another way; at once, since somebody is typing."""
        if view != self.view:
            self.view = view
            self._rebuild()

    def _rebuild(self) -> None:
        self._views = {view.key: view for view in self._connections.views()}
        self.outline = tree.build(self._views.values(), self.view)
        self.outline_changed.emit(self.outline)

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
        """Hand on what was gathered."""
        self._timer.stop()
        deltas, self._deltas = self._deltas, {}
        stale, self._stale = self._stale, set()
        outline = self.outline
        servers = {server.address.url: server for server in self._connections.servers()}
        for url in stale:
            before = self._views.pop(url, None)
            if url in servers:
                view = self._connections.view(servers[url])
                self._views[url] = view
                outline = self._with_server(outline, before, view)
            elif before is not None:
                outline = tree.without(outline, before)
        for pool, delta in deltas.items():
            for url, server in servers.items():
                if server.pool == pool and not (url in stale and delta.whole):
                    view = self._views[url] = self._connections.view(server)
                    outline = tree.updated(outline, view, delta, self.view)
        if outline is not self.outline:
            self.outline = outline
            self.outline_changed.emit(outline)
        if deltas:
            self.pools_changed.emit(deltas)
        if stale:
            self.servers_changed.emit()

    def _with_server(self, outline: Outline, before: ServerView | None, view: ServerView) -> Outline:
        """The outline with a server as it is now. Where only its state in words changed, only its line is new."""
        if before is not None and before.inventory is view.inventory and before.link is view.link:
            node = tree.server_node(view)
            if node.id in outline.nodes and outline.nodes[node.id].order == node.order:
                return replace(outline, nodes={**outline.nodes, node.id: node})
        return tree.replaced(outline, view, self.view, before)


def merged(one: Delta, other: Delta) -> Delta:
    """Two deltas of a pool as one. What came and went meanwhile is in both parts: readers look at what is there now."""

    def union(a: Mapping[str, frozenset[str]], b: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {cls: a.get(cls, frozenset()) | b.get(cls, frozenset()) for cls in {*a, *b}}

    return Delta(
        union(one.added, other.added),
        union(one.changed, other.changed),
        union(one.removed, other.removed),
        one.whole or other.whole,
    )
