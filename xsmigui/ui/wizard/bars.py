"""Bars of space and memory: used now, taken by running jobs, incoming, the peak meanwhile, free afterwards."""

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from xsmigui.core.capacity import Account
from xsmigui.core.text import _
from xsmigui.core.units import size
from xsmigui.ui.style import STEP, accent, alarm, dim, edge, mixed, trough
from xsmigui.ui.words import explain


def words(account: Account) -> str:
    """``nfs: used 3.2 TiB · running jobs 0.1 TiB · incoming 0.6 TiB · at its peak 4.0 TiB · free afterwards 1.3 TiB``

    Running jobs are named where there are any, the peak where it is above what will be used in the end."""
    parts = [_("{name}: used {used}", name=account.name, used=size(account.used))]
    if account.running:
        parts.append(_("running jobs {running}", running=size(account.running)))
    parts.append(_("incoming {incoming}", incoming=size(account.incoming)))
    if account.used_at_peak > account.total - account.after:
        parts.append(_("at its peak {peak}", peak=size(account.used_at_peak)))
    if account.after < 0:
        parts.append(_("{lack} short", lack=size(-account.after)))
    else:
        parts.append(_("free afterwards {after}", after=size(account.after)))
    return " · ".join(parts)


MOST: Final = 5
"""Bars that are shown: of more accounts the fullest."""


class Bar(QWidget):
    """One account as a bar with its words below."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account
        self.setAccessibleName(words(account))
        explain(self, words(account))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(30 * STEP, self.fontMetrics().height() + STEP + 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        account = self.account
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = float(self.width()), float(STEP)
        total = max(account.total, account.used_at_peak, account.total - account.after, 1)
        used = account.used / total * width
        running = account.running / total * width
        incoming = account.incoming / total * width
        peak = account.used_at_peak / total * width
        palette = self.palette()
        painter.setPen(edge(palette))
        painter.setBrush(trough(palette))
        painter.drawRoundedRect(QRectF(0.5, 0.5, width - 1, height - 1), 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(dim(palette))
        painter.drawRoundedRect(QRectF(0, 0, used, height), 3, 3)
        painter.setBrush(mixed(dim(palette), trough(palette), 0.5))
        painter.drawRect(QRectF(used, 0, running, height))
        too_much = account.after < 0 or account.used_at_peak > account.total
        painter.setBrush(alarm(palette) if too_much else accent(palette))
        painter.drawRect(QRectF(used + running, 0, incoming, height))
        painter.setBrush(palette.windowText())
        painter.drawRect(QRectF(min(peak, width - 2), -1, 2, height + 2))
        painter.setPen(palette.windowText().color())
        painter.drawText(
            QRectF(0, height + 2, width, self.height() - height - 2),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            self.fontMetrics().elidedText(words(account), Qt.TextElideMode.ElideMiddle, int(width)),
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
        accounts = tuple(account for account in accounts if account.incoming or account.peak)
        if len(accounts) > MOST:
            accounts = tuple(sorted(accounts, key=lambda a: -a.used_at_peak / max(a.total, 1))[:MOST])
        if accounts == self._shown:
            return
        self._shown = accounts
        while (item := self._layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for account in accounts:
            self._layout.addWidget(Bar(account))
