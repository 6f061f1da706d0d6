"""A file is saved where the operator wants it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import opened, tell


async def save(
    parent: QWidget, title: str, object_name: str, kind: str, name: str, content: Callable[[], Awaitable[bytes]]
) -> None:
    """Ask where, and write it; `kind` is the dialog's filter (``Page (*.html)``), `name` the file's proposed name. What
    cannot be written is said."""
    choice = QFileDialog(parent, title)
    choice.setObjectName(object_name)
    choice.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    choice.setNameFilter(kind)
    choice.setDefaultSuffix(Path(name).suffix.removeprefix("."))
    choice.selectFile(name)
    names: list[str] = []
    choice.fileSelected.connect(names.append)
    if not (await opened(choice) and names):
        return
    try:
        await asyncio.to_thread(Path(names[0]).write_bytes, await content())
    except OSError as error:
        text = _("{file} cannot be written: {reason}", file=names[0], reason=error.strerror or str(error))
        await tell(parent, title, text, str(error))
