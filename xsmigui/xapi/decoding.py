"""The one place where whatever decoding can raise becomes "this is no XenAPI server".

Decoders fail in many ways: bytes that are no text, values nested too deep, numbers with a million digits, records of
another shape. Whoever receives an answer wants to know one thing: the server does not speak the API.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from xsmigui.core.failures import WIRE_ERRORS, NotSpeaking, ServerFailure
from xsmigui.core.text import one_line
from xsmigui.xapi import limits

SHOWN: Final = 300
"""Characters of a decoder's complaint, or of a reason that a server gives, that are kept."""


@contextmanager
def decoding(url: str, what: str) -> Iterator[None]:
    """Inside it bytes of a server are decoded, and nothing else is done. Every error there, of whatever type, comes
    from those bytes: it becomes `NotSpeaking`. The wire's own errors pass."""
    try:
        yield
    except WIRE_ERRORS:
        raise
    except Exception as error:
        detail = one_line(f"{what}: {type(error).__name__}: {error}", SHOWN)
        raise NotSpeaking(url, 200, detail) from None


def converted(value: Any, type_: Any) -> Any:
    """A plain value as this type; numbers may come as text (XML-RPC, and old servers in JSON)."""
    return msgspec.convert(value, type_, strict=False)


def failure(code: Any, params: list[Any], method: str) -> ServerFailure:
    """An error of the server as a value, its texts cut to what somebody can read."""
    texts = tuple(str(param)[: limits.PARAMETER] for param in params[: limits.PARAMETERS])
    return ServerFailure(str(code)[: limits.PARAMETER], texts, method)


def counted(rows: dict[str, Any]) -> None:
    """Refuse more objects than any pool has."""
    if len(rows) > limits.ROWS:
        raise ValueError(f"more than {limits.ROWS:,} objects of one class")
