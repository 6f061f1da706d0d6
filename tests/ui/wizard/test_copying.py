"""The choices of how disks move fit small screens."""

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from xsmigui.core.text import in_use, use
from xsmigui.local import languages, paths
from xsmigui.ui.wizard.copying import CopyChoice
from xsmigui.ui.wizard.stopping import StopChoice

ROOM = 580
"""Pixels beside the list of pages on a screen of 1280 pixels at 150 %."""


@pytest.mark.parametrize("language", ["en", "es"])
def test_they_make_no_wizard_wide(qapp: QApplication, language: str) -> None:
    before = in_use()
    use(languages.catalogue(language, paths.resources()))
    try:
        for kind in (CopyChoice, StopChoice):
            choice = kind(lambda _edit: None)
            for part in choice.findChildren(QWidget):
                part.show()
            assert choice.minimumSizeHint().width() <= ROOM
            choice.deleteLater()
    finally:
        use(before)
