"""What the operator may set."""

from PySide6.QtWidgets import QCheckBox, QDialog, QFormLayout, QWidget

from xsmigui.core.preferences import Preferences
from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.fields import Combo
from xsmigui.ui.style import STEP, THEMES, named
from xsmigui.ui.words import hint

SYSTEM = ""


async def edit_preferences(parent: QWidget | None, preferences: Preferences, languages: dict[str, str]) -> bool:
    """Show the settings and keep what was changed. True where something was."""
    now = preferences.now
    sheet = Sheet(parent, _("Preferences"), "preferencesDialog")
    sheet.setMinimumWidth(420)
    language = Combo("languageCombo", _("Language"))
    language.addItem(_("As the system is set"), SYSTEM)
    for code, name in languages.items():
        language.addItem(name, code)
    language.setCurrentIndex(max(0, language.findData(now.language)))
    theme = Combo("themeCombo", _("Theme"))
    for value, words in zip(THEMES, (_("As the system is set"), _("Light"), _("Dark")), strict=True):
        theme.addItem(words, value)
    theme.setCurrentIndex(max(0, theme.findData(now.theme)))
    form = QFormLayout()
    form.setSpacing(STEP)
    form.addRow(_("&Language"), language)
    form.addRow(_("&Theme"), theme)
    sheet.body.addLayout(form)
    sheet.body.addWidget(hint(_("Another language is used from the next start on.")))
    boxes = {
        "show_local_srs": QCheckBox(_("Show local SRs in the tree")),
        "show_templates": QCheckBox(_("Show templates in the tree")),
        "show_snapshots": QCheckBox(_("Show snapshots in the tree")),
    }
    for field, box in boxes.items():
        named(box, f"{field}Check", box.text())
        box.setChecked(getattr(now, field))
        sheet.body.addWidget(box)
    sheet.finish(_("Save"), _("Cancel"), "savePreferencesButton")
    if await opened(sheet) != QDialog.DialogCode.Accepted:
        return False
    fields: dict[str, object] = {field: box.isChecked() for field, box in boxes.items()}
    preferences.change(language=language.currentData(), theme=theme.currentData(), **fields)
    return preferences.now != now
