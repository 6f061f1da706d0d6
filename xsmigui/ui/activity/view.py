"""Activity: what our jobs do, what others run on the servers, and how everything ended."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSignalBlocker,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.text import N_, _, printable
from xsmigui.core.units import percent
from xsmigui.ui.activity.lines import Group, Key, Kind, Line, filtered, servers_of
from xsmigui.ui.columns import NARROW, Columns
from xsmigui.ui.fields import Combo, Spin
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.groups import ROW, GroupsModel
from xsmigui.ui.models.table import Column
from xsmigui.ui.style import STEP, accent, edge, inset, named, trough
from xsmigui.ui.words import Label, Paragraph, caption, explain


class Act(StrEnum):
    """What may be done with a line."""

    cancel = "cancel"
    proceed = "proceed"
    first = "first"
    hold = "hold"
    take_over = "takeOver"
    retry = "retry"
    go_to = "goTo"
    details = "details"
    leftovers = "leftovers"
    forget = "forget"
    copy = "copy"


WORDS: Final = {
    Act.cancel: N_("Cancel"),
    Act.proceed: N_("Continue"),
    Act.first: N_("Start next"),
    Act.hold: N_("Hold"),
    Act.take_over: N_("Take over"),
    Act.retry: N_("Retry…"),
    Act.go_to: N_("Go to"),
    Act.details: N_("Details…"),
    Act.leftovers: N_("Leftovers…"),
    Act.forget: N_("Forget…"),
    Act.copy: N_("Copy"),
}

WIDE: Final = 850
"""Pixels from which the choice of a server has room beside everything else, in Spanish too."""

TIPS: Final = {
    Act.cancel: N_("Cancel it and leave the VM where it is"),
    Act.proceed: N_("Start it as soon as there is a free slot"),
    Act.first: N_("Put it first in the queue"),
    Act.hold: N_("Put it on hold"),
    Act.take_over: N_("Carry it out in this window, with everything else that continues without one"),
    Act.retry: N_("Open the wizard on it with the same choices"),
    Act.go_to: N_("Select its VM in the tree"),
    Act.details: N_("Where it is, what the server answered, and what can be done next"),
    Act.leftovers: N_("Show the disks that failed migrations have left"),
    Act.forget: N_("Remove it from the journal; nothing changes on the servers"),
    Act.copy: N_("Copy this line as text"),
}

FILTERS: Final = {
    None: N_("All"),
    Kind.running: N_("Running"),
    Kind.waiting: N_("Waiting"),
    Kind.failed: N_("Failed"),
    Kind.done: N_("Done"),
}

MENU_ONLY: Final = (Act.copy, Act.leftovers)
"""What stands in a line's menu alone."""

PROGRESS: Final = 2
"""The column of the bars."""

BAR: Final = 20 * STEP
"""Pixels of a bar with its share."""


def acts(line: Line) -> tuple[Act, ...]:
    """What may be done with a line, what helps most first."""
    may = {
        Act.cancel: line.cancel,
        Act.proceed: line.proceed,
        Act.first: line.order,
        Act.hold: line.order,
        Act.take_over: line.take_over,
        Act.retry: line.retry,
        Act.go_to: line.find,
        Act.details: line.details,
        Act.leftovers: line.leftovers,
        Act.forget: line.forget,
        Act.copy: True,
    }
    return tuple(act for act, yes in may.items() if yes)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the view takes what it shows, and to whom it tells what the operator wants."""

    groups: Callable[[], list[Group]]
    summary: Callable[[], str]
    do: Callable[[Act, Line], None]
    clear: Callable[[], None]
    limit: Callable[[int], None]


class _Progress(QStyledItemDelegate):
    """Draws a bar with the share beside it."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        line = QStyleOptionViewItem(option)
        self.initStyleOption(line, index)
        text, line.text = line.text, ""
        style = line.widget.style() if line.widget is not None else None
        if style is not None:
            style.drawControl(QStyle.ControlElement.CE_ItemViewItem, line, painter, line.widget)
        row = index.data(ROW)
        if row is None or row.progress is None:
            return
        selected = bool(line.state & QStyle.StateFlag.State_Selected)
        palette, rect = line.palette, line.rect.adjusted(STEP // 2, 0, -STEP // 2, 0)
        white = palette.highlightedText().color()
        words = line.fontMetrics.horizontalAdvance("100 %") + STEP
        bar = QRectF(rect.left() + 0.5, rect.center().y() - 3.5, max(0, rect.width() - words), 7)
        painter.save()
        painter.setPen(white if selected else edge(palette))
        painter.setBrush(Qt.BrushStyle.NoBrush if selected else trough(palette))
        painter.drawRect(bar)
        painter.fillRect(
            QRectF(bar.left(), bar.top(), bar.width() * row.progress, bar.height()),
            white if selected else accent(palette),
        )
        painter.setPen(white if selected else palette.text().color())
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()


class ActivityView(QWidget):
    """A line for each job, what runs before what waits, what failed before what is done; its VMs stand below it."""

    advanced = Signal(object)
    """The share that is done of what is under way, None if nothing is."""

    def __init__(self, icons: Icons, source: Source, limit: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "activityView", _("Activity"))
        self._source = source
        self._kind: Kind | None = None
        self._server = ""
        self._open: set[Key] = set()
        columns: list[Column[Line]] = [
            Column(_("What"), lambda r: r.title, icon=lambda r: icons(r.icon)),
            Column(_("State"), lambda r: r.state),
            Column(_("Progress"), lambda r: percent(r.progress) if r.progress is not None else ""),
            Column(_("Time"), lambda r: r.times),
            Column(_("Result"), lambda r: r.message),
        ]
        self.rows: GroupsModel[Line] = GroupsModel(columns, lambda line: line.key, lambda line: line.sentence(), self)
        self.tree = QTreeView()
        named(self.tree, "activityTree", _("Jobs"))
        self._build_tree()
        self.buttons = {act: self._button(act) for act in Act}
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

    def _build_tree(self) -> None:
        tree = self.tree
        tree.setModel(self.rows)
        tree.setUniformRowHeights(True)
        tree.setAlternatingRowColors(True)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.setItemDelegateForColumn(PROGRESS, _Progress(tree))
        tree.setFrameShape(QTreeView.Shape.NoFrame)
        inset(tree)
        Columns(tree, least={PROGRESS: BAR}, whole=NARROW)
        tree.customContextMenuRequested.connect(self._context_menu)
        tree.selectionModel().currentRowChanged.connect(lambda *_rows: self._offer())
        tree.activated.connect(lambda _index: self._do(Act.details) if self.current_acts() else None)
        tree.expanded.connect(lambda index: self._opened(index, True))
        tree.collapsed.connect(lambda index: self._opened(index, False))

    def _button(self, act: Act) -> QPushButton:
        button = QPushButton(_(WORDS[act]))
        named(button, f"activity{act[0].upper()}{act[1:]}Button", _(WORDS[act]))
        explain(button, _(TIPS[act]))
        button.clicked.connect(lambda: self._do(act))
        button.hide()
        return button

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
        for kind, words in FILTERS.items():
            self.filter.add_entry(_(words), kind)
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
        for button in self.buttons.values():
            head.addWidget(button)
        head.addWidget(self.filter)
        head.addWidget(self.servers)
        head.addWidget(caption(_("At &once:"), self.limit))
        head.addWidget(self.limit)
        head.addWidget(self.clear)
        return head

    # What is shown.

    def refresh_soon(self) -> None:
        """Refresh within a tenth of a second; many changes at once cost one refresh."""
        if not self._soon.isActive():
            self._soon.start()

    def refresh(self) -> None:
        """Show the present lines. The clock ticks only while something runs."""
        groups = self._source.groups()
        self._offer_servers(servers_of(groups))
        shown = filtered(groups, self._kind, self._server)
        self.rows.show([(group.line, group.below) for group in shown])
        for group in shown:
            if group.below and group.line.key in self._open:
                index = self.rows.index_of(group.line.key)
                if not self.tree.isExpanded(index):
                    self.tree.setExpanded(index, True)
        if shown and not self.tree.currentIndex().isValid():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.tree.selectionModel().setCurrentIndex(self.rows.index(0, 0), flags)
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
        self._offer()
        shares = [group.line.progress for group in groups if group.line.progress is not None]
        self.advanced.emit(sum(shares) / len(shares) if shares else None)
        if any(group.line.kind is Kind.running for group in groups):
            self._tick.start()
        else:
            self._tick.stop()

    def line(self) -> Line | None:
        """The line that is selected."""
        return self.rows.row(self.tree.currentIndex())

    def current_acts(self) -> tuple[Act, ...]:
        line = self.line()
        return acts(line) if line is not None else ()

    def _offer(self) -> None:
        """The buttons of the selected line."""
        line = self.line()
        may = self.current_acts()
        for act, button in self.buttons.items():
            button.setVisible(act in may and act not in MENU_ONLY)
            if line is not None and act in may:
                button.setAccessibleName(printable(f"{_(WORDS[act])}: {line.title}"))

    def _filter(self) -> None:
        chosen = self.filter.currentData()
        self._kind = Kind(chosen) if chosen else None
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

    def _opened(self, index: QModelIndex, yes: bool) -> None:
        line = self.rows.row(index)
        if line is not None:
            (self._open.add if yes else self._open.discard)(line.key)

    # What the operator does.

    def _do(self, act: Act) -> None:
        line = self.line()
        if line is not None and act in acts(line):
            self._source.do(act, line)

    def _context_menu(self, point: QPoint) -> None:
        if not self.tree.indexAt(point).isValid():
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
            action.triggered.connect(lambda _checked=False, act=act: self._do(act))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.tree.viewport().mapToGlobal(point))
