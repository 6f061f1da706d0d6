"""The program's log: a rotating file without secrets."""

import logging
import logging.handlers
import re
from pathlib import Path
from typing import Final

SECRETS: Final = (
    (re.compile(r"OpaqueRef:[0-9a-fA-F-]{8,}"), "OpaqueRef:…"),
    (re.compile(r"(?i)(session_id=)[^\s&\"']+"), r"\1…"),
    (re.compile(r"(?i)(\"?password\"?\s*[=:]\s*)[^\s,}]+"), r"\1…"),
    (re.compile(r"(?i)(authorization:\s*)\S+(\s+\S+)?"), r"\1…"),
)
"""Session references look like any other reference, so no reference is written to a file."""


def redacted(text: str) -> str:
    """The text without session references, passwords and the like."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Redactor(logging.Formatter):
    """Formats a record, exception included, and takes the secrets out of the finished text."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def start(folder: Path, level: int = logging.INFO) -> None:
    """Write the log of this process to `folder/xsmigui.log`: a megabyte at most, five kept."""
    try:
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            folder / "xsmigui.log", maxBytes=1 << 20, backupCount=5, encoding="utf-8", delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(Redactor("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
