"""In every window, in both languages: each letter for the keyboard is there once, and at 100, 150 and 200 % of the size
of the text nothing gets less room than it asks for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QLabel,
    QLayout,
    QMainWindow,
    QMenu,
    QScrollArea,
    QTabBar,
    QTabWidget,
    QToolButton,
    QWidget,
)

from tests.english import english_in
from tests.simulated import Simulated
from tests.ui.driving import driven
from tests.ui.programs import connected, names_of, running
from tests.ui.test_every_window import everything
from xsmigui.app import Options
from xsmigui.core.text import use
from xsmigui.ui.links import Link
from xsmigui.ui.words import Paragraph

SCALES = (1.0, 1.5, 2.0)
SCREEN = QSize(1280, 800)

MARKED = re.compile(r"(?<!&)&(?!&)(\S)")


def letters(texts: Iterator[str]) -> Counter[str]:
    return Counter(found.group(1).casefold() for text in texts if (found := MARKED.search(text)) is not None)


def texts(top: QWidget) -> Iterator[str]:
    """Every visible text with a letter that the keyboard may go to."""
    for widget in top.findChildren(QWidget):
        if not widget.isVisibleTo(top) or isinstance(widget, Link):
            continue
        if isinstance(widget, QAbstractButton) or (isinstance(widget, QLabel) and widget.buddy() is not None):
            yield widget.text()
        elif isinstance(widget, QTabBar):
            yield from (widget.tabText(n) for n in range(widget.count()) if widget.isTabVisible(n))
    if isinstance(top, QMainWindow):
        yield from (action.text() for action in top.menuBar().actions())


def clashes(top: QWidget) -> list[str]:
    """The letters that are there twice in a window, or in one of its menus."""
    found = [f"{top.objectName()}: {letter}" for letter, n in letters(texts(top)).items() if n > 1]
    for menu in top.findChildren(QMenu):
        some = letters(action.text() for action in menu.actions() if not action.isSeparator())
        found += [f"{menu.title()}: {letter}" for letter, n in some.items() if n > 1]
    return found


def squeezed(top: QWidget) -> list[str]:
    """What has less room than its text needs. What loses its middle by design, or is scrolled, does not count."""
    found = []
    for widget in top.findChildren(QWidget):
        of_qt = not widget.objectName() or widget.objectName().startswith(("qt_", "_q_"))
        if not widget.isVisibleTo(top) or isinstance(widget, Link) or (of_qt and isinstance(widget, QToolButton)):
            continue
        if _scrolled(widget):
            continue
        if isinstance(widget, QAbstractButton) and widget.text():
            asked = widget.sizeHint()
        elif isinstance(widget, Paragraph):
            asked = QSize(0, widget.heightForWidth(widget.width()))
        elif type(widget) is QLabel and widget.text() and not widget.wordWrap():
            asked = widget.sizeHint()
        else:
            continue
        if widget.width() < asked.width() or widget.height() < asked.height() - 1:
            sizes = f"{widget.size().toTuple()} instead of {asked.toTuple()}"
            found.append(f"{top.objectName()} {type(widget).__name__} {widget.objectName()!r} {sizes}")
    return found


def wanted(top: QWidget) -> QSize:
    """The size that a window opens with."""
    if not isinstance(top, QDialog):
        return SCREEN
    size, layout = top.sizeHint().expandedTo(top.minimumSizeHint()), top.layout()
    if layout is not None and layout.hasHeightForWidth():
        size.setHeight(max(size.height(), layout.totalHeightForWidth(max(size.width(), top.width()))))
    return size


def settle(top: QWidget) -> None:
    """Let the layouts follow: what changes in one of them is news for the one around it."""
    for _turn in range(4):
        QApplication.sendPostedEvents()
        for layout in top.findChildren(QLayout):
            layout.activate()


def _scrolled(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            return True
        parent = parent.parentWidget()
    return False


@pytest.mark.parametrize("language", ["en", "es"])
@driven
async def test_every_window_fits(qapp: QApplication, home: Path, language: str) -> None:
    clashing: set[str] = set()
    narrow: dict[str, str] = {}
    foreign: set[str] = set()
    names: set[str] = set()
    usual = QFont(qapp.font())

    def look(top: QWidget) -> None:
        clashing.update(clashes(top))
        if language == "es":
            foreign.update(english_in(top, names))
        for scale in SCALES:
            font = QFont(usual)
            font.setPointSizeF(usual.pointSizeF() * scale)
            before = top.size()
            qapp.setFont(font)
            settle(top)
            top.resize(wanted(top).expandedTo(before).boundedTo(SCREEN))
            settle(top)
            top.resize(wanted(top).expandedTo(top.size()).boundedTo(SCREEN))
            settle(top)
            is_full = isinstance(top, QDialog) and top.height() >= SCREEN.height()  # of a hostile text
            for fault in squeezed(top) if not is_full else []:
                narrow.setdefault(" ".join(fault.split(" ")[:3]), f"{scale:.0%} {fault}")
            top.resize(before)
        qapp.setFont(usual)

    def check(top: QWidget) -> None:
        pages = top.findChild(QTabWidget) if isinstance(top, QDialog) else None
        for number in range(pages.count()) if pages is not None else [0]:
            if pages is not None:
                pages.setCurrentIndex(number)
            look(top)

    try:
        with Simulated.start("two-pools") as site:
            async with running(qapp, home, Options(language=language)) as program:
                await connected(program, site)
                names.update(names_of(program))
                async with everything(program, check):
                    pass
    finally:
        qapp.setFont(usual)
        use(NullTranslations())
    assert not clashing
    assert not foreign, "\n".join(sorted(foreign))
    assert not narrow, "\n".join(narrow.values())
