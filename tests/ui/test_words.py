"""Text of servers in widgets: plain, printable, and never wider than there is room for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from PySide6.QtGui import QAction, QPalette, QTextDocument
from PySide6.QtGui import Qt as RichText
from PySide6.QtWidgets import QApplication, QPushButton

import xsmigui.ui
from xsmigui.core.text import printable
from xsmigui.ui import style
from xsmigui.ui.words import Label, Paragraph, entry, explain, middle, tip, title

NAME = "<b>a</b>&amp;\n\x1b[31m‮x"


def test_control_characters_are_shown() -> None:
    assert printable("web-01 ünï ✓ 日本") == "web-01 ünï ✓ 日本"
    assert printable("a\nb\tc\x07\x7f") == "a␊b␉c␇␡"
    assert printable("a‮b\x9b\u2028") == "a⟨U+202E⟩b⟨U+009B⟩⟨U+2028⟩"
    assert printable("a\nb", "\n") == "a\nb"
    assert printable("👩‍💻") == "👩‍💻"
    assert printable(printable(NAME)) == printable(NAME)


def test_a_tooltip_is_plain_and_of_bounded_size() -> None:
    assert tip("web-01 cannot go.") == "web-01 cannot go."
    for text in (NAME, "<table><tr><td>x", "&lt;b&gt;", "<!doctype html>"):
        shown = tip(text)
        if RichText.mightBeRichText(shown):
            page = QTextDocument()
            page.setHtml(shown)
            shown = page.toPlainText()
        assert shown == printable(text, "\n")
    assert max(len(line) for line in tip("a" * 4096).split("\n")) <= 160
    assert len(tip("\n".join("abc")).split("\n")) == 3
    assert len(tip("\n" * 4096).split("\n")) <= 25


def test_titles_and_entries() -> None:
    assert title("a[*]b") == "a[*][*]b"
    assert len(title("a" * 4096)) == 120
    assert entry("a & b\t") == "a && b␉"
    assert middle("abcdef", 5) == "ab…ef"
    assert len(middle("a" * 99, 10)) == 10


def test_a_label_is_pressed_together_and_whole_in_its_tooltip(qapp: QApplication) -> None:
    label = Label("x" * 4096)
    assert label.text() == "x" * 4096
    assert label.sizeHint().width() < 800
    assert label.minimumSizeHint().width() < 100
    label.resize(200, 20)
    assert "…" in label._elided()
    assert label.toolTip()
    label.setText("short\n")
    assert label.text() == "short␊"
    assert not label.toolTip()
    label.explain("why")
    assert label.toolTip() == "why"


def test_a_paragraph_breaks_words(qapp: QApplication) -> None:
    text = Paragraph("y" * 4096)
    assert text.text() == "y" * 4096
    assert text.accessibleName() == "y" * 4096
    assert text.minimumSizeHint().width() < 150
    assert text.heightForWidth(500) < 500
    assert text.toolTip()
    text.setText("fine.")
    assert not text.toolTip()


def test_a_widget_is_explained(qapp: QApplication) -> None:
    button = QPushButton("Go")
    explain(button, "<b>no</b>")
    assert "&lt;b&gt;" in button.toolTip()
    assert button.accessibleDescription() == "<b>no</b>"
    action = QAction("Go")
    explain(action, "why")
    assert action.toolTip() == "why"


# The rooms: nothing else makes labels, combo boxes and the like.

ROOMS = {
    "words.py": {"QLabel"},
    "fields.py": {"QComboBox", "QSpinBox", "QDateTimeEdit"},
}
KEPT = {"QLabel", "QComboBox", "QSpinBox", "QDoubleSpinBox", "QSlider", "QDial", "QDateTimeEdit", "QDateEdit",
        "QTimeEdit", "QFontComboBox", "QScrollBar", "QMessageBox", "QToolTip", "QInputDialog"}  # fmt: skip
SOURCES = sorted(Path(xsmigui.ui.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_widgets_for_servers_text_and_choices_come_from_their_rooms(path: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "PySide6.QtWidgets":
            found |= {alias.name for alias in node.names} & KEPT
    assert found <= ROOMS.get(path.name, set())


# Colours.


def palettes() -> list[QPalette]:
    return [style._palette(colours) for colours in (style._LIGHT, style._DARK)] + [QPalette()]


@pytest.mark.parametrize("number", range(3))
def test_greys_can_be_read(qapp: QApplication, number: int) -> None:
    palette = style.refined(palettes()[number])
    disabled, active = QPalette.ColorGroup.Disabled, QPalette.ColorGroup.Active
    role = QPalette.ColorRole
    grounds = [palette.color(active, ground) for ground in (role.Base, role.Window, role.AlternateBase)]
    for text in (role.Text, role.WindowText):
        assert all(style.contrast(palette.color(disabled, text), ground) >= 4.5 for ground in grounds[:2])
    assert style.contrast(palette.color(disabled, role.ButtonText), palette.color(active, role.Button)) >= 4.5
    assert all(style.contrast(style.dim(palette), ground) >= 4.5 for ground in grounds)
    assert style.contrast(palette.color(active, role.PlaceholderText), grounds[0]) >= 4.5
    assert style.contrast(palette.color(active, role.HighlightedText), palette.color(active, role.Highlight)) >= 4.5


@pytest.mark.parametrize("number", range(3))
def test_bars_can_be_seen(qapp: QApplication, number: int) -> None:
    palette = style.refined(palettes()[number])
    window, base = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.Base)
    for ground in (window, base, style.trough(palette)):
        assert style.contrast(style.edge(palette), ground) >= 3
    assert style.contrast(style.accent(palette), style.trough(palette)) >= 3
    assert style.contrast(style.alarm(palette), style.trough(palette)) >= 3


@pytest.mark.parametrize("is_system", [False, True])
def test_buttons_with_colours_of_their_own_follow_the_theme(qapp: QApplication, is_system: bool) -> None:
    """A style sheet would keep *Next* in the palette in which it was made, dark on light when it cannot be pressed."""
    before = qapp.palette()
    button = style.primary(QPushButton("Next"))
    button.setEnabled(False)
    button.show()
    try:
        for theme in ("light", "dark", "light"):
            if is_system:
                qapp.setPalette(style.refined(style._palette(style._DARK if theme == "dark" else style._LIGHT)))
                style.keep_readable(qapp)
            else:
                style.apply(qapp, theme)
            ground = button.grab().toImage().pixelColor(8, button.height() // 2)
            assert ground == qapp.palette().color(QPalette.ColorRole.Button)
    finally:
        qapp.setPalette(before)
        button.deleteLater()


def test_labels_follow_the_theme(qapp: QApplication) -> None:
    before = qapp.palette()
    try:
        label, text = Label("dim", is_dim=True), Paragraph("dim", is_dim=True)
        for palette in palettes():
            qapp.setPalette(style.refined(palette))
            for widget in (label, text):
                colours = widget.palette()
                drawn, ground = colours.color(QPalette.ColorRole.WindowText), colours.color(QPalette.ColorRole.Window)
                assert style.contrast(drawn, ground) >= 4.5
    finally:
        qapp.setPalette(before)
