"""The program's icons, drawn as SVG, loaded when first used."""

import functools
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

SIZES: Final = (16, 24, 32, 48, 64)
"""Pixels; what stands between is scaled down from the next larger one."""


class Icons:
    """Icons by name, from `resources/icons`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._load = functools.cache(self._read)

    def __call__(self, name: str) -> QIcon:
        """The icon; an empty one where there is no such file."""
        return self._load(name)

    def _read(self, name: str) -> QIcon:
        path = self._folder / f"{name}.svg"
        icon = QIcon()
        if path.is_file():
            drawn = QIcon(str(path))
            for side in SIZES:
                picture = drawn.pixmap(QSize(side, side), 1.0)
                icon.addPixmap(picture, QIcon.Mode.Normal)
                icon.addPixmap(_whitened(picture), QIcon.Mode.Selected)
        return icon


def _whitened(picture: QPixmap) -> QPixmap:
    """The picture's shape in white, for a selected line: its own colours are hardly seen on the accent."""
    white = QPixmap(picture)
    painter = QPainter(white)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(white.rect(), QColor("white"))
    painter.end()
    return white
