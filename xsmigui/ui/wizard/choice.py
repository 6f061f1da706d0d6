"""A combo box of candidates: what cannot be chosen is greyed, its reason in the same line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QItemSelection, Qt, Signal
from PySide6.QtGui import QAccessible, QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QWidget

from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.text import _, printable
from xsmigui.ui.fields import Combo
from xsmigui.ui.words import explain, tip


def line(candidate: Candidate) -> str:
    """``host-02 · 12.0 GiB of memory free · older than the current server``"""
    parts = [candidate.name, candidate.detail, candidate.note]
    if not candidate.usable:
        parts.append(candidate.reason)
    return printable(" · ".join(part for part in parts if part))


Aside = Callable[[Callable[[], Sequence[Candidate]], Callable[[Sequence[Candidate]], None]], None]
"""Does work in a thread and hands its outcome on."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a box offers: the present choice (None: nothing is chosen yet), and how its list is made when somebody wants
    to see it. `name` is what screen readers hear."""

    current: Candidate | None
    candidates: Callable[[], Sequence[Candidate]]
    placeholder: str = ""
    name: str = ""
    enabled: bool = True
    aside: "Aside | None" = None
    """Makes the list in a thread, if that takes long; the box says so meanwhile."""


class ChoiceCombo(Combo):
    """Shows candidates and tells what the operator chose. `fill` and `offer` may be called at any time: they change
    only what differs, and nothing while the list is open."""

    chosen = Signal(str)

    def __init__(self, object_name: str, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(object_name, accessible, parent)
        self._items: tuple[tuple[str, str, bool], ...] = ()
        self._current: str | None = None
        self._filling = False
        self._late: Callable[[], Sequence[Candidate]] | None = None
        self._later: Callable[[], None] | None = None
        self._aside: Aside | None = None
        self.currentIndexChanged.connect(self._index_changed)

    def fill(self, candidates: Sequence[Candidate], current: str | None, placeholder: str = "") -> None:
        """Offer these, with the present choice (None: nothing is chosen yet)."""
        if self.view().isVisible():
            self._later = lambda: self.fill(candidates, current, placeholder)
            return
        self._late = None
        self._show(tuple((c.ref, line(c), c.usable) for c in candidates), current, placeholder)

    def offer(self, offer: Offer) -> None:
        """Show the present choice; the list is made when it is opened, or at once where a screen reader listens."""
        if self.view().isVisible():
            self._later = lambda: self.offer(offer)
            return
        if offer.name:
            self.setAccessibleName(printable(offer.name))
        self.setEnabled(offer.enabled)
        self._late, self._aside = offer.candidates, offer.aside
        current = offer.current
        shown = ((current.ref, line(current), current.usable),) if current is not None else ()
        if QAccessible.isActive() and offer.aside is None:
            self._current = current.ref if current is not None else None
            self.setPlaceholderText(offer.placeholder)
            self._make_list()
        elif shown != tuple(item for item in self._items if item[0] == self._current) or not shown:
            self._show(shown, current.ref if current is not None else None, offer.placeholder)

    def _make_list(self) -> None:
        """Fill the list, if that was put off."""
        late, self._late = self._late, None
        if late is not None:
            items = tuple((c.ref, line(c), c.usable) for c in late())
            self._show(items, self._current, self.placeholderText())

    def _show(self, items: tuple[tuple[str, str, bool], ...], current: str | None, placeholder: str) -> None:
        self._filling = True
        try:
            self.setPlaceholderText(placeholder)
            if items != self._items:
                self._items = items
                model = QStandardItemModel(self)
                for ref, text, usable in items:
                    item = QStandardItem(text)
                    item.setData(ref, Qt.ItemDataRole.UserRole)
                    item.setToolTip(tip(text))
                    if not usable:
                        item.setFlags(item.flags() & ~(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable))
                    model.appendRow(item)
                self.setModel(model)  # Qt deletes the old one, whose parent is the box
                self.view().selectionModel().selectionChanged.connect(self._selected_in_list)
            self._current = current
            refs = [ref for ref, _text, _usable in items]
            self.setCurrentIndex(refs.index(current) if current in refs else -1)
            explain(self, self.currentText())
        finally:
            self._filling = False

    def choose(self, ref: str) -> None:
        """As if the operator had chosen this one (tests)."""
        self._make_list()
        index = next(i for i, (item, _text, usable) in enumerate(self._items) if item == ref and usable)
        self.setCurrentIndex(index)

    @property
    def _shown(self) -> tuple[tuple[str, str, bool], ...]:
        """Every entry: its reference, its text, and whether it may be chosen."""
        self._make_list()
        return self._items

    def texts(self) -> list[str]:
        return [text for _ref, text, _usable in self._shown]

    def showPopup(self) -> None:
        if self._is_slow:
            self._await_list()
        else:
            self._make_list()
        super().showPopup()

    @property
    def _is_slow(self) -> bool:
        return self._late is not None and self._aside is not None

    def _await_list(self) -> None:
        """Say that the list is being made."""
        late, aside = self._late, self._aside
        assert late is not None
        assert aside is not None
        self._show((("", _("Checking…"), False),), None, self.placeholderText())
        aside(late, lambda found: self._list_made(late, found))

    def _list_made(self, late: Callable[[], Sequence[Candidate]], found: Sequence[Candidate]) -> None:
        if self._late is not late:
            return  # it is out of date, and made anew when it is opened again
        is_open = self.view().isVisible()
        if is_open:
            super().hidePopup()
        self._late = None
        self._show(tuple((c.ref, line(c), c.usable) for c in found), self._current, self.placeholderText())
        if is_open:
            super().showPopup()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            if self._is_slow:
                self.showPopup()
                return
            self._make_list()
        super().keyPressEvent(event)

    def hidePopup(self) -> None:
        super().hidePopup()
        later, self._later = self._later, None
        if later is not None:
            later()

    def _selected_in_list(self, chosen: QItemSelection) -> None:
        """A screen reader chooses by selecting in the list, which need not be open for that."""
        rows = [index.row() for index in chosen.indexes()]
        if rows and not self._filling and not self.view().isVisible() and self._items[rows[0]][2]:
            self.setCurrentIndex(rows[0])

    def _index_changed(self, index: int) -> None:
        if self._filling or not 0 <= index < len(self._items):
            return
        ref, _text, usable = self._items[index]
        if usable and ref != self._current:
            self._current = ref
            self.chosen.emit(ref)
