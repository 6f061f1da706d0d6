"""What the operator may set."""

from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QWidget

from xsmigui.core.addresses import BadAddress
from xsmigui.core.preferences import Preferences, Settings
from xsmigui.core.proxies import DIRECT, proxy_from
from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.fields import Check, Combo
from xsmigui.ui.style import STEP, THEMES, named
from xsmigui.ui.words import Paragraph, hint

SYSTEM = ""
NAMED = "named"


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
    sheet.body.addWidget(hint(_("The new language is used after a restart.")))
    boxes = {
        "show_local_srs": Check(_("Show local SRs in the tree")),
        "show_templates": Check(_("Show templates in the tree")),
        "show_snapshots": Check(_("Show snapshots in the tree")),
    }
    for field, box in boxes.items():
        named(box, f"{field}Check", box.text())
        box.setChecked(getattr(now, field))
        sheet.body.addWidget(box)
    proxy = _ProxyFields(sheet, now)
    sheet.finish(_("Save"), _("Cancel"), "savePreferencesButton")
    sheet.buttons.accepted.disconnect(sheet.accept)
    sheet.buttons.accepted.connect(lambda: sheet.accept() if proxy.is_right() else sheet.grow())
    if await opened(sheet) != QDialog.DialogCode.Accepted:
        return False
    fields: dict[str, object] = {field: box.isChecked() for field, box in boxes.items()}
    fields |= {"language": language.currentData(), "theme": theme.currentData(), **proxy.chosen()}
    preferences.change(**fields)
    return preferences.now != now


class _ProxyFields:
    """How servers are reached: as the system is set, directly, or through a proxy that is named, with exceptions."""

    def __init__(self, sheet: Sheet, now: Settings) -> None:
        self._way = Combo("proxyCombo", _("Proxy"))
        for text, way in ((_("As the system is set"), SYSTEM), (_("None"), DIRECT), (_("This HTTP proxy"), NAMED)):
            self._way.addItem(text, way)
        is_named = now.proxy not in (SYSTEM, DIRECT)
        self._way.setCurrentIndex(self._way.findData(NAMED if is_named else now.proxy))
        self._proxy = QLineEdit(now.proxy if is_named else "")
        self._proxy.setPlaceholderText("http://proxy:3128")
        named(self._proxy, "proxyEdit", _("Address of the proxy"))
        self._exceptions = QLineEdit(now.proxy_exceptions)
        self._exceptions.setPlaceholderText("10.0.0.0/8, .example.com")
        named(self._exceptions, "proxyExceptionsEdit", _("Servers to reach without the proxy"))
        self._wrong = Paragraph()
        self._wrong.setObjectName("proxyState")
        self._wrong.hide()
        form = QFormLayout()
        form.setSpacing(STEP)
        form.addRow(_("&Proxy"), self._way)
        form.addRow(_("&Address"), self._proxy)
        form.addRow(_("&Except"), self._exceptions)
        sheet.body.addLayout(form)
        sheet.body.addWidget(self._wrong)
        self._way.currentIndexChanged.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        for widget in (self._proxy, self._exceptions):
            widget.setEnabled(self._way.currentData() == NAMED)

    def is_right(self) -> bool:
        """The proxy is an address; else say why not."""
        if self._way.currentData() != NAMED:
            return True
        text = self._proxy.text()
        wrong = ""
        if "@" in text:
            wrong = _("Passwords are not stored here: set it in the environment variable HTTPS_PROXY.")
        else:
            try:
                proxy_from(text)
            except BadAddress as error:
                wrong = str(error)
        self._wrong.setText(wrong)
        self._wrong.setVisible(bool(wrong))
        return not wrong

    def chosen(self) -> dict[str, object]:
        way = self._way.currentData()
        proxy = self._proxy.text().strip() if way == NAMED else way
        return {"proxy": proxy, "proxy_exceptions": self._exceptions.text().strip()}
