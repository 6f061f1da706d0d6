"""The Activity tab of an object: what concerns it, of our jobs and of what other clients do."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _
from xsmigui.ui.activity.acts import Act, Buttons
from xsmigui.ui.activity.choosing import concerning
from xsmigui.ui.activity.lines import Group, Line
from xsmigui.ui.activity.tree import JobsTree
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import hint

OPEN: Final = 10
"""Lines below a job up to which it is open at first: of a large job few concern one VM or host."""


class ActivityTab(QWidget):
    """The lines of Activity that concern one object. Out of sight it costs nothing."""

    def __init__(self, icons: Icons, do: Callable[[Act, Line], object]) -> None:
        super().__init__()
        named(self, "activityTab", _("Activity"))
        self._groups: list[Group] = []
        self._wanted: frozenset[str] = frozenset()
        self.tree = JobsTree(icons, "objectActivityTree", do, OPEN)
        self.buttons = Buttons("objectActivity", self.tree.do)
        self.tree.chosen.connect(lambda: self.buttons.offer(self.tree.line()))
        self.empty = hint(_("Nothing runs, waits or has ended that concerns it."))
        self.empty.setObjectName("objectActivityEmpty")
        foot = QHBoxLayout()
        foot.setSpacing(STEP)
        foot.addStretch(1)
        for button in self.buttons.all.values():
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(STEP, STEP, STEP, STEP)
        layout.addWidget(self.empty)
        layout.addWidget(self.tree, 1)
        layout.addLayout(foot)
        layout.addStretch()

    def show_object(self, inventory: Inventory, key: ObjectId) -> None:
        """Show what concerns this object."""
        record = inventory.record(key.cls, key.ref)
        uuid = str(getattr(record, "uuid", ""))
        wanted = frozenset(filter(None, (key.pool if key.cls == "pool" else uuid, key.ref)))
        if wanted != self._wanted:
            self._wanted = wanted
            self._show()

    def show_groups(self, groups: list[Group]) -> None:
        """All that Activity has."""
        self._groups = groups
        self._show()

    def showEvent(self, event: QEvent) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._show()

    def _show(self) -> None:
        if not self.isVisible():
            return
        shown = concerning(self._groups, self._wanted)
        self.tree.show_groups(shown)
        self.tree.setVisible(bool(shown))
        self.empty.setVisible(not shown)
