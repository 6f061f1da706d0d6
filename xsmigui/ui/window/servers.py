"""What may be done with servers from the window: add, connect, disconnect, remove."""

from collections.abc import Iterable

from PySide6.QtWidgets import QWidget

from xsmigui.core.job_texts import disconnecting
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address
from xsmigui.core.preferences import Server as Remembered
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _
from xsmigui.services.server_states import Server
from xsmigui.ui.dialogs.base import ask, opened
from xsmigui.ui.dialogs.servers import AddServerDialog
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.services import Services
from xsmigui.ui.window.tree import ResourceTree


class ServerCommands:
    """The commands of the Server menu, on the server that is selected in the tree."""

    def __init__(self, window: QWidget, services: Services, scope: Scope, tree: ResourceTree) -> None:
        self._window = window
        self._services = services
        self._scope = scope
        self._tree = tree

    def reasons(self) -> dict[str, str]:
        server = self.current()
        if server is None:
            none = _("Select a server or something of it first.")
            return dict.fromkeys(("actionConnect", "actionDisconnect", "actionRemoveServer"), none)
        open_ = server.link not in (Link.closed, Link.failed)
        why = ""
        if server.link is Link.connected:
            why = _("{name} is already connected.", name=server.name)
        elif server.link in (Link.connecting, Link.loading, Link.asking):
            why = _("{name} is just being connected.", name=server.name)
        return {
            "actionConnect": why,
            "actionDisconnect": "" if open_ else _("{name} is not connected.", name=server.name),
            "actionRemoveServer": "",
        }

    def of(self, key: ObjectId) -> Server | None:
        for server in self._services.connections.servers():
            if (key.cls == "server" and server.address.url == key.ref) or (server.pool and server.pool == key.pool):
                return server
        return None

    def current(self) -> Server | None:
        keys = self._tree.selected()
        return self.of(keys[0]) if keys else None

    def remember(self, server: Server) -> None:
        """Keep a server that has been connected, so that it is connected again at the next start."""
        if server.link is Link.connected and server.pool:
            wanted = _remembered(server, connect=True)
            if wanted not in self._services.preferences.now.servers:
                self._services.preferences.remember(wanted)

    def add(self) -> None:
        self._scope.spawn(self._adding(), "add-server")

    async def _adding(self) -> None:
        async def connect(address: Address, password: str) -> object:
            return await self._services.connections.add(address, password)

        dialog = AddServerDialog(self._window, connect, self._services.has_keyring())
        await opened(dialog)

    def connect(self) -> None:
        server = self.current()
        if server is not None:
            self._services.connections.open(server.address.url)

    def disconnect(self) -> None:
        server = self.current()
        if server is not None:
            self._scope.spawn(self._closing(server))

    async def _closing(self, server: Server) -> None:
        text = self._under_way(server)
        if text and not await ask(self._window, _("Disconnect"), text, _("Disconnect"), _("Stay connected")):
            return
        await self._services.connections.close(server.address.url)
        self._services.preferences.remember(_remembered(server, connect=False))

    def remove(self) -> None:
        server = self.current()
        if server is not None:
            self._scope.spawn(self._removing(server), "remove-server")

    async def _removing(self, server: Server) -> None:
        question = _(
            "{name} will be disconnected and removed from the list, together with its password. Nothing changes"
            " on the server.",
            name=server.name,
        )
        question = " ".join(part for part in (self._under_way(server), question) if part)
        if await ask(self._window, _("Remove a server"), question, _("Remove"), _("Keep it")):
            await self._services.connections.remove(server.address.url)
            self._services.preferences.forget(server.address.url)

    def _under_way(self, server: Server) -> str:
        """What disconnecting means for the jobs that are under way there; empty if there are none."""
        if server.pool is None:
            return ""
        return disconnecting(self._services.jobs.under_way(server.pool), server.name)

    def activate(self) -> None:
        server = self.current()
        if server is not None and server.link in (Link.closed, Link.failed, Link.waiting):
            self.connect()

    def lost(self, key: ObjectId) -> tuple[str, bool]:
        """How the connection to an object's pool stands where it is lost, and whether it can be tried again now."""
        server = self.of(key)
        if server is None or server.link is Link.connected:
            return "", False
        detail = server.detail or link_text(server)
        return _("{pool} is not connected: {how}", pool=server.name, how=detail), can_try(server)

    def lost_of(self, keys: Iterable[ObjectId]) -> tuple[str, bool]:
        """The same of several objects: of the first of their pools that is lost."""
        of_pools = {key.pool: key for key in keys}.values()
        return next((found for key in of_pools if (found := self.lost(key))[0]), ("", False))


def can_try(server: Server) -> bool:
    """It may be connected now."""
    return server.link in (Link.closed, Link.failed, Link.waiting)


def _remembered(server: Server, connect: bool) -> Remembered:
    return Remembered(server.address.url, server.address.user, server.name, connect, dict(server.members))


def link_text(server: Server) -> str:
    """How a server that is not loaded stands, in words."""
    words = {
        Link.connecting: _("Connecting…"),
        Link.loading: _("Loading…"),
        Link.asking: _("Waiting for your decision"),
        Link.closed: _("Not connected. Choose “Connect” in the Server menu, or double-click it."),
    }
    return server.detail or words.get(server.link, "")
