"""Where things lie on this computer."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

NAME: Final = "xsmigui"

TRIAL: Final = 64 * 1024
"""Bytes that must find room before anything is begun: what the journal writes of a migration."""


class NoHome(Exception):
    """There is no folder for settings, trusted certificates, journal and logs, and none can be made.

    `folder` is the one that was wanted; `reason` is the system's word for what is wrong, empty where nobody knows
    where the user's home is (a user without an entry in the system's list, without `HOME`).
    """

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder}: {reason}")
        self.folder = folder
        self.reason = reason


def home() -> Path:
    """The folder of settings, trusted certificates, journal and logs: `XSMIGUI_HOME` where that is set, else the
    platform's own place for a program's configuration. Made with the rights of its owner alone; raises `NoHome` where
    that cannot be done, or nothing can be written there."""
    chosen = os.environ.get("XSMIGUI_HOME")
    folder = Path(chosen) if chosen else Path(platformdirs.user_config_dir(NAME, appauthor=False, roaming=True))
    if not chosen and folder.parts[0] == "~":
        raise NoHome(folder, "")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _try_to_write(folder)
    except OSError as error:
        raise NoHome(folder, error.strerror or str(error)) from None
    return folder


def _try_to_write(folder: Path) -> None:
    """Raise `OSError` where nothing more can be kept in a folder: it may not be written to, or its disk is full."""
    trial = folder / f".trial.{os.getpid()}"
    try:
        trial.write_bytes(bytes(TRIAL))
    finally:
        with suppress(OSError):
            trial.unlink()


def resources() -> Path:
    """Icons, translations and other files of the program: inside the package where it is installed, beside it in a
    checkout."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "resources"
    return packed if packed.is_dir() else package.parent / "resources"


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file so that a crash leaves the old one or the new one, never half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
