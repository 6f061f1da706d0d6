"""A table of texts and combo boxes, one row for each thing to be chosen for.

Not a `QTableWidget`: a screen reader does not find the widgets that stand in an item view's cells. Widgets exist for
the rows in sight alone, so that a table of a thousand rows costs what one of twenty does.
"""

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QPalette, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from xsmigui.core.migration.sheets import Rows
from xsmigui.ui.columns import LEAST, shared_out
from xsmigui.ui.style import PADDING, STEP, named
from xsmigui.ui.wizard.choice import ChoiceCombo, Offer
from xsmigui.ui.words import Label

WIDEST: Final = 48
"""Letters for which a text gets room beside a column of combo boxes."""

OFFERED: Final = 42
"""Letters of a combo box that stay in sight while other columns want room."""

FIRST: Final = 24
"""Rows that a table shows at first."""

AROUND: Final = 3
"""Rows that are made above and below those in sight, so that the keyboard reaches them."""

MOST: Final = 90
"""Rows whose widgets are kept; beyond, those far away are let go."""


class _Cell(Label):
    """A text of a row."""

    def __init__(self, clicked: Callable[[], None]) -> None:
        super().__init__(wishes=WIDEST)
        self._clicked = clicked

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._clicked()


@dataclass(slots=True)
class _Row:
    """The widgets of a row."""

    cells: dict[int, _Cell] = field(default_factory=dict)
    combo: ChoiceCombo | None = None

    def widgets(self) -> list[QWidget]:
        return [*self.cells.values(), *([self.combo] if self.combo is not None else [])]


class Table(QScrollArea):
    """Rows under a line of titles. The stretching column takes what the others leave."""

    row_clicked = Signal(str)
    """The key of the row that was clicked."""

    def __init__(
        self,
        object_name: str,
        accessible: str,
        columns: Sequence[str],
        stretching: int = 0,
        right: Collection[int] = (),
        combo: Callable[[str], ChoiceCombo] | None = None,
        sentences: Collection[int] = (),
    ) -> None:
        """`right` has the columns of numbers, `sentences` those whose texts keep their beginning; `combo` makes the
        box of a row, by its key, for the last column."""
        super().__init__()
        named(self, object_name, accessible)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._stretching = stretching
        self._keys: tuple[str, ...] = ()
        self._factory = combo
        self._column = len(columns) - 1 if combo is not None else -1
        self._describe: Callable[[str], Offer] | None = None
        self._places: dict[str, int] = {}
        self._slots: dict[int, int] = {}
        self._content = Rows()
        self._right = frozenset(right)
        self._sentences = frozenset(sentences)
        self._shown: list[int] = []
        self._only: frozenset[str] | None = None
        self._rows: dict[int, _Row] = {}
        self._widths: list[int] = []
        self._marked = ""
        self._inside = QWidget()
        self._inside.setBackgroundRole(QPalette.ColorRole.Base)
        self._inside.setAutoFillBackground(True)
        self.setWidget(self._inside)
        self._titles = [Label(title, is_dim=True) for title in columns]
        for title in self._titles:
            title.setParent(self)
        self._high = max(self.fontMetrics().height() + STEP, ChoiceCombo("", "").sizeHint().height()) + STEP // 2
        self.setViewportMargins(0, self.fontMetrics().height() + STEP, 0, 0)
        self.verticalScrollBar().valueChanged.connect(lambda _value: self._arrange())
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._lay_out)

    # What the pages say.

    def rowCount(self) -> int:
        return len(self._keys)

    @property
    def shown_keys(self) -> tuple[str, ...]:
        """The rows that are not filtered out."""
        return tuple(self._keys[row] for row in self._shown)

    @property
    def asked(self) -> tuple[str, ...]:
        """The rows whose boxes exist, or will when the table is shown at first."""
        if not self._rows:
            return tuple(self._keys[row] for row in self._shown[:FIRST])
        return tuple(self._keys[row] for row in self._rows)

    def show_rows(self, rows: Rows) -> None:
        """Show these. Widgets are made only if there are other keys."""
        if rows is self._content or rows == self._content:
            return
        before, self._content = self._content, rows
        if rows.keys != self._keys:
            for row in list(self._rows):
                self._let_go(row)
            self._keys = rows.keys
            self._places = {key: row for row, key in enumerate(rows.keys)}
            self._filter()
        for row, made in self._rows.items():
            for column, cell in made.cells.items():
                cell.setText(rows.texts[row][column])
        if rows.longest != before.longest:
            self._soon.start()

    def text(self, row: int, column: int) -> str:
        """What stands in a cell."""
        return self._content.texts[row][column]

    def offer(self, describe: Callable[[str], Offer]) -> None:
        """What the rows' combo boxes offer, by their keys. It is asked for the rows in sight alone."""
        self._describe = describe
        for row, made in self._rows.items():
            if made.combo is not None:
                made.combo.offer(describe(self._keys[row]))

    def combo(self, key: str) -> ChoiceCombo:
        """The combo box of a row, wherever that is."""
        combo = self._made(self._places[key]).combo
        assert combo is not None
        return combo

    def show_only(self, keys: Collection[str] | None) -> None:
        """Show only these rows; None shows all."""
        only = frozenset(keys) if keys is not None else None
        if only != self._only:
            self._only = only
            self._filter()

    def height_of(self, rows: int) -> int:
        """Pixels for so many rows, with the titles."""
        return self.viewportMargins().top() + rows * self._high + 2 * STEP

    def reveal(self, key: str) -> bool:
        """Bring a row into sight and mark it; False where there is none."""
        row = self._places.get(key)
        if row is None:
            return False
        if row not in self._slots:
            self.show_only(None)
        self._lay_out()
        place = self._slots[row] * self._high
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if not bar.value() <= place <= bar.value() + height - self._high:
            bar.setValue(max(0, place - height // 3))
        self._mark(key)
        combo = self._made(row).combo
        if combo is not None and combo.isEnabled():
            combo.setFocus()
        return True

    # How it is done.

    def _filter(self) -> None:
        self._shown = [row for row, key in enumerate(self._keys) if self._only is None or key in self._only]
        self._slots = {row: slot for slot, row in enumerate(self._shown)}
        for row in list(self._rows):
            if row not in self._slots:
                self._let_go(row)
        self._soon.start()

    def _mark(self, key: str) -> None:
        """Show which row is meant."""
        self._marked = key
        for row, made in self._rows.items():
            for cell in made.cells.values():
                font = cell.font()
                font.setBold(self._keys[row] == key)
                cell.setFont(font)

    def _made(self, row: int) -> _Row:
        """The widgets of a row, made where there are none yet."""
        made = self._rows.get(row)
        if made is not None:
            return made
        made = self._rows[row] = _Row()
        key = self._keys[row]
        for column in range(len(self._titles)):
            if column != self._column:
                cell = _Cell(lambda: self._clicked(key))
                cell.setParent(self._inside)
                cell.is_sentence = column in self._sentences
                across = Qt.AlignmentFlag.AlignRight if column in self._right else Qt.AlignmentFlag.AlignLeft
                cell.setAlignment(across | Qt.AlignmentFlag.AlignVCenter)
                cell.setText(self._content.texts[row][column])
                made.cells[column] = cell
        if self._factory is not None:
            made.combo = self._factory(key)
            made.combo.setParent(self._inside)
            made.combo.installEventFilter(self)
            if self._describe is not None:
                made.combo.offer(self._describe(key))
        self._place(row, made)
        for widget in made.widgets():
            widget.setVisible(row in self._slots)
        return made

    def _clicked(self, key: str) -> None:
        self._mark(key)
        self.row_clicked.emit(key)

    def _let_go(self, row: int) -> None:
        for widget in self._rows.pop(row).widgets():
            widget.hide()
            widget.deleteLater()

    def _lay_out(self) -> None:
        """Work the widths out, and show the rows that are in sight."""
        self._soon.stop()
        metrics = self.fontMetrics()
        wide = max(1, self.viewport().width() - 2 * PADDING)
        widest = WIDEST * metrics.averageCharWidth()
        widths = []
        for column, title in enumerate(self._titles):
            longest = self._content.longest[column] if column < len(self._content.longest) else ()
            wanted = max((metrics.horizontalAdvance(text[: 2 * WIDEST]) for text in longest), default=0)
            widths.append(max(min(wanted + 4, widest), title.sizeHint().width()) + 2 * PADDING)
        floor = min(wide * 2 // 5, OFFERED * metrics.averageCharWidth())
        least = LEAST * metrics.averageCharWidth() + 2 * PADDING
        self._widths = widths = shared_out(widths, wide, self._stretching, floor, least)
        self._inside.setMinimumHeight(len(self._shown) * self._high + STEP)
        left = PADDING + self.frameWidth()
        for width, title in zip(widths, self._titles, strict=True):
            title.setGeometry(left, STEP // 2, max(0, width - 2 * PADDING), metrics.height())
            left += width
        for row, made in self._rows.items():
            self._place(row, made)
        self._arrange()

    def _place(self, row: int, made: _Row) -> None:
        if row not in self._slots or not self._widths:
            return
        top = self._slots[row] * self._high + STEP // 2
        left = PADDING
        for column, width in enumerate(self._widths):
            inner = QRect(left, top, max(0, width - 2 * PADDING), self._high - STEP // 2)
            if column == self._column and made.combo is not None:
                made.combo.setGeometry(inner.adjusted(0, 0, PADDING, 0))
            elif column in made.cells:
                made.cells[column].setGeometry(inner)
            left += width

    def _arrange(self) -> None:
        """Make the rows in sight, and those just around them; let those far away go."""
        if not self._widths or not self.isVisible():
            return
        first = max(0, self.verticalScrollBar().value() // self._high - AROUND)
        last = first + self.viewport().height() // self._high + 2 * AROUND + 1
        wanted = self._shown[first:last]
        combos = [combo for row in wanted if (combo := self._made(row).combo) is not None]
        for before, after in itertools.pairwise(combos):
            QWidget.setTabOrder(before, after)
        if len(self._rows) > MOST:
            near = set(wanted)
            for row in [row for row, made in self._rows.items() if row not in near and not _in_use(made)]:
                self._let_go(row)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Whoever comes to a row by the keyboard sees it."""
        if event.type() is QEvent.Type.FocusIn and isinstance(watched, ChoiceCombo):
            self.ensureWidgetVisible(watched, 0, self._high)
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._lay_out()


def _in_use(made: _Row) -> bool:
    return made.combo is not None and (made.combo.hasFocus() or made.combo.view().isVisible())
