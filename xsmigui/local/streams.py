"""The standard streams of this process, whatever whoever started it has made of them.

They may be closed (``>&-``, ``pythonw``), their reader may have left (``| head -1``), they may not know a character
(Latin-1). None of that may end a migration or change what the program's exit status says.
"""

import io
import os
import select
import sys
from contextlib import suppress
from typing import Final, TextIO

from xsmigui.core.text import printable

GONE: Final = (BrokenPipeError, ConnectionResetError)


class _Output(io.FileIO):
    """Writes all of what it is given. When its reader has left, or nothing more fits, the rest goes nowhere."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None
        self.is_gone = False

    def write(self, data: object, /) -> int:
        rest = memoryview(data).cast("B")  # type: ignore[arg-type]
        length = len(rest)
        while rest and not self.is_gone:
            try:
                written = super().write(rest)
            except GONE:
                self.is_gone = True
            except OSError as error:
                self.is_gone = True
                if not _is_closed_pipe(error):
                    self.failure = error
            else:
                if written is None:  # whoever shares the terminal with us has made it non-blocking
                    select.select([], [self], [])
                else:
                    rest = rest[written:]
        return length


class _Text(io.TextIOWrapper):
    """Prints what terminals obey as symbols: names and errors of servers are among what is printed. JSON, which has
    escapes for it, goes past this."""

    def write(self, text: str, /) -> int:
        super().write(text if text.isprintable() else printable(text, "\n\t"))
        return len(text)

    def draw(self, text: str) -> int:
        """Write what this program itself has made for a terminal, with the control characters that move the cursor and
        set colours. Nothing that came from elsewhere may be in it unless it was made `printable` before."""
        return super().write(text)


class Drawing(io.TextIOBase):
    """A stream at which a terminal's control characters are obeyed; it is not closed with this object."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        return self._stream.draw(text) if isinstance(self._stream, _Text) else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _is_closed_pipe(error: OSError) -> bool:
    """Windows says EINVAL where the reader of a pipe has left."""
    return sys.platform == "win32" and error.errno == 22


def prepare() -> None:
    """Make the streams fit to be written to until the end of the process."""
    _occupy()
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # for the life of the process
    sys.stdout = _lasting(sys.stdout, sys.__stdout__)
    sys.stderr = _lasting(sys.stderr, sys.__stderr__)


def _occupy() -> None:
    """Give the numbers 0 to 2 to something. Otherwise the next file that is opened gets one of them (the journal, say),
    and whatever a library writes on stderr lands in it."""
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            return
        os.set_inheritable(number, True)


def _lasting(stream: TextIO | None, original: TextIO | None) -> TextIO:
    if stream is None:
        # `print(file=None)` would write on stdout what was meant for stderr.
        return open(os.devnull, "w", encoding="utf-8")
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return stream  # somebody captures it
    stream.flush()
    raw = _output(stream)
    if type(raw) is not io.FileIO:  # the console of Windows
        return _Text(stream.buffer, encoding=stream.encoding, errors="backslashreplace", line_buffering=True)
    output = _Output(stream.fileno())
    unbuffered = stream.buffer is raw
    return _Text(
        output if unbuffered else io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace",
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=unbuffered,
    )


def is_given(stream: TextIO | None) -> bool:
    """Whoever started this process gave it the stream; it was not closed from the beginning."""
    return stream is not None and getattr(stream, "name", "") != os.devnull


def reader_has_left(stream: TextIO) -> bool:
    """Something was written that nobody reads any more."""
    return getattr(_output(stream), "is_gone", False)


def finish() -> OSError | None:
    """Write what is still in memory. The answer is why something that was printed is lost (no space left), if it is;
    that a reader has left is no loss."""
    failure = None
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
        failure = failure or getattr(_output(stream), "failure", None)
    return failure


def _output(stream: TextIO) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
