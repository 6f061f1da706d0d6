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
    QMainWindow,
    QMenu,
    QScrollArea,
    QTabBar,
    QTabWidget,
    QWidget,
)

from tests.simulated import Simulated
from tests.ui.driving import driven
from tests.ui.programs import connected, running
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
        if not widget.isVisibleTo(top) or widget.objectName().startswith("qt_") or isinstance(widget, Link):
            continue
        if isinstance(widget, QAbstractButton) and widget.text():
            wanted = widget.sizeHint()
        elif isinstance(widget, Paragraph) and not _scrolled(widget):
            wanted = QSize(0, widget.heightForWidth(widget.width()))
        elif type(widget) is QLabel and widget.text() and not widget.wordWrap():
            wanted = widget.sizeHint()
        else:
            continue
        if widget.width() < wanted.width() or widget.height() < wanted.height():
            found.append(f"{top.objectName()} {type(widget).__name__} {widget.objectName()!r} {widget.size()} {wanted}")
    return found


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
    usual = QFont(qapp.font())

    def look(top: QWidget) -> None:
        clashing.update(clashes(top))
        for scale in SCALES:
            font = QFont(usual)
            font.setPointSizeF(usual.pointSizeF() * scale)
            before = top.size()
            qapp.setFont(font)
            wanted = top.sizeHint() if isinstance(top, QDialog) else SCREEN
            top.resize(wanted.expandedTo(before).boundedTo(SCREEN))
            QApplication.sendPostedEvents()
            for fault in squeezed(top):
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
                async with everything(program, check):
                    pass
    finally:
        qapp.setFont(usual)
        use(NullTranslations())
    assert not clashing
    assert not narrow, "\n".join(narrow.values())
