"""The one exception of this room: an API error as a client sees it."""

from __future__ import annotations

from typing import Final

NULL: Final = "OpaqueRef:NULL"
EPOCH: Final = "19700101T00:00:00Z"


class Failure(Exception):
    """An error description: a code and its parameters, all text, in the order xapi gives them."""

    def __init__(self, code: str, *params: object) -> None:
        self.code = code
        self.params = [str(p) for p in params]
        super().__init__(code, *self.params)

    @property
    def description(self) -> list[str]:
        """`[CODE, parameter, …]`, the form of `task.error_info` and of XML-RPC's ErrorDescription."""
        return [self.code, *self.params]


def float_text(value: float) -> str:
    """A float as xapi writes it into a parameter (OCaml's string_of_float): 1.5, 10., 1e+20"""
    text = f"{value:.12g}"
    return text if any(c in text for c in ".ein") else f"{text}."


def internal(text: str) -> Failure:
    """Whatever xapi did not foresee ends as INTERNAL_ERROR with the printed exception (xapi exnHelper)."""
    return Failure("INTERNAL_ERROR", text)


def no_text(text: object) -> Failure:
    """A string that is not valid UTF-8."""
    return Failure("INVALID_VALUE", "Invalid UTF-8 string in parameter", text)


def handle_invalid(cls: str, ref: str) -> Failure:
    return Failure("HANDLE_INVALID", cls, ref)
