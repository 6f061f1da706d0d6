"""What the operator has set, in one JSON file. No secrets: passwords are in the keyring alone."""

import logging
from pathlib import Path
from typing import Final

import msgspec

from xsmigui.core.preferences import Server, Settings
from xsmigui.local.paths import write_atomically

log = logging.getLogger(__name__)

FILE: Final = "settings.json"

__all__ = ["FILE", "Server", "Settings", "SettingsFile"]


class SettingsFile:
    """The `Preferences` of `core.preferences`: read once at start and written at each change."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self.now = self._read()

    def _read(self) -> Settings:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Settings)
        except FileNotFoundError:
            return Settings()
        except (OSError, ValueError) as error:
            spoiled = self._path.with_suffix(".spoiled")
            log.warning("%s cannot be read (%s); it is kept as %s", self._path, error, spoiled.name)
            try:
                self._path.replace(spoiled)
            except OSError:
                log.warning("%s cannot be put aside", self._path)
            return Settings()

    def change(self, **fields: object) -> Settings:
        """Set fields and write the file."""
        self.now = msgspec.structs.replace(self.now, **fields)
        try:
            write_atomically(self._path, msgspec.json.format(msgspec.json.encode(self.now), indent=2))
        except OSError as error:
            log.warning("the settings cannot be written: %s", error)
        return self.now

    def remember(self, server: Server) -> None:
        """Keep a server (one entry for a url)."""
        others = [s for s in self.now.servers if s.url != server.url]
        self.change(servers=(*others, server))

    def forget(self, url: str) -> None:
        self.change(servers=tuple(s for s in self.now.servers if s.url != url))
