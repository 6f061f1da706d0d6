"""Work that may take as long as somebody likes: a person types, a pipe brings nothing, the desktop asks for the
password of its keyring, no name server answers.

None of it can be cancelled, and `asyncio.to_thread` makes the end of the program wait for it: Ctrl+C at a question
would change nothing until it is answered. Each such work has a thread of its own here, which the end of the program
leaves behind.
"""

import asyncio
import getpass
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

PIECE: Final = 65536

T = TypeVar("T")


async def apart(work: Callable[[], T]) -> T:
    """What the work answers or raises. Whoever is cancelled meanwhile waits for it no longer."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def carry_out() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=carry_out, name="unhurried", daemon=True).start()
    return await answer


class PatientNames:
    """Of an event loop: names are looked up here too, since asyncio's own threads hold up the end of the program for as
    long as no name server answers (half a minute and more)."""

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        return await apart(lambda: socket.getaddrinfo(host, port, family, type, proto, flags))


if sys.platform == "win32":

    class Loop(PatientNames, asyncio.ProactorEventLoop):  # type: ignore[misc]
        """The platform's loop for the command line."""

else:

    class Loop(PatientNames, asyncio.SelectorEventLoop):
        """The platform's loop for the command line."""


async def typed_line() -> str:
    """A line of stdin, empty at its end."""
    return await apart(_line)


async def typed_password(prompt: str) -> str:
    """Asked for on stderr and read at the terminal, without echo. Raises `EOFError` where nothing more comes."""
    with _terminal_as_it_was():
        return await apart(lambda: getpass.getpass(prompt, sys.stderr))


async def whole_stdin() -> bytes:
    """All of stdin; nothing where it is closed."""
    return await apart(_everything)


def at_a_terminal() -> bool:
    """Does a person sit before stdin?"""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _descriptor() -> int | None:
    """That of stdin, where it can be read past Python's buffer, whose lock a thread that is left behind would keep."""
    if sys.platform == "win32":
        return None
    with suppress(OSError, ValueError):
        return sys.stdin.fileno()
    return None


def _line() -> str:
    number = _descriptor()
    if number is None:
        return sys.stdin.readline()
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(number, PIECE)
        if not piece:
            break
        data += piece
    return data.decode(errors="replace")


def _everything() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        return b""
    number = _descriptor()
    try:
        if number is None:
            return sys.stdin.buffer.read() if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
        pieces = []
        while piece := os.read(number, PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    except (OSError, ValueError):
        return b""


@contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """Puts the echo back if the reading is given up, and ends the line of the prompt."""
    if sys.platform == "win32":
        yield
        return
    import termios

    try:
        number = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        yield
        return
    try:
        before = termios.tcgetattr(number)
        yield
    except asyncio.CancelledError:
        with suppress(termios.error):
            termios.tcsetattr(number, termios.TCSAFLUSH, before)
        sys.stderr.write("\n")
        raise
    finally:
        os.close(number)
