"""What a dialog that makes a plan shows while one of its pools is lost."""

from collections.abc import Callable, Iterable

from PySide6.QtWidgets import QDialog, QVBoxLayout

from xsmigui.core.outline_nodes import Link
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _
from xsmigui.services.connections import Connections
from xsmigui.services.server_states import Server
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import named
from xsmigui.ui.window.header import Notice


class LostPools(Notice):
    """A line above a dialog's buttons on the pools of its draft that are not connected, and when that is tried again.
    The draft stays as it is; the dialog goes on with it by itself once they are back."""

    def __init__(
        self, dialog: QDialog, icons: Icons, connections: Connections, pools: Callable[[], Iterable[PoolId | None]]
    ) -> None:
        super().__init__(icons, self._try)
        named(self, "lostPools", _("Connection"))
        self.words.setObjectName("lostPoolsWords")
        named(self.button, "lostPoolsTryButton", _("Connect now"))
        self.button.setAutoDefault(False)
        self._connections = connections
        self._pools = pools
        layout = dialog.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(layout.count() - 1, self)
        leave = connections.subscribe(lambda _server: self.refresh())
        dialog.finished.connect(lambda _result: leave())
        self.refresh()

    def _lost(self) -> list[Server]:
        pools = set(self._pools()) - {None}
        return [s for s in self._connections.servers() if s.pool in pools and s.link is not Link.connected]

    def refresh(self) -> None:
        """Show how the connections stand at this moment."""
        lost = self._lost()
        how = [
            _("{pool} is not connected: {how}.", pool=server.name, how=server.short)
            if server.short
            else _("{pool} is not connected.", pool=server.name)
            for server in lost
        ]
        words = " ".join([*how, _("Nothing can be started until it is back; your choices stay.")])
        can_try = any(server.link in (Link.closed, Link.failed, Link.waiting) for server in lost)
        self.show_words(words if lost else "", can_try)

    def _try(self) -> None:
        for server in self._lost():
            self._connections.open(server.address.url)
