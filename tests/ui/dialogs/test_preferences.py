"""Preferences: what was changed is kept, and only that."""

import asyncio
from gettext import NullTranslations
from pathlib import Path

from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QMainWindow, QPushButton, QSpinBox

from tests.holding import until
from tests.simulated import Simulated
from tests.ui.driving import child, dialog, driven, gone, leaf, windows
from tests.ui.programs import connected, running, select, vm_key, wizard_on
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import use
from xsmigui.local.settings import SettingsFile
from xsmigui.ui import style
from xsmigui.ui.dialogs.preferences import edit_preferences
from xsmigui.ui.fields import Combo
from xsmigui.ui.wizard.wizard import MigrateWizard

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
async def test_every_setting_is_shown_and_kept(home: Path) -> None:
    settings = SettingsFile(home)
    settings.change(storage_limit=2, at_once=7, keep_days=400, on_quit="go", log_level="debug")
    editing = asyncio.create_task(edit_preferences(None, settings, LANGUAGES, "/home/ada/xsmigui"))
    sheet = await dialog("preferencesDialog")
    leaf(sheet, "movingPage")
    numbers = {name: child(sheet, QSpinBox, name) for name in ("storageLimitSpin", "leavingAtOnceSpin", "daysKeptSpin")}
    assert [spin.value() for spin in numbers.values()] == [2, 7, 365]
    for number, spin in enumerate(numbers.values(), 1):
        spin.setValue(number)
    boxes = {name: child(sheet, QCheckBox, f"{name}Check") for name in ("prove", "ask_to_migrate")}
    assert not any(box.isChecked() for box in boxes.values())
    for box in boxes.values():
        box.click()
    quitting = child(sheet, QComboBox, "onQuitCombo")
    assert quitting.currentData() == "go"
    quitting.setCurrentIndex(1)
    leaf(sheet, "computerPage")
    level = child(sheet, QComboBox, "logLevelCombo")
    assert level.currentData() == "debug"
    level.setCurrentIndex(0)
    assert child(sheet, QLabel, "dataFolder").text() == "/home/ada/xsmigui"
    child(sheet, QPushButton, "savePreferencesButton").click()
    assert await editing
    now = SettingsFile(home).now
    assert (now.storage_limit, now.at_once, now.keep_days) == (1, 2, 3)
    assert (now.prove, now.ask_to_migrate, now.on_quit, now.log_level) == (True, True, "goOn", "warning")


@driven
async def test_new_drafts_begin_with_them(qapp: QApplication, home: Path) -> None:
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            program.settings.change(keep_days=3, prove=True, at_once=4, ask_to_migrate=True)
            await connected(program, site)
            wizard = await wizard_on(program, "web-01")
            assert (wizard._drafting.draft.keep_days, wizard._drafting.draft.prove) == (3, True)
            wizard.reject()
            window, key = program.window, vm_key(program, "web-01")
            await select(program, key)
            host = next(iter(program.store.site().pools[key.pool].host))
            window.vms.migrate_to(host)
            question = await dialog("questionDialog")
            child(question, QPushButton, "leaveButton").click()
            await gone("questionDialog")
            assert not program.jobs.all()
            await select(program, ObjectId(key.pool, "host", host))
            emptying = window.pools.enter_or_leave()
            assert emptying is not None
            assert emptying._drafting.draft.at_once == 4
            emptying.reject()


@driven
async def test_another_language_at_once(qapp: QApplication, home: Path) -> None:
    """The window, what is selected in it, and a wizard with its choices go on in the other language."""
    with Simulated.start("two-pools") as site:
        async with running(qapp, home) as program:
            await connected(program, site)
            key = vm_key(program, "web-01")
            await select(program, key)
            program.window.object.tabs.setCurrentWidget(program.window.object.storage)
            wizard = await wizard_on(program, "web-01")
            lisboa = next(pool for pool, inventory in program.store.site().pools.items() if inventory.name == "Lisboa")
            wizard.choose(lambda draft: draft.to(lisboa))
            before = program.window
            try:
                for language, file, button, title in (
                    ("es", "&Archivo", "Migrar…", "Migrar máquina virtual: web-01"),
                    ("en", "&File", "Migrate…", "Migrate VM: web-01"),
                ):
                    program.window.preferences()
                    sheet = await dialog("preferencesDialog")
                    combo = child(sheet, Combo, "languageCombo")
                    combo.setCurrentIndex(combo.findData(language))
                    child(sheet, QPushButton, "savePreferencesButton").click()
                    await until(lambda old=before: program.window is not old)  # type: ignore[misc]
                    await until(lambda: len(windows(QMainWindow)) == 1)
                    window = program.window
                    assert window.menuBar().actions()[0].text() == file
                    await until(lambda: program.window.tree.selected() == [key])
                    assert window.object.migrate.text() == button
                    assert window.object.tabs.currentWidget() is window.object.storage
                    (again,) = windows(MigrateWizard)
                    assert again.windowTitle() == title
                    assert again._drafting.draft.destination == lisboa
                    before = window
            finally:
                use(NullTranslations())
            # The old windows hear of nothing any more, and the new one does.
            site.call(site["Madrid"], "VM.set_name_label", site.vm(site["Madrid"], "web-01"), "web-new")
            await until(lambda: program.window.object.name.text() == "web-new")
            again.reject()


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
