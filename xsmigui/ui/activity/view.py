"""Activity: what our jobs do, what others run on the servers, and how everything ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.text import N_, _
from xsmigui.ui.activity.acts import Act, Buttons
from xsmigui.ui.activity.choosing import Period, begin, filtered, servers_of, since
from xsmigui.ui.activity.lines import Group, Kind, Line
from xsmigui.ui.activity.tree import JobsTree
from xsmigui.ui.fields import Combo, Spin
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Label, Paragraph, caption, explain

WIDE: Final = 850
"""Pixels from which the choice of a server has room beside everything else, in Spanish too."""

FILTERS: Final[dict[Kind | Period | None, str]] = {
    None: N_("All"),
    Kind.running: N_("Running"),
    Kind.waiting: N_("Waiting"),
    Kind.failed: N_("Failed"),
    Kind.done: N_("Done"),
    Period.today: N_("Ended today"),
    Period.week: N_("Ended in the last 7 days"),
    Period.month: N_("Ended in the last 30 days"),
}

LISTED: Final = 26
"""Letters of the list of filters, which is wider than its box."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the view takes what it shows, and to whom it tells what the operator wants."""

    groups: Callable[[], list[Group]]
    summary: Callable[[], str]
    do: Callable[[Act, Line], None]
    clear: Callable[[], None]
    limit: Callable[[int], None]
    now: Callable[[], datetime]
    """The time of day, in the zone of this computer."""


class ActivityView(QWidget):
    """Everything that runs, waits and has ended, with what may be done about it."""

    advanced = Signal(object)
    """The share that is done of what is under way, None if nothing is."""
    refreshed = Signal(object)
    """All groups, whatever is shown of them here."""

    def __init__(self, icons: Icons, source: Source, limit: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "activityView", _("Activity"))
        self._source = source
        self._wanted: Kind | Period | None = None
        self._server = ""
        self.tree = JobsTree(icons, "activityTree", source.do)
        self.rows = self.tree.rows
        self.buttons = Buttons("activity", self.tree.do)
        self.tree.chosen.connect(lambda: self.buttons.offer(self.tree.line()))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(STEP // 2)
        outer.addLayout(self._head(limit))
        outer.addWidget(self.empty)
        outer.addWidget(self.tree, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self.refresh)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(100)
        self._soon.timeout.connect(self.refresh)
        self.refresh()

    def _head(self, limit: int) -> QHBoxLayout:
        title = Label(_("Activity"))
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self.summary = Label()
        self.summary.setObjectName("activitySummary")
        self.clear = QPushButton(_("Clear finished"))
        self.clear.setObjectName("clearActivityButton")
        self.clear.clicked.connect(self._source.clear)
        self.filter = Combo("activityFilter", _("Show"))
        self.filter.setMinimumContentsLength(8)
        for wanted, words in FILTERS.items():
            self.filter.add_entry(_(words), wanted)
        self.filter.view().setMinimumWidth(LISTED * self.filter.fontMetrics().averageCharWidth())
        self.filter.currentIndexChanged.connect(lambda _index: self._filter())
        self.servers = Combo("activityServer", _("Servers that are shown"))
        self.servers.setMinimumContentsLength(8)
        self.servers.currentIndexChanged.connect(lambda _index: self._choose_server())
        self.limit = Spin("storageLimit", _("Storage migrations at once"), 1, MOST_STORAGE_MIGRATIONS)
        self.limit.setValue(limit)
        explain(self.limit, _("How many storage migrations may leave a pool at the same time, other clients' counted"))
        self.limit.valueChanged.connect(self._source.limit)
        self.empty = Paragraph(_("Nothing is running. Select a VM and choose “Migrate VM wizard…” to move it."))
        self.empty.setObjectName("activityEmpty")
        self.empty.setContentsMargins(STEP, STEP, STEP, STEP)
        head = QHBoxLayout()
        head.setContentsMargins(STEP, STEP // 2, STEP, 0)
        head.setSpacing(STEP // 2)
        head.addWidget(title)
        head.addSpacing(STEP // 2)
        head.addWidget(self.summary, 1)
        for button in self.buttons.all.values():
            head.addWidget(button)
        head.addWidget(self.filter)
        head.addWidget(self.servers)
        head.addWidget(caption(_("At &once:"), self.limit))
        head.addWidget(self.limit)
        head.addWidget(self.clear)
        return head

    def refresh_soon(self) -> None:
        """Refresh within a tenth of a second; many changes at once cost one refresh."""
        if not self._soon.isActive():
            self._soon.start()

    def refresh(self) -> None:
        """Show the present lines. The clock ticks only while something runs."""
        groups = self._source.groups()
        self._offer_servers(servers_of(groups))
        shown = filtered(groups, self._wanted if isinstance(self._wanted, Kind) else None, self._server)
        if isinstance(self._wanted, Period):
            shown = since(shown, begin(self._wanted, self._source.now()))
        self.tree.show_groups(shown)
        self.empty.setText(
            _("Nothing is running. Select a VM and choose “Migrate VM wizard…” to move it.")
            if not groups
            else _("There is nothing of this kind. Choose “All” to see the others.")
        )
        self.empty.setVisible(not shown)
        self.tree.setVisible(bool(shown))
        self.filter.setVisible(bool(groups))
        self.summary.setText(self._source.summary())
        self.clear.setVisible(any(group.line.has_ended for group in groups))
        shares = [group.line.progress for group in groups if group.line.progress is not None]
        self.advanced.emit(sum(shares) / len(shares) if shares else None)
        self.refreshed.emit(groups)
        if any(group.line.kind is Kind.running for group in groups):
            self._tick.start()
        else:
            self._tick.stop()

    def reveal(self, job: str) -> None:
        """Select a job, or the first of its VMs that did not succeed, whatever was listed before."""
        self.filter.setCurrentIndex(0)
        self.servers.setCurrentIndex(0)
        self.refresh()
        self.tree.reveal(job)

    def line(self) -> Line | None:
        """The line that is selected."""
        return self.tree.line()

    def current_acts(self) -> tuple[Act, ...]:
        return self.tree.current_acts()

    def _filter(self) -> None:
        chosen = self.filter.currentData()
        self._wanted = next((wanted for wanted in FILTERS if wanted is not None and wanted == chosen), None)
        self.refresh()

    def take_over(self, other: "ActivityView") -> None:
        """Show the same lines as another view, and of them what that has open and selected."""
        self.tree.take_over(other.tree)
        self._server = other._server
        self.filter.setCurrentIndex(other.filter.currentIndex())
        self.refresh()

    def _offer_servers(self, names: tuple[str, ...]) -> None:
        """Offer the servers that have a part in what is shown; with one there is nothing to choose."""
        offered = [self.servers.itemData(place) for place in range(1, self.servers.count())]
        if self._server and self._server not in names:
            self._server = ""
        if offered != list(names):
            blocker = QSignalBlocker(self.servers)
            self.servers.clear()
            self.servers.add_entry(_("All servers"), "")
            for name in names:
                self.servers.add_entry(name, name)
            self.servers.setCurrentIndex(max(0, self.servers.findData(self._server)))
            blocker.unblock()
        self._fit_head()

    def _fit_head(self) -> None:
        """In a narrow window the choice of a server gives its room to the summary, unless it hides something."""
        several = self.servers.count() > 2
        self.servers.setVisible(several and (bool(self._server) or self.width() >= WIDE))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_head()

    def _choose_server(self) -> None:
        self._server = self.servers.currentData() or ""
        self.refresh()
