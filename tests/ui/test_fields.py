"""Fields of choice: their outlines can be seen in every theme, and each has a name of its own."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QProxyStyle, QStyle, QStyleOptionButton

import xsmigui.ui
from xsmigui.ui import style
from xsmigui.ui.fields import Check, Combo, Radio


@pytest.mark.parametrize("colours", [style._LIGHT, style._DARK], ids=["light", "dark"])
@pytest.mark.parametrize("kind", [Check, Radio])
@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_not_ticked_can_be_seen(
    qapp: QApplication, colours: dict[QPalette.ColorRole, str], kind: type[Check | Radio], enabled: bool
) -> None:
    qapp.setStyle("Fusion")
    button = kind("Choose an SR for each virtual disk")
    button.setPalette(style.refined(style._palette(colours)))
    button.setAutoFillBackground(True)
    button.setEnabled(enabled)
    button.resize(button.sizeHint())
    image = button.grab().toImage()
    ground = button.palette().color(QPalette.ColorRole.Window)
    element = QStyle.SubElement
    option = QStyleOptionButton()
    option.initFrom(button)
    box = button.style().subElementRect(
        element.SE_RadioButtonIndicator if kind is Radio else element.SE_CheckBoxIndicator, option, button
    )
    middle = box.center().y()
    edge = max(style.contrast(image.pixelColor(x, middle), ground) for x in range(box.left(), box.left() + 5))
    assert edge >= style.VISIBLE
    button.deleteLater()


def test_each_filter_has_its_own_name() -> None:
    names: Counter[str] = Counter()
    for path in sorted(Path(xsmigui.ui.__file__).parent.rglob("*.py")):
        names.update(re.findall(r'"(\w+Filter)"', path.read_text(encoding="utf-8")))
    assert len(names) >= 6
    assert [name for name, times in names.items() if times > 1] == []


def test_a_screen_reader_chooses_in_the_list_that_is_not_open(qapp: QApplication) -> None:
    combo = Combo("box", "Box")
    for name in ("light", "dark"):
        combo.add_entry(name, name)
    assert combo.currentData() == "light"
    combo.view().selectionModel().select(combo.model().index(1, 0), QItemSelectionModel.SelectionFlag.ClearAndSelect)
    assert combo.currentData() == "dark"
    combo.clear()
    combo.add_entry("third", "third")
    assert combo.currentData() == "third"
    combo.deleteLater()


def test_what_is_chosen_is_not_cut_through_a_letter(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    class Style(QProxyStyle):
        def drawControl(self, element: Any, option: Any, painter: Any, widget: Any = None) -> None:
            if element is QStyle.ControlElement.CE_ComboBoxLabel:
                drawn.append(option.currentText)
            super().drawControl(element, option, painter, widget)

    combo = Combo("box", "Box")
    combo.add_entry("NFS Lisboa · shared · 245.7 GiB free", "sr")
    own = Style("Fusion")
    combo.setStyle(own)
    combo.resize(120, 24)
    combo.grab()
    assert drawn[-1].startswith("NFS Lisboa")
    assert drawn[-1].endswith("…")
    combo.resize(600, 24)
    combo.grab()
    assert drawn[-1] == "NFS Lisboa · shared · 245.7 GiB free"
    combo.deleteLater()
