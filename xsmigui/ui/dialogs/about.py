"""What this program is, what it runs on, and whose work is in it."""

from typing import Final

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QTableWidget, QTableWidgetItem, QTabWidget, QWidget

from xsmigui import __version__
from xsmigui.core.text import _, printable
from xsmigui.ui.columns import Columns
from xsmigui.ui.dialogs.base import Sheet
from xsmigui.ui.style import named, plain_table, primary

LICENCES: Final = (
    ("xsmigui", "Apache-2.0"),
    ("Python", "PSF-2.0"),
    ("Qt, PySide6, shiboken6", "LGPL-3.0-only"),
    ("OpenSSL", "Apache-2.0"),
    ("SQLite", "Public Domain"),
    ("aiohttp", "Apache-2.0 AND MIT"),
    ("cryptography", "Apache-2.0 OR BSD-3-Clause"),
    ("defusedxml", "PSF-2.0"),
    ("jeepney", "MIT"),
    ("keyring", "MIT"),
    ("msgspec", "BSD-3-Clause"),
    ("platformdirs", "MIT"),
    ("qasync", "BSD-2-Clause"),
    ("rich", "MIT"),
)
"""The program and what it stands on, each with its licence (SPDX)."""


class AboutDialog(Sheet):
    """Versions, ready to be copied into a report, and licences."""

    def __init__(self, parent: QWidget | None, versions: str) -> None:
        super().__init__(parent, _("xsmigui {version}", version=__version__), "aboutDialog")
        self.setMinimumWidth(560)
        self._versions = versions
        self.text(
            _("It moves virtual machines and virtual disks of XenServer, Citrix Hypervisor and XCP-ng pools.")
            + " "
            + _("Apache License 2.0, without any warranty.")
        ).setObjectName("messageText")
        tabs = QTabWidget()
        named(tabs, "aboutTabs", _("About xsmigui"))
        shown = QPlainTextEdit(printable(versions, "\n"))
        named(shown, "versionsText", _("Versions"))
        shown.setReadOnly(True)
        shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        tabs.addTab(shown, _("Versions"))
        tabs.addTab(self._licences(), _("Licences"))
        self.body.addWidget(tabs, 1)
        copy = self.buttons.addButton(_("Copy the versions"), self.buttons.ButtonRole.ActionRole)
        copy.setObjectName("copyVersionsButton")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._versions))
        close = self.buttons.addButton(_("Close"), self.buttons.ButtonRole.RejectRole)
        close.setObjectName("closeButton")
        primary(close)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)

    def _licences(self) -> QTableWidget:
        table = QTableWidget(len(LICENCES), 2)
        named(table, "licencesTable", _("Licences"))
        plain_table(table)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setHorizontalHeaderLabels([_("Part"), _("Licence")])
        for row, cells in enumerate(LICENCES):
            for column, text in enumerate(cells):
                table.setItem(row, column, QTableWidgetItem(text))
        Columns(table)
        return table
