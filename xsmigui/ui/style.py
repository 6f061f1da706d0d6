"""The look: the platform's own style, light or dark, an accent for the primary action and selection, an 8-pixel rhythm.

Colours are worked out from the palette of the moment, so that windows that are open follow a change of theme.
"""

import sys
from functools import lru_cache
from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QLayout, QPushButton, QTableView, QTreeView, QWidget

from xsmigui.core.text import printable

STEP: Final = 8
"""Pixels of the grid on which everything stands."""

PADDING: Final = 12
"""Pixels on both sides of the text in a table's cell."""

OWN_INSET: Final = 4
"""Pixels of it that Qt's styles leave themselves."""

ACCENT: Final = QColor("#1f6feb")

READABLE: Final = 4.5
"""The least contrast of text with what it stands on (WCAG 2.1, 1.4.3)."""

VISIBLE: Final = 3.0
"""The least contrast of the edges of what is drawn (WCAG 2.1, 1.4.11)."""

THEMES: Final = ("", "light", "dark")
"""What may be chosen; empty is as the system is set."""

Role = QPalette.ColorRole
Group = QPalette.ColorGroup

_LIGHT: Final = {
    Role.Window: "#f3f4f6", Role.WindowText: "#1c1e21", Role.Base: "#ffffff", Role.AlternateBase: "#f6f8fa",
    Role.Text: "#1c1e21", Role.Button: "#eceef1", Role.ButtonText: "#1c1e21", Role.ToolTipBase: "#ffffff",
    Role.ToolTipText: "#1c1e21", Role.Light: "#ffffff", Role.Midlight: "#e4e7eb", Role.Mid: "#b6bcc4",
    Role.Dark: "#8d959f", Role.Shadow: "#60676f", Role.Link: "#0b57d0", Role.BrightText: "#ffffff",
}  # fmt: skip
_DARK: Final = {
    Role.Window: "#303439", Role.WindowText: "#eceef0", Role.Base: "#191b1e", Role.AlternateBase: "#1f2226",
    Role.Text: "#eceef0", Role.Button: "#42474e", Role.ButtonText: "#e8eaed", Role.ToolTipBase: "#33373d",
    Role.ToolTipText: "#e8eaed", Role.Light: "#4a5058", Role.Midlight: "#3c4148", Role.Mid: "#565d66",
    Role.Dark: "#17191c", Role.Shadow: "#0e0f11", Role.Link: "#8ab4f8", Role.BrightText: "#ffffff",
}  # fmt: skip


def apply(app: QApplication, theme: str = "") -> None:
    """Fusion on Linux, the native style elsewhere; light or dark as chosen, else as the system is."""
    scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(theme, Qt.ColorScheme.Unknown)
    if sys.platform in ("win32", "darwin"):
        app.styleHints().setColorScheme(scheme)
    elif app.style().name() != "fusion":
        app.setStyle("Fusion")
    if theme:
        app.setPalette(refined(_palette(_DARK if theme == "dark" else _LIGHT)))
    else:
        app.setPalette(refined(app.style().standardPalette() if _is_ours(app.palette()) else app.palette()))
    _redress(app)


def _palette(colours: dict[QPalette.ColorRole, str]) -> QPalette:
    palette = QPalette()
    for role, colour in colours.items():
        palette.setColor(role, QColor(colour))
    return palette


def _is_ours(palette: QPalette) -> bool:
    """A theme was chosen before, which is to be left."""
    return palette.color(Role.Window).name() in (_LIGHT[Role.Window], _DARK[Role.Window])


def refined(palette: QPalette) -> QPalette:
    """The palette with our accent, and with greys that can be read: what is disabled often says why."""
    made = QPalette(palette)
    for group in (Group.Active, Group.Inactive):
        made.setColor(group, Role.Highlight, ACCENT)
        made.setColor(group, Role.HighlightedText, QColor("white"))
    for text, ground in ((Role.Text, Role.Base), (Role.WindowText, Role.Window), (Role.ButtonText, Role.Button)):
        grounds = [palette.color(Group.Active, role) for role in (ground, Role.Window, Role.Base, Role.Button)]
        grey = readable(mixed(palette.color(Group.Active, text), grounds[0], 0.35), *grounds)
        made.setColor(Group.Disabled, text, grey)
    base = palette.color(Group.Active, Role.Base)
    hint_colour = readable(mixed(palette.color(Group.Active, Role.Text), base, 0.4), base)
    for group in (Group.Active, Group.Inactive, Group.Disabled):
        made.setColor(group, Role.PlaceholderText, hint_colour)
    return made


def keep_readable(app: QApplication) -> None:
    """After the system has changed its theme: bring our colours into the new palette, if they are not there yet."""
    wanted = refined(app.palette())
    same = (Role.Highlight, Role.PlaceholderText)
    if any(wanted.color(role) != app.palette().color(role) for role in same) or wanted.color(
        Group.Disabled, Role.Text
    ) != app.palette().color(Group.Disabled, Role.Text):
        app.setPalette(wanted)
    _redress(app)


def _redress(app: QApplication) -> None:
    """Widgets with a style sheet of their own keep the palette in which it was set (Qt 6.11): set it once more."""
    for widget in app.allWidgets():
        if sheet := widget.styleSheet():
            widget.setStyleSheet("")
            widget.setPalette(app.palette(widget))
            widget.setStyleSheet(sheet)


# Colours.


@lru_cache(maxsize=256)
def _luminance(rgb: int) -> float:
    """The relative luminance of WCAG, 0 to 1."""

    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear((rgb >> shift & 0xFF) / 255) for shift in (16, 8, 0))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: QColor, other: QColor) -> float:
    """The contrast of two colours, 1 to 21 (WCAG)."""
    dark, light = sorted((_luminance(one.rgb()), _luminance(other.rgb())))
    return (light + 0.05) / (dark + 0.05)


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """One colour with a share of another in it."""
    parts = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a * (1 - share) + b * share) for a, b in parts))


def readable(colour: QColor, *grounds: QColor, least: float = READABLE) -> QColor:
    """The colour, brought so near to black or white that it has the contrast with all these grounds."""
    return QColor.fromRgba(_readable(colour.rgba(), tuple(ground.rgb() for ground in grounds), least))


@lru_cache(maxsize=256)
def _readable(rgba: int, grounds: tuple[int, ...], least: float) -> int:
    """It is asked for at each painting, always of the same few colours."""
    colour, behind = QColor.fromRgba(rgba), [QColor.fromRgb(ground) for ground in grounds]
    if not behind or min(contrast(colour, ground) for ground in behind) >= least:
        return rgba
    ends = (QColor("black"), QColor("white"))
    end = max(ends, key=lambda one: min(contrast(one, ground) for ground in behind))
    for tenth in range(1, 10):
        found = mixed(colour, end, tenth / 10)
        if min(contrast(found, ground) for ground in behind) >= least:
            return found.rgba()
    return end.rgba()


def is_dark(palette: QPalette) -> bool:
    return palette.color(Role.Base).lightness() < 128


def dim(palette: QPalette) -> QColor:
    """The colour of what matters less; it can be read on lists and on windows alike."""
    base, window = palette.color(Group.Active, Role.Base), palette.color(Group.Active, Role.Window)
    other = palette.color(Group.Active, Role.AlternateBase)
    return readable(mixed(palette.color(Group.Active, Role.Text), base, 0.3), base, window, other)


def accent(palette: QPalette) -> QColor:
    """The accent for what is drawn: brighter on dark grounds."""
    return QColor("#5aa2ff") if is_dark(palette) else ACCENT


def alarm(palette: QPalette) -> QColor:
    """The colour of what is too full or has failed."""
    return QColor("#ff7b72") if is_dark(palette) else QColor("#c0392b")


def trough(palette: QPalette) -> QColor:
    """The free part of a bar."""
    window = palette.color(Role.Window)
    return mixed(window, palette.color(Role.WindowText), 0.16 if is_dark(palette) else 0.12)


def edge(palette: QPalette) -> QColor:
    """The outline of a bar."""
    window, base = palette.color(Role.Window), palette.color(Role.Base)
    return readable(mixed(window, palette.color(Role.WindowText), 0.4), window, base, trough(palette), least=VISIBLE)


# Widgets.


def primary(button: QPushButton) -> QPushButton:
    """Make a button the one that goes on."""
    button.setDefault(True)
    button.setStyleSheet(
        f"QPushButton {{ background: {ACCENT.name()}; color: white; border: none; border-radius: 4px;"
        f" padding: 6px 16px; }} QPushButton:hover {{ background: {ACCENT.lighter(110).name()}; }}"
        " QPushButton:disabled { background: palette(button); color: palette(button-text);"
        " border: 1px solid palette(mid); padding: 5px 15px; }"
        " QPushButton:focus { outline: none; border: 2px solid palette(text); padding: 4px 14px; }"
    )
    return button


def larger(widget: QWidget, points: int, bold: bool = True) -> None:
    """Give a widget a larger font."""
    font = QFont(widget.font())
    font.setPointSizeF(font.pointSizeF() + points)
    font.setBold(bold)
    widget.setFont(font)


def repaints_on(event: QEvent) -> bool:
    """The event is a change of colours, after which colours that were worked out are worked out again."""
    return event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange)


def spaced(layout: QLayout, margin: int = 2, spacing: int = 1) -> None:
    """Set a layout's distances, in steps of the grid."""
    layout.setContentsMargins(margin * STEP, margin * STEP, margin * STEP, margin * STEP)
    layout.setSpacing(spacing * STEP)


def plain_table(table: QTableView) -> None:
    """A table without grid: whole rows are chosen, rows as high as their text; what is too long loses its middle."""
    table.setShowGrid(False)
    table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
    table.setAlternatingRowColors(True)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + STEP)
    table.horizontalHeader().setHighlightSections(False)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    inset(table)


def inset(view: QTableView | QTreeView) -> None:
    """Texts of cells and titles keep their distance from the edges of their columns."""
    sides = f"padding-left: {PADDING - OWN_INSET}px; padding-right: {PADDING - OWN_INSET}px;"
    kind = "QTableView" if isinstance(view, QTableView) else "QTreeView"
    view.setStyleSheet(f"{kind}::item {{ {sides} }} QHeaderView::section {{ {sides} }}")


def named(widget: QWidget, object_name: str, accessible: str) -> None:
    """Give a widget the names by which tests and screen readers know it."""
    widget.setObjectName(object_name)
    widget.setAccessibleName(printable(accessible))
