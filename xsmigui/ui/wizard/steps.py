"""The list of the wizard's steps."""

from collections.abc import Collection

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.problems import Page
from xsmigui.core.text import _
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import STEP, named
from xsmigui.ui.wizard.pages import TITLES


class Steps(QListWidget):
    """The pages that a draft has, the one in front marked. Return goes to a step, and not on to the dialog's default
    button besides."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        named(self, "wizardSteps", _("Steps"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bold = self.font()
        bold.setBold(True)
        widest = max(QFontMetrics(bold).horizontalAdvance(_(title)) for title in TITLES.values())
        self.setFixedWidth(widest + 16 + 4 * STEP)
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setSpacing(STEP // 4)
        self.setIconSize(QSize(16, 16))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            item = self.currentItem()
            if item is not None:
                self.itemActivated.emit(item)
        else:
            super().keyPressEvent(event)

    def show_evaluation(
        self, evaluation: Evaluation, current: Page, visited: Collection[Page], reachable: Collection[Page]
    ) -> None:
        """Show the draft's pages, which of them was seen already, and which may be gone to."""
        pages = evaluation.pages
        while self.count() > len(pages):
            self.takeItem(self.count() - 1)
        while self.count() < len(pages):
            self.addItem(QListWidgetItem())
        for row, page in enumerate(pages):
            item = self.item(row)
            blocked = evaluation.blocked(page) is not None
            if page is current:
                icon, word = "step-current", _("current")
            elif blocked and page in visited:
                icon, word = "block", _("something prevents the move")
            elif page in visited and not blocked:
                icon, word = "step-done", _("done")
            else:
                icon, word = "step-open", _("still to come")
            title = _(TITLES[page])
            item.setText(title)
            item.setIcon(self._icons(icon))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{title}, {word}")
            item.setData(Qt.ItemDataRole.UserRole, str(page))
            font = item.font()
            font.setBold(page is current)
            item.setFont(font)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            item.setFlags(flags if page in reachable else Qt.ItemFlag.NoItemFlags)
            item.setToolTip("" if page in reachable else _("Complete the pages before it first."))
        self.setCurrentRow(pages.index(current))
