"""Before/after bars of space and memory: used, incoming, free."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from xsmigui.core.capacity import Account
from xsmigui.core.text import _
from xsmigui.core.units import size
from xsmigui.ui.style import ACCENT, STEP


def words(account: Account) -> str:
    """``nfs: used 3.2 TiB · incoming 0.6 TiB · free afterwards 1.3 TiB``"""
    used = max(0, account.total - account.free)
    return _(
        "{name}: used {used} · incoming {incoming} · free afterwards {after}",
        name=account.name,
        used=size(used),
        incoming=size(account.incoming),
        after=size(account.after),
    )


class Bar(QWidget):
    """One account as a bar with its words below."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account
        self.setAccessibleName(words(account))
        self.setToolTip(words(account))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(30 * STEP, self.fontMetrics().height() + STEP + 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        account = self.account
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = float(self.width()), float(STEP)
        total = max(account.total, account.total - account.free + account.incoming, 1)
        used = (account.total - account.free) / total * width
        incoming = account.incoming / total * width
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().midlight())
        painter.drawRoundedRect(QRectF(0, 0, width, height), 3, 3)
        painter.setBrush(self.palette().dark())
        painter.drawRoundedRect(QRectF(0, 0, used, height), 3, 3)
        painter.setBrush(QColor("#c0392b") if account.after < 0 else ACCENT)
        painter.drawRect(QRectF(used, 0, incoming, height))
        painter.setPen(self.palette().windowText().color())
        painter.drawText(
            QRectF(0, height + 2, width, self.height() - height - 2),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            self.fontMetrics().elidedText(words(account), Qt.TextElideMode.ElideRight, int(width)),
        )


class Bars(QWidget):
    """The bars of several accounts, one below the other."""

    def __init__(self, object_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(object_name)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(STEP // 2)
        self._shown: tuple[Account, ...] = ()

    def show_accounts(self, accounts: tuple[Account, ...]) -> None:
        if accounts == self._shown:
            return
        self._shown = accounts
        while (item := self._layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for account in accounts:
            self._layout.addWidget(Bar(account))
