"""Secrets taken out of texts that are kept or shown: by their form, since after a restart nobody knows them."""

import re
from collections.abc import Callable
from typing import Final

_VALUE: Final = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&}\)]+)"""

_REFERENCE: Final = re.compile(r"OpaqueRef:(?!NULL(?![\w-]))[\w/-]{4,}")

HIDDEN: Final = "OpaqueRef:…"

_SECRETS: Final = (
    (re.compile(rf"(?i)(session_id[\"']?\s*[=:]\s*){_VALUE}"), r"\1…"),
    (re.compile(r"(?i)((?:login_with|change)_password\W*[\"(<,]).*"), r"\1…"),
    (re.compile(rf"(?i)(passw(?:or)?d[\"']?\s*[=:]\s*){_VALUE}"), r"\1…"),
    (re.compile(r"(?i)(authorization[\"']?\s*[=:]\s*[\"']?)[^\s\"']+(?:\s+[^\s\"',]+)?"), r"\1…"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,200}:)[^\s/]{1,200}@"), r"\1…@"),
)
"""The arguments of calls that log in are not written either."""


def redacted(text: str, is_known: Callable[[str], bool] = lambda reference: False) -> str:
    """The text without session references, passwords and the like. Session references look like any other reference, so
    only those stay that are known to be something else."""
    text = _REFERENCE.sub(lambda found: found.group() if is_known(found.group()) else HIDDEN, text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
