"""What the operator may set."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QPushButton, QTabWidget, QVBoxLayout, QWidget

from xsmigui.core.addresses import BadAddress
from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.preferences import LOG_LEVELS, LONGEST_KEPT, MOST_AT_ONCE, ON_QUIT, Preferences, Settings
from xsmigui.core.proxies import DIRECT, proxy_from
from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.fields import Check, Combo, Spin
from xsmigui.ui.style import STEP, THEMES, named, spaced
from xsmigui.ui.words import Paragraph, hint

SYSTEM = ""
NAMED = "named"


async def edit_preferences(
    parent: QWidget | None, preferences: Preferences, languages: dict[str, str], folder: str = ""
) -> bool:
    """Show the settings and keep what was changed. `folder` is where they lie. True where something was."""
    now = preferences.now
    sheet = Sheet(parent, _("Preferences"), "preferencesDialog")
    sheet.setMinimumWidth(520)
    tabs = QTabWidget()
    named(tabs, "preferencesTabs", _("Preferences"))
    sheet.body.addWidget(tabs, 1)
    parts = (_Look(tabs, now, languages), _Moving(tabs, now), _ProxyFields(tabs, now), _Computer(tabs, now, folder))
    sheet.finish(_("Save"), _("Cancel"), "savePreferencesButton")
    sheet.buttons.accepted.disconnect(sheet.accept)

    def save() -> None:
        wrong = next((part for part in parts if not part.is_right()), None)
        if wrong is None:
            sheet.accept()
            return
        tabs.setCurrentWidget(wrong.page)
        sheet.grow()

    sheet.buttons.accepted.connect(save)
    if await opened(sheet) != QDialog.DialogCode.Accepted:
        return False
    fields: dict[str, object] = {}
    for part in parts:
        fields |= part.chosen()
    preferences.change(**fields)
    return preferences.now != now


class _Part:
    """A tab of the dialog."""

    def __init__(self, tabs: QTabWidget, object_name: str, title: str) -> None:
        self.page = QWidget()
        named(self.page, object_name, title)
        self.layout = QVBoxLayout(self.page)
        spaced(self.layout)
        self.boxes: dict[str, Check] = {}
        tabs.addTab(self.page, title)

    def form(self) -> QFormLayout:
        form = QFormLayout()
        form.setSpacing(STEP)
        self.layout.addLayout(form)
        return form

    def check(self, field: str, text: str, value: bool) -> None:
        """A box for a setting that is on or off."""
        box = self.boxes[field] = Check(text)
        named(box, f"{field}Check", text.replace("&", ""))
        box.setChecked(value)
        self.layout.addWidget(box)

    def is_right(self) -> bool:
        """What was typed can be kept; else say why not."""
        return True

    def chosen(self) -> dict[str, object]:
        """The settings as they were chosen."""
        return {field: box.isChecked() for field, box in self.boxes.items()}


class _Look(_Part):
    """Language, theme, and what the tree shows."""

    def __init__(self, tabs: QTabWidget, now: Settings, languages: dict[str, str]) -> None:
        super().__init__(tabs, "lookPage", _("Display"))
        self._language = Combo("languageCombo", _("Language"))
        self._language.addItem(_("As the system is set"), SYSTEM)
        for code, name in languages.items():
            self._language.addItem(name, code)
        self._language.setCurrentIndex(max(0, self._language.findData(now.language)))
        self._theme = Combo("themeCombo", _("Theme"))
        for value, words in zip(THEMES, (_("As the system is set"), _("Light"), _("Dark")), strict=True):
            self._theme.addItem(words, value)
        self._theme.setCurrentIndex(max(0, self._theme.findData(now.theme)))
        form = self.form()
        form.addRow(_("&Language"), self._language)
        form.addRow(_("&Theme"), self._theme)
        self.check("show_local_srs", _("Show l&ocal SRs in the tree"), now.show_local_srs)
        self.check("show_templates", _("Show te&mplates in the tree"), now.show_templates)
        self.check("show_snapshots", _("Show s&napshots in the tree"), now.show_snapshots)
        self.check("by_type", _("Show the resources b&y type"), now.by_type)
        self.layout.addStretch(1)

    def chosen(self) -> dict[str, object]:
        return super().chosen() | {"language": self._language.currentData(), "theme": self._theme.currentData()}


class _Moving(_Part):
    """The limits, what new moves begin with, and what is asked."""

    def __init__(self, tabs: QTabWidget, now: Settings) -> None:
        super().__init__(tabs, "movingPage", _("Moving"))
        self._limit = Spin("storageLimitSpin", _("Storage migrations at once"), 1, MOST_STORAGE_MIGRATIONS)
        self._limit.setValue(now.storage_limit)
        self._at_once = Spin("leavingAtOnceSpin", _("VMs at once that leave a host"), 1, MOST_AT_ONCE)
        self._at_once.setValue(now.leaving_at_once)
        self._days = Spin("daysKeptSpin", _("Days for which the sources are kept"), 0, LONGEST_KEPT)
        self._days.setValue(now.days_kept)
        form = self.form()
        form.addRow(_("&Storage migrations at once"), self._limit)
        form.addRow(_("&VMs at once that leave a host"), self._at_once)
        form.addRow(_("&Days for which the sources are kept"), self._days)
        self._on_quit = Combo("onQuitCombo", _("When quitting with work left"))
        words = (_("Ask"), _("Continue without the window"), _("Quit and hold what waits"))
        for value, text in zip(ON_QUIT, words, strict=True):
            self._on_quit.add_entry(text, value)
        self._on_quit.setCurrentIndex(max(0, self._on_quit.findData(now.on_quit)))
        form.addRow(_("When &quitting with work left"), self._on_quit)
        self.layout.addWidget(
            hint(_("With 0 days a source is removed as soon as its copy was compared and is in use."))
        )
        self.check("prove", _("Compare &contents afterwards"), now.prove)
        self.check("ask_to_migrate", _("&Ask before a VM is migrated without the wizard"), now.ask_to_migrate)
        self.layout.addStretch(1)

    def chosen(self) -> dict[str, object]:
        numbers = {"storage_limit": self._limit, "at_once": self._at_once, "keep_days": self._days}
        chosen = {field: spin.value() for field, spin in numbers.items()}
        return super().chosen() | chosen | {"on_quit": self._on_quit.currentData()}


class _Computer(_Part):
    """Where the program keeps what, and how much it writes into its log."""

    def __init__(self, tabs: QTabWidget, now: Settings, folder: str) -> None:
        super().__init__(tabs, "computerPage", _("This computer"))
        self._level = Combo("logLevelCombo", _("Log"))
        for value, words in zip(LOG_LEVELS, (_("Only what went wrong"), _("As usual"), _("Everything")), strict=True):
            self._level.addItem(words, value)
        self._level.setCurrentIndex(max(0, self._level.findData(now.log_level)))
        self.form().addRow(_("&Log"), self._level)
        self.layout.addWidget(hint(_("Settings, trusted certificates, the journal and the log lie in this folder:")))
        self.folder = Paragraph(folder, selectable=True)
        self.folder.setObjectName("dataFolder")
        self.layout.addWidget(self.folder)
        go = QPushButton(_("Open the &folder"))
        named(go, "openFolderButton", _("Open the folder"))
        go.setEnabled(bool(folder))
        go.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(folder)))
        self.layout.addWidget(go, 0, Qt.AlignmentFlag.AlignLeft)
        self.layout.addWidget(hint(_("Passwords are in the desktop's keyring and nowhere else.")))
        self.layout.addStretch(1)

    def chosen(self) -> dict[str, object]:
        return {"log_level": self._level.currentData()}


class _ProxyFields(_Part):
    """How servers are reached: as the system is set, directly, or through a proxy that is named, with exceptions."""

    def __init__(self, tabs: QTabWidget, now: Settings) -> None:
        super().__init__(tabs, "networkPage", _("Network"))
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
        form = self.form()
        form.addRow(_("&Proxy"), self._way)
        form.addRow(_("&Address"), self._proxy)
        form.addRow(_("&Except"), self._exceptions)
        self.layout.addWidget(self._wrong)
        self.layout.addStretch(1)
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
