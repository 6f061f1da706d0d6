"""The left side: the search box and the resource tree."""

from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.outline import Outline
from xsmigui.core.outline_nodes import Node
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _, printable
from xsmigui.core.units import count
from xsmigui.ui.gauge import HEIGHT, draw_gauge
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.tree import NODE, ResourceModel
from xsmigui.ui.style import STEP, dim, named
from xsmigui.ui.words import Label, hint

Index = QModelIndex | QPersistentModelIndex

ALL_OPEN: Final = 300
"""Up to so many lines in the tree, hosts are open at first; beyond, only pools are."""

OPENS_AFTER: Final = 700
"""Milliseconds for which something is dragged over a line until that opens."""

MOST_KEPT: Final = 500
"""Lines of which is kept whether they are open."""

BAR: Final = 5 * STEP
"""Pixels of the bar that shows an SR's use."""

TYPING: Final = 120
"""Milliseconds after the last key until a search is carried out."""


class _StateDelegate(QStyledItemDelegate):
    """Draws the state in words at the right of a line, and an SR's use as a small bar. A name that finds no room beside
    them loses its middle."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        node = index.data(NODE)
        if node is None:
            return
        line = QStyleOptionViewItem(option)
        self.initStyleOption(line, index)
        palette, rect, metrics = line.palette, line.rect, line.fontMetrics
        style = line.widget.style() if line.widget is not None else QApplication.style()
        selected = bool(line.state & QStyle.StateFlag.State_Selected)
        colour = palette.highlightedText().color() if selected else dim(palette)
        text = style.subElementRect(QStyle.SubElement.SE_ItemViewItemText, line, line.widget)
        wanted = min(metrics.horizontalAdvance(line.text), rect.width() // 2) + STEP
        room = rect.right() - STEP - text.left() - wanted
        state = metrics.elidedText(printable(node.state), Qt.TextElideMode.ElideRight, max(0, room))
        width = metrics.horizontalAdvance(state) if len(state) > 1 else 0
        bar = BAR if node.used is not None and width + STEP + BAR <= room else 0
        taken = (width + STEP if width else 0) + (bar + STEP if bar else 0)
        line.textElideMode = Qt.TextElideMode.ElideMiddle
        line.text = metrics.elidedText(line.text, line.textElideMode, rect.right() - text.left() - taken - STEP)
        if node.dimmed and not selected:
            line.state &= ~QStyle.StateFlag.State_Enabled
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, line, painter, line.widget)
        painter.save()
        right = rect.right() - STEP
        if width:
            painter.setPen(colour)
            place = QRect(right - width, rect.top(), width + 1, rect.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, state)
            right -= width + STEP
        if bar and node.used is not None:
            draw_gauge(painter, QRect(right - bar, rect.center().y() - 3, bar, HEIGHT), node.used, palette, selected)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        hint = super().sizeHint(option, index)
        return QSize(hint.width(), max(hint.height(), option.fontMetrics.height() + 6))


class ResourceTree(QTreeView):
    """The tree. Selection, expansion and scroll survive live updates."""

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "resourceTree", _("Resources"))
        self.resources = ResourceModel(icons, self)
        self.setModel(self.resources)
        self.setItemDelegate(_StateDelegate(self))
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        # Not rows: when a screen reader selects a row, Qt takes its number among its siblings for that in the tree.
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setAutoExpandDelay(OPENS_AFTER)
        self._closed: set[ObjectId] = set()
        self._open: set[ObjectId] = set()
        self._seen: set[ObjectId] = set()
        self._shut: set[ObjectId] = set()  # by the operator, during the present search
        self._wanted: list[ObjectId] = []
        self._scroll: int | None = None
        self._searching = False
        self._hidden: list[ObjectId] = []  # what was selected before the present search hid it
        self._left: list[ObjectId] = []  # what it left selected
        self._arranging = False
        self._selected: list[ObjectId] | None = None
        for changed in (
            self.selectionModel().selectionChanged,
            self.selectionModel().currentChanged,
            self.resources.modelReset,
            self.resources.rowsRemoved,
        ):
            changed.connect(lambda *_what: self._select_anew())
        self.expanded.connect(lambda index: self._opened(index, True))
        self.collapsed.connect(lambda index: self._opened(index, False))

    def kept(self) -> dict[str, object]:
        """What is selected, opened and closed, for the settings."""
        selected = self.selected()
        return {
            "selected": selected[0].text if selected else "",
            "opened": tuple(sorted(key.text for key in self._open))[:MOST_KEPT],
            "closed": tuple(sorted(key.text for key in self._closed))[:MOST_KEPT],
        }

    def take_up(self, selected: str, opened: Iterable[str], closed: Iterable[str]) -> None:
        """Begin with what was kept, as soon as it is there."""
        self._open = {key for text in opened if (key := ObjectId.of(text)) is not None}
        self._closed = {key for text in closed if (key := ObjectId.of(text)) is not None}
        self._wanted = [key] if (key := ObjectId.of(selected)) is not None else []

    def take_over(self, other: "ResourceTree") -> None:
        """Show the same objects as another tree as that does, as soon as they are there."""
        self._open, self._closed = set(other._open), set(other._closed)
        self._wanted = other.selected() or other._wanted
        self._scroll = other.verticalScrollBar().value()

    def selected(self) -> list[ObjectId]:
        """The objects that are selected, the current one first."""
        if self._selected is None:
            self._selected = self._selection()
        return list(self._selected)

    def _selection(self) -> list[ObjectId]:
        current = self.resources.node(self.currentIndex())
        nodes = [self.resources.node(index) for index in self.selectionModel().selectedIndexes()]
        keys = [node.id for node in nodes if node is not None]
        if current is not None and current.id in keys:
            keys.remove(current.id)
            keys.insert(0, current.id)
        return keys

    def _select_anew(self) -> None:
        self._selected = None

    def select(self, key: ObjectId) -> bool:
        """Select an object and show it; False where it is not in the tree."""
        index = self.resources.index_of(key)
        if index.isValid():
            self.setCurrentIndex(index)
            self.scrollTo(index)
        return index.isValid()

    def show_outline(self, outline: Outline, searching: bool) -> None:
        """Go on to this outline; what was open, selected and in sight stays so."""
        selected = self.selected()
        top = None if searching or self._searching else self._top()
        self.setAutoScroll(False)
        self._arranging = True
        try:
            anew = self.resources.show(outline)
            if anew or searching or self._searching:
                self._open_all(outline, searching)
            else:
                for key in outline.children:
                    if key is not None and (key not in self._seen or self._moved(key, outline)):
                        self._arrange(key, outline)
            self._seen.update(key for key in outline.children if key is not None)
            wanted = [*self._hidden, *selected] if selected == self._left else selected
            for key in reversed(wanted):
                if key in outline.nodes and not self._is_selected(key):
                    flags = self.selectionModel().SelectionFlag.Select
                    self.selectionModel().setCurrentIndex(self.resources.index_of(key), flags)
            self._hidden = [key for key in wanted if key not in outline.nodes] if searching else []
            self._left = self.selected()
        finally:
            self._arranging = False
            self._searching = searching
            self.setAutoScroll(True)
        if top is not None:
            self._put_on_top(*top)
        if self._wanted:
            self._select_wanted([key for key in self._wanted if key in outline.nodes] if not selected else [])
            self._wanted = [] if self.selected() else self._wanted
        if self._scroll is not None and outline.nodes:
            self.executeDelayedItemsLayout()
            self.verticalScrollBar().setValue(self._scroll)
            self._scroll = None

    def _select_wanted(self, keys: list[ObjectId]) -> None:
        """Select these, the first one as the current one."""
        flags = self.selectionModel().SelectionFlag
        for key in reversed(keys):
            self.selectionModel().setCurrentIndex(self.resources.index_of(key), flags.Select)
        if keys:
            self.scrollTo(self.currentIndex())

    def _top(self) -> tuple[Node, int] | None:
        """The uppermost line in sight and the scroll bar's value; None if the tree is not scrolled."""
        node = self.resources.node(self.indexAt(QPoint(1, 1))) if self.verticalScrollBar().value() else None
        return (node, self.verticalScrollBar().value()) if node is not None else None

    def _put_on_top(self, node: Node, scroll: int) -> None:
        """Scroll so that a line is where it was, though others have come or gone above it."""
        now = self.resources.outline.nodes.get(node.id)
        if now is not None and now.parent == node.parent:
            sideways = self.horizontalScrollBar().value()
            self.scrollTo(self.resources.index_of(node.id), QAbstractItemView.ScrollHint.PositionAtTop)
            self.horizontalScrollBar().setValue(sideways)
        else:
            self.verticalScrollBar().setValue(scroll)

    def _moved(self, key: ObjectId, outline: Outline) -> bool:
        return self._wants_open(key, outline) and not self.isExpanded(self.resources.index_of(key))

    def _is_selected(self, key: ObjectId) -> bool:
        index = self.resources.index_of(key)
        return index.isValid() and self.selectionModel().isSelected(index)

    def _open_all(self, outline: Outline, searching: bool) -> None:
        """Put every line in order: as the operator left it, and in a search open unless it was shut during it."""
        if searching != self._searching:
            self._shut.clear()
        for key in outline.children:
            if key is not None:
                wanted = key not in self._shut if searching else self._wants_open(key, outline)
                self.setExpanded(self.resources.index_of(key), wanted)

    def _arrange(self, key: ObjectId, outline: Outline) -> None:
        if self._wants_open(key, outline):
            self.setExpanded(self.resources.index_of(key), True)

    def _wants_open(self, key: ObjectId, outline: Outline) -> bool:
        """As the operator left it; else pools are open, and hosts where the tree is small."""
        if key in self._closed:
            return False
        if key in self._open:
            return True
        node = outline.nodes.get(key)
        if node is None:
            return False
        is_small = len(outline.nodes) <= ALL_OPEN
        return (node.parent is None and (is_small or key.cls != "type")) or (key.cls == "host" and is_small)

    def _opened(self, index: QModelIndex, yes: bool) -> None:
        node = self.resources.node(index)
        if self._arranging or node is None:
            return
        if self._searching:
            (self._shut.discard if yes else self._shut.add)(node.id)
            return
        (self._open if yes else self._closed).add(node.id)
        (self._closed if yes else self._open).discard(node.id)


class SearchBox(QLineEdit):
    """The search box: Down and Enter go to what was found first, Esc ends the search."""

    to_first = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.to_first.emit()
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class TreePane(QWidget):
    """Search box above, tree below, and between them how much was found of how much there is."""

    search_changed = Signal(str)
    menu_wanted = Signal(QPoint)

    def __init__(self, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = SearchBox()
        named(self.search, "searchBox", _("Search"))
        self.search.setPlaceholderText(_("Search…"))
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icons("search"), QLineEdit.ActionPosition.LeadingPosition).setText(_("Search"))
        clear = self.search.findChild(QAction, "_q_qlineeditclearaction")
        if clear is not None:  # Qt's own button, which has no name
            clear.setText(_("Clear the search"))
        self.tree = ResourceTree(icons)
        self.found = Label(is_dim=True)
        self.found.setObjectName("searchCount")
        self.found.hide()
        self.nothing = hint()
        self.nothing.setObjectName("searchEmpty")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.nothing.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(STEP, STEP, 0, 0)
        layout.setSpacing(STEP)
        layout.addWidget(self.search)
        layout.addWidget(self.found)
        layout.addWidget(self.nothing, 1)
        layout.addWidget(self.tree, 1)
        self._all = 0
        self._searched = ""
        self._go_when_found = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPING)
        self._timer.timeout.connect(self._search)
        self.search.textChanged.connect(lambda _text: self._timer.start())
        self.search.to_first.connect(self.go_to_first)
        self.tree.customContextMenuRequested.connect(
            lambda point: self.menu_wanted.emit(self.tree.viewport().mapToGlobal(point))
        )

    def _search(self) -> None:
        self._timer.stop()
        self.search_changed.emit(self.search.text().strip())

    def show_outline(self, outline: Outline, searched: str) -> None:
        """Go on to this outline, which is what `searched` has found; empty where nothing is searched for."""
        self.tree.show_outline(outline, bool(searched))
        self._searched = searched
        lines = sum(1 for key in outline.nodes if key.cls != "type")
        if not searched:
            self._all = lines
        hits = outline.hits if searched else 0
        self.found.setVisible(bool(searched))
        self.found.setText(_("{n} of {all}", n=count(hits), all=count(max(hits, self._all))))
        is_empty = bool(searched) and not outline.nodes
        self.nothing.setText(
            _("Nothing is called “{text}”, nor has it in its description, tags or addresses.", text=searched)
        )
        self.nothing.setVisible(is_empty)
        self.tree.setVisible(not is_empty)
        if self._go_when_found:
            self.go_to_first()

    def go_to_first(self) -> None:
        """Select the first line that was found, once the search for what is typed has been carried out."""
        if self._timer.isActive():
            self._search()
        wanted = self.search.text().strip()
        self._go_when_found = self._searched != wanted
        outline = self.tree.resources.outline
        first = outline.first_hit() if wanted else next((node.id for node in outline.walk()), None)
        if not self._go_when_found and first is not None:
            self.tree.select(first)
            self.tree.setFocus()
