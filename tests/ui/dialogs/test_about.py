"""About and the first page: versions to copy, licences, the demo and the guide at hand."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton

from tests.ui.driving import child, dialog, driven, gone
from tests.ui.programs import running
from xsmigui import __version__
from xsmigui.app import Options
from xsmigui.ui.dialogs.about import LICENCES
from xsmigui.ui.window.welcome import WelcomePage


@driven
async def test_versions_to_copy(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home) as program:
        program.window._actions["actionAbout"].trigger()
        sheet = await dialog("aboutDialog")
        shown = child(sheet, QPlainTextEdit, "versionsText").toPlainText()
        assert f"xsmigui {__version__}" in shown
        assert "Python 3." in shown
        assert "OpenSSL" in shown
        child(sheet, QPushButton, "copyVersionsButton").click()
        assert "PySide6" in QGuiApplication.clipboard().text()
        child(sheet, QPushButton, "closeButton").click()
        await gone("aboutDialog")


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def test_every_library_has_its_licence() -> None:
    """What the package depends on is named, with the licence that its own metadata says."""
    known = {
        re.sub(r"[^a-z0-9]", "", name.lower()): licence for names, licence in LICENCES for name in names.split(",")
    }
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = re.split(r"[^A-Za-z0-9_.-]", requirement)[0]
        said = metadata.metadata(name)
        short = plain(name).removesuffix("essentials")
        assert short in known, name
        theirs = said.get("License-Expression") or said.get("License") or ""
        assert known[short].split()[0].split("-")[0] in theirs.replace("PSFL", "PSF"), (name, theirs)


@driven
async def test_the_first_page_of_the_demo(qapp: QApplication) -> None:
    """Its servers start by themselves, which takes a moment: nobody has to add one."""
    page = WelcomePage(lambda: None, lambda: None, None, lambda: None)
    page.show()
    assert page.title.text() == "The demo's servers appear on the left"
    assert "Migrate…" in page.words.text()
    assert not page.add.isVisible()
    assert page.guide.isVisible()
    page.show_nothing(has_servers=True)
    assert page.title.text() == "Select something on the left"
    page.close()
    page.deleteLater()


@driven
async def test_the_first_page(qapp: QApplication, home: Path) -> None:
    opened: list[str] = []
    page = WelcomePage(
        lambda: opened.append("add"),
        lambda: opened.append("try"),
        lambda: opened.append("demo"),
        lambda: opened.append("guide"),
    )
    page.show()
    for button in (page.add, page.demo, page.guide):
        assert button.isVisible()
        button.click()
    assert opened == ["add", "demo", "guide"]
    page.show_waiting("Madrid", "retry", can_try=True)
    assert (page.connect_now.isVisible(), page.demo.isVisible()) == (True, False)
    page.show_nothing(has_servers=True)
    assert not any(button.isVisible() for button in (page.add, page.demo, page.guide, page.connect_now))
    page.close()
    page.deleteLater()
    async with running(qapp, home, Options(language="en")) as program:
        assert program.window.object.welcome_page.demo.isVisible()
