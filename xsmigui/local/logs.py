"""The program's log: a rotating file without secrets, for its owner alone."""

import logging
import logging.handlers
import os
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from xsmigui.core.redaction import redacted
from xsmigui.core.text import middle, printable

FILE: Final = "xsmigui.log"

LONGEST_LINE_CHARS: Final = 32_000
"""Characters of a record: a traceback is shorter; of a server's longer text the middle is left out."""


class Redactor(logging.Formatter):
    """Formats a record, exception included, and takes the secrets out of the finished text. What comes from a server
    cannot look like a record of its own, nor can it be obeyed by the terminal that shows the log: further lines are
    indented, control characters are symbols."""

    def format(self, record: logging.LogRecord) -> str:
        text = redacted(middle(super().format(record), 4 * LONGEST_LINE_CHARS))
        return printable(middle(text, LONGEST_LINE_CHARS), "\n\t").replace("\n", "\n    ")


class _File(logging.handlers.RotatingFileHandler):
    """A log that only its owner reads, whatever it was before. A full disk loses records and disturbs nobody."""

    def _open(self) -> TextIOWrapper:
        number = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with suppress(OSError, AttributeError):
            os.fchmod(number, 0o600)
        return open(number, "a", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: by default a traceback would be printed on stderr for each record."""


def start(folder: Path, level: int = logging.INFO) -> logging.Handler:
    """Write the log of this process to `folder/xsmigui.log`: a megabyte at most, five kept. Where the
    folder cannot be written to, nothing is logged. What is returned may be given to `end`."""
    try:
        file = folder / FILE
        handler: logging.Handler = _File(
            file, maxBytes=1 << 20, backupCount=5, encoding="utf-8", errors="backslashreplace"
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(Redactor("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return handler


def be(level: str) -> None:
    """Write down what this program does from this level on: ``warning``, ``debug``, or empty as usual."""
    number = {"warning": logging.WARNING, "debug": logging.DEBUG}.get(level, logging.NOTSET)
    logging.getLogger("xsmigui").setLevel(number)


def end(handler: logging.Handler) -> None:
    """Write no more to this log, and let go of its file: only then Windows lets it be removed."""
    logging.getLogger().removeHandler(handler)
    handler.close()
