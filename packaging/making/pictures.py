"""The program's icon as PNG and ICO, drawn from its SVG."""

import functools
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from making.common import RESOURCES

SVG = RESOURCES / "icons" / "xsmigui.svg"


@functools.cache
def _application() -> Any:
    """Pixmaps need one, for as long as they live."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication

    return QGuiApplication.instance() or QGuiApplication(["xsmigui"])


def _drawn(side: int) -> bytes:
    from PySide6.QtCore import QBuffer, QIODevice
    from PySide6.QtGui import QIcon

    _application()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QIcon(str(SVG)).pixmap(side, side).save(buffer, "PNG")
    return bytes(buffer.data().data())


def png(path: Path, side: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_drawn(side))


def ico(path: Path, sides: Iterable[int] = (16, 20, 24, 32, 40, 48, 64, 256)) -> None:
    """An icon file holds a directory of pictures; since Windows Vista they may be PNG."""
    pictures = [(side, _drawn(side)) for side in sides]
    offset = 6 + 16 * len(pictures)
    head = struct.pack("<HHH", 0, 1, len(pictures))
    for side, data in pictures:
        head += struct.pack("<BBBBHHII", side % 256, side % 256, 0, 0, 1, 32, len(data), offset)
        offset += len(data)
    path.write_bytes(head + b"".join(data for _side, data in pictures))
