"""The program's log: a rotating file without secrets."""

import logging
import logging.handlers
import re
from pathlib import Path
from typing import Final

_VALUE: Final = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&}\)]+)"""

SECRETS: Final = (
    (re.compile(r"OpaqueRef:[0-9a-fA-F-]{8,}"), "OpaqueRef:…"),
    (re.compile(rf"(?i)(session_id[\"']?\s*[=:]\s*){_VALUE}"), r"\1…"),
    (re.compile(r"(?i)((?:login_with|change)_password\W*[\"(<,]).*"), r"\1…"),
    (re.compile(rf"(?i)(passw(?:or)?d[\"']?\s*[=:]\s*){_VALUE}"), r"\1…"),
    (re.compile(r"(?i)(authorization[\"']?\s*[=:]\s*[\"']?)[^\s\"']+(?:\s+[^\s\"',]+)?"), r"\1…"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,200}:)[^\s/]{1,200}@"), r"\1…@"),
)
"""Session references look like any other reference, so no reference is written to a file. The arguments of calls that
log in are not written either."""


def redacted(text: str) -> str:
    """The text without session references, passwords and the like."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Redactor(logging.Formatter):
    """Formats a record, exception included, and takes the secrets out of the finished text."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def start(folder: Path, level: int = logging.INFO) -> logging.Handler:
    """Write the log of this process to `folder/xsmigui.log`: a megabyte at most, five kept. Where the
    folder cannot be written to, nothing is logged. What is returned may be given to `end`."""
    try:
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            folder / "xsmigui.log", maxBytes=1 << 20, backupCount=5, encoding="utf-8", errors="backslashreplace"
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(Redactor("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return handler


def end(handler: logging.Handler) -> None:
    """Write no more to this log, and let go of its file: only then Windows lets it be removed."""
    logging.getLogger().removeHandler(handler)
    handler.close()
