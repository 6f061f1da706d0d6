"""F1 opens the guide at what it says of the place; Ctrl+K goes to objects and does what menus have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QPalette, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QTabWidget

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, press, windows
from tests.ui.programs import by_name, connected, next_page, running, select, vm_key, wizard_on
from xsmigui.app import Program
from xsmigui.core.guide import Book, chapter
from xsmigui.core.problems import Page
from xsmigui.local import paths
from xsmigui.local.languages import LANGUAGES, guide
from xsmigui.ui.dialogs.guide import WIDEST, GuideDialog
from xsmigui.ui.dialogs.palette import PaletteDialog
from xsmigui.ui.window.help import TOPICS


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as simulated:
        yield simulated


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_topic_is_in_the_book(language: str) -> None:
    book = guide(language, paths.resources())
    for anchor in TOPICS.values():
        assert book.find(anchor)[1].name == anchor
    assert book.find("no such place") == (0, book.chapters[0].places[0])


def test_chapters_need_names() -> None:
    with pytest.raises(ValueError, match="no name"):
        chapter("x.md", "# A heading")
    made = chapter("x.md", "<!-- one -->\n# One\n\ntext\n\n<!-- two -->\n## Two\n")
    assert [(place.name, place.level, place.heading) for place in made.places] == [("one", 1, "One"), ("two", 2, "Two")]
    assert "<!--" not in made.text


@driven
async def test_the_book(qapp: QApplication) -> None:
    book = guide("en", paths.resources())
    shown = GuideDialog(None, book, "kept-sources")
    shown.show()
    cursor = shown.view.textCursor()
    assert cursor.block().text() == "Kept sources"
    shown.view.anchorClicked.emit(QUrl("02-connect.md"))
    assert shown.view.toPlainText().startswith("Connect")
    shown.view.anchorClicked.emit(QUrl("04-move-vms.md#storage"))
    assert shown.view.textCursor().block().text() == "Storage"
    item = shown.contents.currentItem()
    assert item is not None
    assert item.text(0) == "Storage"
    shown.contents.setCurrentItem(shown.contents.topLevelItem(0))
    assert shown.view.toPlainText().startswith("First steps")
    picture = shown.view.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl("../images/en/window.png"))
    assert 0 < picture.width() <= WIDEST
    light = picture.pixelColor(4, 4).lightness()
    dark = QPalette(shown.view.palette())
    dark.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.black)
    shown.view.setPalette(dark)
    picture = shown.view.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl("../images/en/window.png"))
    assert picture.pixelColor(4, 4).lightness() < light - 50
    shown.close()
    shown.deleteLater()
    assert Book((chapter("x.md", "<!-- a -->\n# A"),)).chapters[0].title == "A"


async def asked(program: Program, widget: QDialog | None) -> str:
    """Press F1 and read where the guide stands."""
    await press(widget or program.window, Qt.Key.Key_F1)
    shown = await dialog("guideDialog", GuideDialog)
    await until(lambda: shown.view.toPlainText())
    return shown.view.textCursor().block().text()


@driven
async def test_f1(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        window._actions["actionGuide"].trigger()
        shown = await dialog("guideDialog", GuideDialog)
        assert shown.view.textCursor().block().text() == "First steps"
        shown.reject()
        await gone("guideDialog")
        wizard = await wizard_on(program, "web-01")
        assert await asked(program, wizard) == "Destination"
        by_name(wizard.pages[Page.destination].combo, "Lisboa")  # type: ignore[attr-defined]
        await next_page(wizard, Page.home_server)
        await press(wizard, Qt.Key.Key_F1)
        await until(lambda: windows(GuideDialog)[0].view.textCursor().block().text() == "Home server")
        wizard.reject()
        window.preferences()
        sheet = await dialog("preferencesDialog")
        await press(child(sheet, QTabWidget, "preferencesTabs"), Qt.Key.Key_F1)
        await until(lambda: windows(GuideDialog)[0].view.textCursor().block().text() == "Preferences")
        sheet.reject()
        await gone("preferencesDialog")
        await select(program, vm_key(program, "web-01"))
        window.object.tabs.setCurrentWidget(window.object.lists.moves)
        window._actions["actionGuide"].trigger()
        await until(lambda: windows(GuideDialog)[0].view.textCursor().block().text() == "Can it move?")
        windows(GuideDialog)[0].reject()
        await gone("guideDialog")


@driven
async def test_the_palette(qapp: QApplication, home: Path, site: Simulated) -> None:
    async with running(qapp, home) as program:
        await connected(program, site)
        window = program.window
        window._actions["actionPalette"].trigger()
        palette = await dialog("paletteDialog", PaletteDialog)
        assert palette.rows.rowCount() > 3  # what can be done now
        edit = child(palette, QLineEdit, "paletteEdit")
        QTest.keyClicks(edit, "web-0")
        assert [palette.rows.row(n).name for n in range(3)] == ["web-01", "web-02", "web-03"]
        QTest.keyClick(edit, Qt.Key.Key_Down)
        QTest.keyClick(edit, Qt.Key.Key_Return)
        await gone("paletteDialog")
        assert window.object.name.text() == "web-02"
        window._actions["actionPalette"].trigger()
        palette = await dialog("paletteDialog", PaletteDialog)
        edit = child(palette, QLineEdit, "paletteEdit")
        QTest.keyClicks(edit, "no such thing")
        assert palette.nothing.isVisible()
        edit.setText("move vm…")
        (entry,) = [palette.rows.row(n) for n in range(palette.rows.rowCount())]
        assert entry.run is None
        assert "is not halted" in entry.note
        QTest.keyClick(edit, Qt.Key.Key_Return)
        assert palette.isVisible()
        edit.setText("prefer")
        QTest.keyClick(edit, Qt.Key.Key_Return)
        sheet = await dialog("preferencesDialog")
        sheet.reject()
        await gone("preferencesDialog")
