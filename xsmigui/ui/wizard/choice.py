"""A combo box of candidates: what cannot be chosen is greyed, its reason in the same line."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QItemSelection, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QWidget

from xsmigui.core.migration.candidates import Candidate
from xsmigui.core.text import printable
from xsmigui.ui.fields import Combo
from xsmigui.ui.words import explain, tip


def line(candidate: Candidate) -> str:
    """``host-02 · 12.0 GiB of memory free · older than the current server``"""
    parts = [candidate.name, candidate.detail, candidate.note]
    if not candidate.usable:
        parts.append(candidate.reason)
    return printable(" · ".join(part for part in parts if part))


class ChoiceCombo(Combo):
    """Shows candidates and tells what the operator chose. `fill` may be called at any time: it changes only what
    differs, and nothing while the list is open."""

    chosen = Signal(str)

    def __init__(self, object_name: str, accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(object_name, accessible, parent)
        self._shown: tuple[tuple[str, str, bool], ...] = ()
        self._current: str | None = None
        self._filling = False
        self._later: Callable[[], None] | None = None
        self.currentIndexChanged.connect(self._index_changed)

    def fill(self, candidates: Sequence[Candidate], current: str | None, placeholder: str = "") -> None:
        """Offer these, with the present choice (None: nothing is chosen yet)."""
        if self.view().isVisible():
            self._later = lambda: self.fill(candidates, current, placeholder)
            return
        items = tuple((c.ref, line(c), c.usable) for c in candidates)
        self._filling = True
        try:
            self.setPlaceholderText(placeholder)
            if items != self._shown:
                self._shown = items
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
                self._current = None
            self._current = current
            refs = [ref for ref, _text, _usable in items]
            self.setCurrentIndex(refs.index(current) if current in refs else -1)
            explain(self, self.currentText())
        finally:
            self._filling = False

    def choose(self, ref: str) -> None:
        """As if the operator had chosen this one (tests)."""
        index = next(i for i, (item, _text, usable) in enumerate(self._shown) if item == ref and usable)
        self.setCurrentIndex(index)

    def texts(self) -> list[str]:
        return [text for _ref, text, _usable in self._shown]

    def hidePopup(self) -> None:
        super().hidePopup()
        later, self._later = self._later, None
        if later is not None:
            later()

    def _selected_in_list(self, chosen: QItemSelection) -> None:
        """A screen reader chooses by selecting in the list, which need not be open for that."""
        rows = [index.row() for index in chosen.indexes()]
        if rows and not self._filling and not self.view().isVisible() and self._shown[rows[0]][2]:
            self.setCurrentIndex(rows[0])

    def _index_changed(self, index: int) -> None:
        if self._filling or not 0 <= index < len(self._shown):
            return
        ref, _text, usable = self._shown[index]
        if usable and ref != self._current:
            self._current = ref
            self.chosen.emit(ref)
