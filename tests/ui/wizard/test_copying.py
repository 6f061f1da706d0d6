"""The choice whether disks are copied fits small screens."""

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from xsmigui.core.text import in_use, use
from xsmigui.local import languages, paths
from xsmigui.ui.wizard.copying import CopyChoice

ROOM = 600
"""Pixels beside the list of pages on a screen of 1280 pixels at 150 %."""


@pytest.mark.parametrize("language", ["en", "es"])
def test_it_makes_no_wizard_wide(qapp: QApplication, language: str) -> None:
    before = in_use()
    use(languages.catalogue(language, paths.resources()))
    try:
        choice = CopyChoice(lambda _edit: None)
        for part in choice.findChildren(QWidget):
            part.show()
        assert choice.minimumSizeHint().width() <= ROOM
        choice.deleteLater()
    finally:
        use(before)
