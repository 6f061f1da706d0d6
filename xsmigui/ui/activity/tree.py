"""The lines of Activity as a tree: jobs, and below each the VMs of it."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QMenu, QTreeView

from xsmigui.core.text import _
from xsmigui.core.units import percent, size
from xsmigui.ui.activity.acts import TIPS, WORDS, Act, acts
from xsmigui.ui.activity.drawing import CHART, ProgressBars, ThroughputCharts
from xsmigui.ui.activity.lines import Group, Key, Kind, Line
from xsmigui.ui.columns import Columns
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.groups import GroupsModel
from xsmigui.ui.models.table import Column
from xsmigui.ui.style import PADDING, STEP, inset, named
from xsmigui.ui.words import explain

PROGRESS: Final = 2
"""The column of the bars, which is there while something runs."""

THROUGHPUT: Final = 4
"""The column of the charts, which is there while something runs."""

RESULT: Final = 5
"""The column of what became of it, which is there once there is something to tell."""

BAR: Final = 16 * STEP
"""Pixels of a bar with its share."""

WHOLE: Final = 12
"""Letters of titles and states that are not cut for want of room; of titles half as many again."""

CHARTS_FROM: Final = 800
"""Pixels from which charts have room beside everything else."""


class JobsTree(QTreeView):
    """A line for each job, what runs before what waits, what failed before what is done; its VMs stand below it."""

    chosen = Signal()
    """Another line is the current one, or it has changed."""

    def __init__(self, icons: Icons, name: str, do: Callable[[Act, Line], object], opens: int = 0) -> None:
        """A job with up to `opens` lines below it is open at first."""
        super().__init__()
        named(self, name, _("Jobs"))
        self._do = do
        self._open: set[Key] = set()
        self._opens = opens
        self._seen: set[Key] = set()
        self._wanted: Key | None = None
        self._flows = False
        columns: list[Column[Line]] = [
            Column(_("What"), lambda r: r.title, icon=lambda r: icons(r.icon)),
            Column(_("State"), lambda r: r.state),
            Column(_("Progress"), lambda r: percent(r.progress) if r.progress is not None else ""),
            Column(_("Time"), lambda r: r.times, tip=_about_time, uncut=True),
            Column(_("Throughput"), lambda r: r.throughput, tip=_about_speeds, uncut=True),
            Column(_("Result"), lambda r: r.message, sentence=True),
        ]
        self.rows: GroupsModel[Line] = GroupsModel(columns, lambda line: line.key, lambda line: line.sentence(), self)
        self.setModel(self.rows)
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setItemDelegateForColumn(PROGRESS, ProgressBars(self))
        self.setItemDelegateForColumn(THROUGHPUT, ThroughputCharts(self))
        self.setFrameShape(QTreeView.Shape.NoFrame)
        inset(self)
        Columns(self, least={PROGRESS: BAR}, beside={THROUGHPUT: CHART + PADDING}, whole=WHOLE)
        self.customContextMenuRequested.connect(self._context_menu)
        self.selectionModel().currentRowChanged.connect(lambda *_rows: self.chosen.emit())
        self.activated.connect(lambda _index: self.do(Act.details))
        self.expanded.connect(lambda index: self._opened(index, True))
        self.collapsed.connect(lambda index: self._opened(index, False))

    def show_groups(self, groups: Sequence[Group]) -> None:
        """Go on to these lines. What was open and selected stays so; else the first one is selected."""
        self.rows.show([(group.line, group.below) for group in groups])
        for group in groups:
            if group.line.key not in self._seen:
                self._seen.add(group.line.key)
                if len(group.below) <= self._opens:
                    self._open.add(group.line.key)
            if group.below and group.line.key in self._open:
                index = self.rows.index_of(group.line.key)
                if not self.isExpanded(index):
                    self.setExpanded(index, True)
        if groups and not self.currentIndex().isValid():
            self._select(self.rows.index(0, 0))
        wanted = self.rows.index_of(self._wanted) if self._wanted is not None else QModelIndex()
        if wanted.isValid():
            self._wanted = None
            self._select(wanted)
        self._flows = any(group.line.speed for group in groups)
        self._show(RESULT, any(group.line.message or any(line.message for line in group.below) for group in groups))
        self._show(PROGRESS, any(group.line.progress is not None for group in groups))
        self._show_charts()
        self.chosen.emit()

    def reveal(self, job: str) -> None:
        """Select the line of a job; where some of its VMs failed, that of the first one."""
        for row in range(self.rows.rowCount()):
            group = self.rows.index(row, 0)
            if (line := group.data(Qt.ItemDataRole.UserRole)).key[0] != job:
                continue
            below = [self.rows.index(place, 0, group) for place in range(self.rows.rowCount(group))]
            failed = (each for each in below if each.data(Qt.ItemDataRole.UserRole).kind is Kind.failed)
            self._select(group if line.kind is not Kind.failed else next(failed, group))
            self.setFocus()
            return

    def _select(self, index: QModelIndex) -> None:
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)

    def take_over(self, other: "JobsTree") -> None:
        """Open what is open in another tree, and select what is selected there, once it is shown."""
        self._open, self._seen = set(other._open), set(other._seen)
        line = other.line()
        self._wanted = line.key if line is not None else None

    def _show_charts(self) -> None:
        """Charts are shown while something runs, where there is room; else times have the throughput as a tooltip."""
        self._show(THROUGHPUT, self._flows and self.width() >= CHARTS_FROM)

    def _show(self, column: int, yes: bool) -> None:
        if self.isColumnHidden(column) is yes:
            self.setColumnHidden(column, not yes)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_charts()

    def line(self) -> Line | None:
        """The line that is selected."""
        return self.rows.row(self.currentIndex())

    def current_acts(self) -> tuple[Act, ...]:
        line = self.line()
        return acts(line) if line is not None else ()

    def do(self, act: Act) -> None:
        """Do it with the selected line, where it may be done."""
        line = self.line()
        if line is not None and act in acts(line):
            self._do(act, line)

    def _opened(self, index: QModelIndex, yes: bool) -> None:
        line = self.rows.row(index)
        if line is not None:
            (self._open.add if yes else self._open.discard)(line.key)

    def _context_menu(self, point: QPoint) -> None:
        if not self.indexAt(point).isValid():
            return
        menu = QMenu(self)
        menu.setObjectName("activityMenu")
        menu.setToolTipsVisible(True)
        may = self.current_acts()
        for act in Act:
            action = menu.addAction(_(WORDS[act]))
            action.setObjectName(f"activity-{act}")
            action.setEnabled(act in may)
            explain(action, _(TIPS[act]) if act in may else _("Not for this line."))
            action.triggered.connect(lambda _checked=False, act=act: self.do(act))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(point))


def _about_time(line: Line) -> str:
    return " · ".join(filter(None, (line.times, _about_speeds(line))))


def _about_speeds(line: Line) -> str:
    """``Now 85.2 MiB/s, at most 110.0 MiB/s``"""
    if not line.speeds or not line.speed:
        return line.throughput
    most = size(int(max(line.speeds)))
    return _("Now {now}/s, at most {most}/s", now=size(int(line.speed)), most=most)
