"""The program's icons, drawn as SVG, loaded when first used."""

import functools
from pathlib import Path

from PySide6.QtGui import QIcon


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
            # The same picture in a selected line: Qt would paint it over with the colour of the selection.
            for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
                icon.addFile(str(path), mode=mode)
        return icon
