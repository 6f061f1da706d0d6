"""Preferences: what was changed is kept, and only that."""

import asyncio
from pathlib import Path

from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QPushButton

from tests.holding import until
from tests.ui.driving import child, dialog, driven, gone
from tests.ui.programs import running
from xsmigui.local.settings import SettingsFile
from xsmigui.ui import style
from xsmigui.ui.dialogs.preferences import edit_preferences
from xsmigui.ui.fields import Combo

LANGUAGES = {"en": "English", "es": "Español"}


@driven
async def test_changes_are_kept(home: Path) -> None:
    settings = SettingsFile(home)
    editing = asyncio.create_task(edit_preferences(None, settings, LANGUAGES))
    sheet = await dialog("preferencesDialog")
    language = child(sheet, QComboBox, "languageCombo")
    assert language.currentData() == ""
    language.setCurrentIndex(language.findText("Español"))
    child(sheet, QCheckBox, "show_templatesCheck").setChecked(True)
    child(sheet, QPushButton, "savePreferencesButton").click()
    assert await editing
    assert SettingsFile(home).now.language == "es"
    assert SettingsFile(home).now.show_templates


@driven
async def test_what_is_cancelled_is_not(home: Path) -> None:
    settings = SettingsFile(home)
    before = settings.now
    editing = asyncio.create_task(edit_preferences(None, settings, LANGUAGES))
    sheet = await dialog("preferencesDialog")
    child(sheet, QCheckBox, "show_snapshotsCheck").setChecked(True)
    child(sheet, QPushButton, "leaveButton").click()
    assert not await editing
    assert settings.now == before


@driven
async def test_saving_without_a_change(home: Path) -> None:
    editing = asyncio.create_task(edit_preferences(None, SettingsFile(home), LANGUAGES))
    child(await dialog("preferencesDialog"), QPushButton, "savePreferencesButton").click()
    assert not await editing


@driven
async def test_the_theme_changes_at_once(qapp: QApplication, home: Path) -> None:
    async with running(qapp, home) as program:
        before = qapp.palette()
        try:
            for theme, is_dark in (("dark", True), ("light", False)):
                program.window.preferences()
                sheet = await dialog("preferencesDialog")
                combo = child(sheet, Combo, "themeCombo")
                combo.setCurrentIndex(combo.findData(theme))
                child(sheet, QPushButton, "savePreferencesButton").click()
                await gone("preferencesDialog")
                await until(lambda theme=theme: program.settings.now.theme == theme)  # type: ignore[misc]
                await until(lambda dark=is_dark: style.is_dark(qapp.palette()) is dark)  # type: ignore[misc]
                assert style.is_dark(program.window.palette()) is is_dark
        finally:
            qapp.setPalette(before)
