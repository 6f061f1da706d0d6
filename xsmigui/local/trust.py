"""The certificates that the operator trusts: SHA-256 fingerprints by server, in one JSON file."""

import logging
import re
from pathlib import Path
from typing import Final

import msgspec

from xsmigui.local.paths import write_atomically

log = logging.getLogger(__name__)

FILE: Final = "trusted-certificates.json"

DIGITS: Final = 64
"""Of a SHA-256, in hexadecimal."""

_ALGORITHM: Final = re.compile(r"(?i)sha-?256(?:[ _]fingerprint)?[ :=/]\s*|^0x")
"""What tools write before the digits: ``SHA256 Fingerprint=``, ``sha256:``."""

_GROUPING: Final = str.maketrans("", "", ": -\t")


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

    def trusted(self, url: str, shown: str = "") -> str | None:
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
    """Fingerprints given on the command line, over those of the file: where any are given, a server must show one of
    them, whatever was trusted before. With `first_use` an unknown certificate is kept; a changed one is refused all the
    same."""

    def __init__(self, file: TrustFile, fingerprints: list[str], first_use: bool) -> None:
        self._file = file
        self.given = [_digits(fingerprint) for fingerprint in fingerprints]
        self.first_use = first_use

    def trusted(self, url: str, shown: str = "") -> str | None:
        if self.given and not self.accepts(shown):
            return self.given[0]
        return self._file.trusted(url)

    def accepts(self, fingerprint: str) -> bool:
        """One of the given fingerprints is this one, however it is spelled."""
        return any(same_fingerprint(given, fingerprint) for given in self.given)

    def trust(self, url: str, fingerprint: str) -> None:
        self._file.trust(url, fingerprint)


def same_fingerprint(one: str, other: str) -> bool:
    """Two spellings of one fingerprint; an empty one is like none."""
    return bool(_bare(one)) and _bare(one) == _bare(other)


def is_fingerprint(text: str) -> bool:
    """64 hexadecimal digits, however they are grouped."""
    bare = _bare(text)
    return len(bare) == DIGITS and all(c in "0123456789abcdef" for c in bare)


def _digits(fingerprint: str) -> str:
    """The digits as they were given, without the name of the algorithm (as openssl prints it)."""
    return _ALGORITHM.sub("", fingerprint.strip(), count=1).strip()


def _bare(fingerprint: str) -> str:
    """The digits alone: colons and spaces are left out too."""
    return _digits(fingerprint).lower().translate(_GROUPING)
