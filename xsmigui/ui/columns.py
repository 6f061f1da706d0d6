"""The columns of tables and trees: as wide as their content, one of them takes the rest, and what the operator has
drawn, moved or sorted is kept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import QByteArray, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer
from PySide6.QtWidgets import QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QTreeView, QWidget

from xsmigui.core.preferences import Preferences
from xsmigui.ui.models.table import SENTENCE, UNCUT
from xsmigui.ui.style import PADDING, STEP

BOUND: Final = 40
"""Letters for which a column that does not stretch gets room at most."""

LEAST: Final = 8
"""Letters for which every column keeps room where a table cannot be scrolled sideways."""

WHOLE: Final = 32
"""Letters that are never cut where a table can be scrolled sideways."""

NARROW: Final = 12
"""The same for a table that is rather to be seen whole; of its first column, which names things, half as many again.
Its numbers, dates and states are never cut at all, only their titles are."""

TITLE: Final = 6
"""Letters of the titles of numbers, dates and states that are not cut, while anything else can give way."""

REST: Final = 20
"""Letters for which the column that takes the rest keeps room there."""

SAMPLE: Final = 60
"""Rows that are measured: those in sight and below, so that a table of thousands costs what one of sixty does."""

MEASURED_AGAIN: Final = (QEvent.Type.Show, QEvent.Type.StyleChange, QEvent.Type.FontChange, QEvent.Type.LanguageChange)
"""What may change how wide the same texts are, or which of them are in sight."""

SOON: Final = 300
"""Milliseconds after a change of values until the widths follow."""


def shared_out(wanted: Sequence[int], room: int, stretching: int, floor: int, least: int | Sequence[int]) -> list[int]:
    """Widths of columns in pixels. Each has what it wants and the stretching one what is left of `room`. Where there
    is too little, the stretching one gives way down to `floor`, then the widest of the others down to `least`, which
    is one for all or one for each."""
    widths = list(wanted)
    bounds = [least] * len(widths) if isinstance(least, int) else list(least)
    others = [column for column in range(len(widths)) if column != stretching]
    floor = min(floor, room)
    excess = sum(widths[column] for column in others) - (room - floor)
    while excess > 0 and (able := [column for column in others if widths[column] > bounds[column]]):
        widest = max(able, key=lambda column: widths[column])
        give = min(excess, max(1, widths[widest] // 8), widths[widest] - bounds[widest])
        widths[widest] -= give
        excess -= give
    widths[stretching] = max(floor, room - sum(widths[column] for column in others))
    return widths


class Sentences(QStyledItemDelegate):
    """Cells whose texts keep their beginning where there is too little room."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideRight


class Columns(QObject):
    """Fits the columns of a view while its rows change, until the operator draws one."""

    def __init__(
        self,
        view: QTableView | QTreeView,
        stretching: int = -1,
        least: Mapping[int, int] | None = None,
        beside: Mapping[int, int] | None = None,
        whole: int = WHOLE,
    ) -> None:
        """`stretching` takes the rest of the width; negative is the last one that is shown. `least` has the
        pixels that a column wants in any case (three fifths of them where there is too little room), `beside` those
        that it wants beside its text; `whole` are the letters below which none is pressed. The view has its model."""
        super().__init__(view)
        self._view = view
        self._stretches = stretching
        self._least = dict(least or {})
        self._beside = dict(beside or {})
        self._whole = whole
        self._wanted: list[int] = []
        self._found: tuple[list[int], list[int], list[int]] | None = None
        self._by_hand = False
        self._busy = False
        self._preferences: Preferences | None = None
        header = self._header
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(False)
        header.setSectionsMovable(True)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setMinimumSectionSize(4 * STEP)
        header.sectionResized.connect(self._drawn)
        header.sectionMoved.connect(lambda *_where: self._keep_soon())
        header.sortIndicatorChanged.connect(lambda *_order: self._keep_soon())
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._soon.timeout.connect(self.fit)
        self._keeping = QTimer(self)
        self._keeping.setSingleShot(True)
        self._keeping.setInterval(2 * SOON)
        self._keeping.timeout.connect(self._keep)
        model = view.model()
        for column in range(model.columnCount()):
            if model.headerData(column, Qt.Orientation.Horizontal, SENTENCE):
                view.setItemDelegateForColumn(column, Sentences(view))
        model.dataChanged.connect(lambda *_where: self._later())
        model.rowsInserted.connect(self._rows_came)
        for changed in (model.rowsRemoved, model.modelReset):
            changed.connect(lambda *_where: self._afresh())
        if isinstance(view, QTreeView):
            view.expanded.connect(lambda _index: self._later())
        view.viewport().installEventFilter(self)

    @property
    def _header(self) -> QHeaderView:
        return self._view.header() if isinstance(self._view, QTreeView) else self._view.horizontalHeader()

    @property
    def _stretching(self) -> int:
        if self._stretches >= 0:
            return self._stretches
        shown = [n for n in range(self._header.count()) if not self._header.isSectionHidden(n)]
        return shown[-1] if shown else 0

    def _later(self) -> None:
        self._found = None
        if not self._soon.isActive():
            self._soon.start()

    def _afresh(self) -> None:
        self._wanted = []
        self._later()

    def _rows_came(self, above: QModelIndex, first: int, last: int) -> None:
        """The first rows of a table are fitted before anybody sees them cut."""
        self._afresh()
        if not above.isValid() and last - first + 1 == self._view.model().rowCount():
            QTimer.singleShot(0, self, self.fit)

    def fit(self) -> None:
        """Give each column its width."""
        self._soon.stop()
        count = self._view.model().columnCount()
        room = self._view.viewport().width()
        if not self._view.isVisible() or room <= 0 or self._busy:
            return
        letter = self._view.fontMetrics().averageCharWidth()
        if self._by_hand:
            wanted = [self._header.sectionSize(column) for column in range(count)]
            rest = room - sum(width for column, width in enumerate(wanted) if column != self._stretching)
            widths = [*wanted]
            widths[self._stretching] = max(wanted[self._stretching], rest) if rest > 0 else wanted[self._stretching]
        else:
            if self._found is None:
                self._found = self._measured(count)
            found, contents, before_text = self._found
            titles = self._short_titles(letter)
            before = self._wanted or found
            self._wanted = [max(one, other) for one, other in zip(found, before, strict=True)]
            bound = BOUND * letter + 2 * PADDING
            others = [min(width, bound) for width in self._wanted]
            is_narrow = self._whole < WHOLE
            floor = others[self._stretching]
            if is_narrow and not self._is_uncut(self._stretching):
                floor = min(floor, REST * letter + 2 * PADDING)
            least = [
                (self._whole + self._whole // 2 * (n == 0)) * letter + 2 * PADDING + taken
                for n, taken in enumerate(before_text)
            ]
            bounds = [
                max(
                    max(contents[n], titles[n]) if is_narrow and self._is_uncut(n) else min(width, least[n]),
                    self._least.get(n, 0) * 3 // 5,
                )
                for n, width in enumerate(others)
            ]
            widths = shared_out(others, room, self._stretching, floor, bounds)
            if is_narrow and sum(widths) > room:  # better a little less of everything than a part out of sight
                short = LEAST * letter + 2 * PADDING
                floor = min(floor, max(short, min(contents[self._stretching], self._whole * letter + 2 * PADDING)))
                widths = shared_out(widths, room, self._stretching, floor, bounds)
                least = [short + taken for taken in before_text]
                bounds = [
                    min(bound, max(contents[n], self._least.get(n, 0) * 3 // 5) if self._is_uncut(n) else least[n])
                    for n, bound in enumerate(bounds)
                ]
                widths = shared_out(widths, room, self._stretching, floor, bounds)
        self._busy = True
        try:
            for column, width in enumerate(widths):
                if not self._header.isSectionHidden(column) and self._header.sectionSize(column) != width:
                    self._header.resizeSection(column, width)
        finally:
            self._busy = False

    def _short_titles(self, letter: int) -> list[int]:
        """The pixels in which the beginning of each title can be read; none for a column that is not there."""
        model, metrics, hidden = self._view.model(), self._view.fontMetrics(), self._header.isSectionHidden
        titles = (str(model.headerData(n, Qt.Orientation.Horizontal) or "") for n in range(model.columnCount()))
        widths = [min(metrics.horizontalAdvance(title), TITLE * letter) + 2 * PADDING + 2 for title in titles]
        return [0 if hidden(column) else width for column, width in enumerate(widths)]

    def _is_uncut(self, column: int) -> bool:
        return bool(self._view.model().headerData(column, Qt.Orientation.Horizontal, UNCUT))

    def _measured(self, count: int) -> tuple[list[int], list[int], list[int]]:
        """The width that the content of each column and its title want, in pixels; its content alone; and what stands
        before its text: pictures, and in a tree the indentation."""
        model, metrics = self._view.model(), self._view.fontMetrics()
        arrow = 2 * STEP if self._header.isSortIndicatorShown() else 0
        titles = [str(model.headerData(column, Qt.Orientation.Horizontal) or "") for column in range(count)]
        widths, before_text = [0] * count, [0] * count
        picture = self._view.style().pixelMetric(self._view.style().PixelMetric.PM_SmallIconSize) + STEP
        for first, depth in self._rows():
            for column in range(count):
                index = first.siblingAtColumn(column)
                width = metrics.horizontalAdvance(str(index.data() or "")[:200]) + self._beside.get(column, 0)
                taken = picture if index.data(Qt.ItemDataRole.DecorationRole) is not None else 0
                taken += depth * (column == 0)
                widths[column] = max(widths[column], width + taken)
                before_text[column] = max(before_text[column], taken)
        hidden = self._header.isSectionHidden
        contents = [0 if hidden(column) else width + 2 * PADDING + 2 for column, width in enumerate(widths)]
        wanted = [
            max(width, metrics.horizontalAdvance(title) + arrow + 2 * PADDING + 2, self._least.get(column, 0))
            for column, (width, title) in enumerate(zip(contents, titles, strict=True))
        ]
        return [0 if hidden(column) else width for column, width in enumerate(wanted)], contents, before_text

    def _rows(self) -> Iterator[tuple[Any, int]]:
        """The first cells of the rows that are measured, each with the pixels by which its row is indented."""
        view, model = self._view, self._view.model()
        if isinstance(view, QTreeView):
            index = view.indexAt(view.viewport().rect().topLeft())
            for _row in range(SAMPLE):
                if not index.isValid():
                    return
                depth = 1 + (1 if index.parent().isValid() else 0)
                yield index.siblingAtColumn(0), depth * view.indentation()
                index = view.indexBelow(index)
            return
        first = max(0, view.rowAt(0))
        for row in range(first, min(model.rowCount(), first + SAMPLE)):
            yield model.index(row, 0), 0

    # What the operator has made of it.

    def remember(self, preferences: Preferences) -> None:
        """Take up what was kept for this table, and keep what comes."""
        kept = preferences.now.tables.get(self._view.objectName(), "")
        self._preferences = None
        if kept:
            self._busy = True
            try:
                by_hand, _colon, state = kept.partition(":")
                if self._header.restoreState(QByteArray.fromBase64(state.encode())):
                    self._by_hand = by_hand == "drawn"
            finally:
                self._busy = False
            self._header.setStretchLastSection(False)
        self._preferences = preferences
        self.fit()

    def _drawn(self, _column: int, before: int, now: int) -> None:
        if self._busy or not self._view.isVisible():
            return
        if before == 0 or now == 0:  # a column is hidden or shown, which is not the operator's hand
            self._afresh()
            QTimer.singleShot(0, self, self.fit)  # at once, or a scroll bar would flash up
            return
        self._by_hand = True
        self._keep_soon()

    def _keep_soon(self) -> None:
        """Keep it when the hand rests: a file is not written at every pixel."""
        if self._preferences is not None and not self._busy and self._view.objectName():
            self._keeping.start()

    def _keep(self) -> None:
        self._keeping.stop()
        name = self._view.objectName()
        if self._preferences is None:
            return
        state = bytes(self._header.saveState().toBase64().data()).decode()
        tables = {**self._preferences.now.tables, name: f"{'drawn' if self._by_hand else 'fitted'}:{state}"}
        self._preferences.change(tables=tables)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The widths follow the view's size; the content is not measured for that again."""
        if event.type() in MEASURED_AGAIN:
            self._found = None
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self.fit()
        if event.type() is QEvent.Type.Hide and self._keeping.isActive():
            self._keep()
        return super().eventFilter(watched, event)


def remember_tables(top: QWidget, preferences: Preferences) -> None:
    """Bring the tables of a window to how the operator left them, and keep what becomes of them."""
    for columns in top.findChildren(Columns):
        columns.remember(preferences)
