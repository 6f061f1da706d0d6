"""The certificates that the operator trusts: SHA-256 fingerprints by server, in one JSON file."""

import logging
from pathlib import Path
from typing import Final

import msgspec

from xsmigui.local.paths import write_atomically

log = logging.getLogger(__name__)

FILE: Final = "trusted-certificates.json"


class TrustFile:
    """The pinned certificates. A file that cannot be read trusts nobody."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._pins = self._read()

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read (%s): no certificate is trusted", self._path, error)
            return {}

    def trusted(self, url: str) -> str | None:
        return self._pins.get(url)

    def trust(self, url: str, fingerprint: str) -> None:
        """Pin a certificate. What another process has pinned meanwhile stays; a pin that cannot be written holds until
        the program ends."""
        self._pins = {**self._pins, **self._read(), url: fingerprint}
        try:
            write_atomically(self._path, msgspec.json.format(msgspec.json.encode(self._pins), indent=2))
        except OSError as error:
            log.warning("the trust in %s cannot be kept: %s", url, error)


class GivenTrust:
    """Fingerprints given on the command line, before those of the file. With `first_use` an unknown certificate is
    kept; a changed one is refused all the same."""

    def __init__(self, file: TrustFile, fingerprints: list[str], first_use: bool) -> None:
        self._file = file
        self._given = fingerprints
        self.first_use = first_use
        self._by_url: dict[str, str] = {}

    def give(self, url: str, fingerprint: str) -> None:
        self._by_url[url] = fingerprint

    def trusted(self, url: str) -> str | None:
        return self._by_url.get(url) or self._file.trusted(url)

    def accepts(self, fingerprint: str) -> bool:
        """One of the given fingerprints is this one, however it is spelled."""
        bare = fingerprint.replace(":", "").lower()
        return bool(bare) and any(given.replace(":", "").lower() == bare for given in self._given)

    def trust(self, url: str, fingerprint: str) -> None:
        self._file.trust(url, fingerprint)
