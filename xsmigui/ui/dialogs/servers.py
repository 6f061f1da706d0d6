"""Adding a server, and its password."""

from collections.abc import Awaitable, Callable

from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QWidget

from xsmigui.core.addresses import BadAddress, normal_url
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.ports import Address
from xsmigui.core.text import _
from xsmigui.services.server_states import AlreadyConnected, Declined
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.scope import Scope
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Paragraph, explain, hint

Connect = Callable[[Address, str], Awaitable[object]]


class AddServerDialog(Sheet):
    """Asks for a server and connects to it; stays open, with the reason, where that fails."""

    def __init__(self, parent: QWidget | None, connect: Connect, keyring: bool, url: str = "") -> None:
        super().__init__(parent, _("Add a server"), "addServerDialog")
        self._connect = connect
        self._scope = Scope(self, self._show_error)
        self.setMinimumWidth(460)
        self.server = QLineEdit(url)
        self.server.setPlaceholderText(_("Name or address of the coordinator"))
        explain(self.server, _("Name or address of the pool's coordinator, or of a standalone host"))
        named(self.server, "serverEdit", _("Server"))
        self.user = QLineEdit("root")
        named(self.user, "userEdit", _("User name"))
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        named(self.password, "passwordEdit", _("Password"))
        form = QFormLayout()
        form.setSpacing(STEP)
        form.addRow(_("&Server"), self.server)
        form.addRow(_("&User name"), self.user)
        form.addRow(_("&Password"), self.password)
        self.body.addLayout(form)
        kept = _("The password is stored in this desktop's keyring.")
        asked = _("This desktop has no keyring: the password is not stored, and you are asked for it each time.")
        self.body.addWidget(hint(kept if keyring else asked))
        self.state = Paragraph()
        self.state.setObjectName("addServerState")
        self.state.hide()
        self.body.addWidget(self.state)
        self.go = self.finish(_("Connect"), _("Cancel"), "connectButton")
        self.buttons.accepted.disconnect(self.accept)
        self.buttons.accepted.connect(self._try)
        self.server.textChanged.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        ready = bool(self.server.text().strip())
        self.go.setEnabled(ready)
        self.go.setToolTip("" if ready else _("Type a server first."))

    def _try(self) -> None:
        try:
            url = normal_url(self.server.text())
        except BadAddress as wrong:
            self._say(str(wrong))
            self.server.setFocus()
            return
        self._busy(True)
        self._say(_("Connecting to {url}…", url=url))
        self._scope.spawn(self._work(Address(url, self.user.text().strip() or "root")), "connect")

    async def _work(self, address: Address) -> None:
        try:
            await self._connect(address, self.password.text())
        except Declined:
            self._say(_("Not connected: its certificate is not trusted."))
        except AlreadyConnected as error:
            self._say(_("{pool} is already connected.", pool=str(error)))
        except WIRE_ERRORS as error:
            self._say(" ".join(part for part in sentence(error) if part))
        else:
            self.accept()
            return
        self._busy(False)

    def _busy(self, yes: bool) -> None:
        for widget in (self.server, self.user, self.password, self.go):
            widget.setEnabled(not yes)
        if not yes:
            self.password.setFocus()
            self.password.selectAll()

    def _say(self, words: str) -> None:
        self.state.setText(words)
        self.state.show()
        self.grow()

    def _show_error(self, error: BaseException) -> None:
        self._busy(False)
        self._say(" ".join(sentence(error)) if isinstance(error, Exception) else str(error))

    def done(self, result: int) -> None:
        self._scope.cancel()
        super().done(result)


async def ask_password(parent: QWidget | None, address: Address, message: str) -> str | None:
    """The password for a server; None if it is not given."""
    sheet = Sheet(parent, _("Password for {url}", url=address.url), "passwordDialog")
    sheet.setMinimumWidth(420)
    sheet.text(message)
    password = QLineEdit()
    password.setEchoMode(QLineEdit.EchoMode.Password)
    named(password, "passwordEdit", _("Password"))
    sheet.body.addWidget(password)
    sheet.finish(_("Connect"), _("Don't connect"), "connectButton")
    password.setFocus()
    accepted = await opened(sheet) == QDialog.DialogCode.Accepted
    return password.text() if accepted else None
