"""Windows fit the screen that they open on."""

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from xsmigui.ui import screens
from xsmigui.ui.screens import bounded, keep_on_screen, sized


@pytest.mark.parametrize(
    ("size", "room", "expected"),
    [
        ((1000, 600), None, (1000, 600)),
        ((1000, 600), (1920, 1080), (1000, 600)),
        ((1280, 800), (853, 533), (837, 485)),  # 1280 x 800 pixels at 150 %
        ((860, 620), (1280, 533), (860, 485)),
    ],
)
def test_no_more_than_there_is(size: tuple[int, int], room: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    found = bounded(QSize(*size), QSize(*room) if room is not None else None)
    assert (found.width(), found.height()) == expected


def test_a_window_of_another_screen_becomes_smaller(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    window = QWidget()
    sized(window, 5000, 4000)
    assert window.size() == QSize(5000, 4000)  # a screen that nobody sees limits nothing
    monkeypatch.setattr(screens, "UNSEEN", ())
    assert QGuiApplication.platformName()
    keep_on_screen(window)
    assert window.width() < window.screen().availableSize().width()
    assert window.height() < window.screen().availableSize().height()
    window.deleteLater()
