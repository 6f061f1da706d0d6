"""The types of the API: parsed from the schema's words, they check what comes in and fill in what is missing.

Values are plain Python: int, bool, float, str (strings, references, enumerations and dates alike), list for sets, dict
for maps and records. Source of the rules: xapi 24.10, rpclib's unmarshallers.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from xsmigui.simulator.failures import EPOCH, NULL, Failure, internal, no_text
from xsmigui.simulator.sexpr import pairs, parse_list

Value = Any
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d|)")


_SURROGATE = re.compile("[\ud800-\udfff]")


class TypeMismatch(ValueError):
    """A parameter of the wrong type; its text is what rpclib's Failure says."""


class NoDate(ValueError):
    """A date that cannot be read; its text is the date."""


class NoText(ValueError):
    """A string parameter that is not valid UTF-8; its text is the string as far as it can be read."""


def text_of(value: str) -> str:
    """A string from the wire, where bytes that are no UTF-8 have become surrogates; raises `NoText` for these."""
    if not value.isascii() and _SURROGATE.search(value):
        raise NoText(readable(value))
    return value


def undecoded(error: ValueError, release: tuple[int, ...]) -> Failure:
    """What is answered to a parameter that cannot be decoded (exnHelper.ml); for dates the function is named."""
    if isinstance(error, NoText):
        return no_text(error)
    if isinstance(error, NoDate):
        function = "Clock__Date" if release >= (24, 30) else "Xapi_stdext_date__Date"
        return internal(f"Invalid argument: {function}.of_iso8601: {error}")
    return internal(f'Failure("{error}")')


def readable(text: str) -> str:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


class Type:
    """One API type. `decode` reads a value from the wire, `parse` one from a database, `default` is its empty value."""

    default: Value = ""

    def __init__(self, word: str) -> None:
        self.word = word

    def decode(self, value: Value) -> Value:
        if not isinstance(value, str):
            raise TypeMismatch(f"Expected string, got '{shown(value)}'")
        return text_of(value)

    def parse(self, text: str) -> Value:
        return text


class Void(Type):
    pass


class Ref(Type):
    """Old databases have "" where nothing is referred to, and xapi keeps it."""

    default = NULL

    def __init__(self, word: str, cls: str) -> None:
        super().__init__(word)
        self.cls = cls


class Enum(Type):
    """Names are matched without regard to case (deriving-rpc lowers polymorphic variants)."""

    def __init__(self, word: str, values: list[str]) -> None:
        super().__init__(word)
        self.values = values
        self._by_lower = {v.lower(): v for v in values}
        self.default = values[0] if values else ""

    def decode(self, value: Value) -> Value:
        text = text_of(value) if isinstance(value, str) else ""
        if self.word == "enum bond_mode" and text not in self.values:  # read by hand (gen_api.ml, overrides)
            raise TypeMismatch("Unmarshalling error in bond-mode")
        if text.lower() not in self._by_lower:  # ppx_deriving_rpc names neither the value nor the type
            raise TypeMismatch("Unknown tag/contents")
        return self._by_lower[text.lower()]

    def parse(self, text: str) -> Value:
        return self._by_lower.get(text.lower(), text or self.default)


_INTEGER = re.compile(
    r"([+-]?)(?:0u([0-9][0-9_]*)|0x([0-9a-f][0-9a-f_]*)|0o([0-7][0-7_]*)|0b([01][01_]*)|([0-9][0-9_]*))", re.IGNORECASE
)


def int64(text: str) -> int:
    """As OCaml's Int64.of_string reads it; raises ValueError for what has more than 64 bits. Decimal numbers have a
    sign, the others fill all the bits."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    sign, *groups = match.groups()
    base, digits = next((b, d) for b, d in zip((10, 16, 8, 2, 10), groups, strict=True) if d is not None)
    value = int(digits.replace("_", ""), base)
    signed = groups[-1] is not None
    if value > (1 << 63) - (0 if sign == "-" else 1) if signed else value >= 1 << 64:
        raise ValueError(text)
    value = -value if sign == "-" else value
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


class Int(Type):
    default = 0

    def decode(self, value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise TypeMismatch(f"Expected int64, got '{shown(value)}'")
        try:
            return int64(value) if isinstance(value, str) else value
        except ValueError:
            raise TypeMismatch("Int64.of_string") from None

    def parse(self, text: str) -> Value:
        return int(text) if text else 0


class Bool(Type):
    default = False

    def decode(self, value: Value) -> Value:
        if not isinstance(value, bool):
            raise TypeMismatch(f"Expected bool, got '{shown(value)}'")
        return value

    def parse(self, text: str) -> Value:
        return text == "true"


class Float(Type):
    default = 0.0

    def decode(self, value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeMismatch(f"Expected float, got '{shown(value)}'")
        try:
            return float(value)
        except ValueError:
            raise TypeMismatch("float_of_string") from None

    def parse(self, text: str) -> Value:
        return float(text) if text else 0.0


class Date(Type):
    default = EPOCH

    def decode(self, value: Value) -> Value:
        """Kept without dashes and fractions, with the offset that it came with (xapi date.ml, to_rfc3339)."""
        text = super().decode(value)
        match = _DATE.fullmatch(text)
        if match is None:
            raise NoDate(text)
        year, month, day, time, offset = match.groups()
        try:
            datetime.fromisoformat(f"{year}-{month}-{day}T{time}")
        except ValueError:
            raise NoDate(text) from None
        return f"{year}{month}{day}T{time}{'Z' if offset in {'+00:00', '-00:00'} else offset}"

    def parse(self, text: str) -> Value:
        return text or EPOCH


class Set(Type):
    def __init__(self, word: str, item: Type) -> None:
        super().__init__(word)
        self.item = item
        self.default: list[Value] = []

    def decode(self, value: Value) -> Value:
        if not isinstance(value, list):
            raise TypeMismatch(f"Expected list, got '{shown(value)}'")
        return [self.item.decode(v) for v in value]

    def parse(self, text: str) -> Value:
        return [self.item.parse(v) for v in parse_list(text)]


class Map(Type):
    """Keys are text on the wire, whatever their type: JSON and XML-RPC know no other."""

    def __init__(self, word: str, key: Type, item: Type) -> None:
        super().__init__(word)
        self.key = key
        self.item = item
        self.default: dict[str, Value] = {}

    def decode(self, value: Value) -> Value:
        if not isinstance(value, dict):
            raise TypeMismatch(f"Expected dictionary, got '{shown(value)}'")
        return {str(self.key.decode(k)): self.item.decode(v) for k, v in value.items()}

    def parse(self, text: str) -> Value:
        return {k: self.item.parse(v) for k, v in pairs(text).items()}


class Record(Type):
    """A constructor's struct; its members are checked against the class by the constructor."""

    def __init__(self, word: str, cls: str) -> None:
        super().__init__(word)
        self.cls = cls

    def decode(self, value: Value) -> Value:
        if not isinstance(value, dict):
            raise TypeMismatch(f"Expected dictionary, got '{shown(value)}'")
        return value


_SCALARS: dict[str, type[Type]] = {
    "string": Type, "int": Int, "bool": Bool, "float": Float, "datetime": Date, "void": Void,
}  # fmt: skip


@functools.cache
def _scalar(word: str) -> Type:
    return _SCALARS[word](word)


def parse_type(word: str, enums: Mapping[str, list[str]]) -> Type:
    """The type that the schema writes as `word`: `VM ref set`, `(string -> enum vm_operations) map` …"""
    if word in _SCALARS:
        return _scalar(word)
    if word.endswith(" set"):
        return Set(word, parse_type(word.removesuffix(" set"), enums))
    if word.endswith(" option"):
        return parse_type(word.removesuffix(" option"), enums)
    if word.startswith("(") and word.endswith(") map"):
        key, _, item = word[1 : -len(") map")].partition(" -> ")
        return Map(word, parse_type(key, enums), parse_type(item, enums))
    if word.endswith(" ref"):
        return Ref(word, word.removesuffix(" ref"))
    if word.endswith(" record") or word == "an event batch":
        return Record(word, word.removesuffix(" record"))
    if word.startswith("enum "):
        return Enum(word, enums.get(word.removeprefix("enum "), []))
    raise ValueError(f"unknown type in the schema: {word}")


def shown(value: Value) -> str:
    """How rpclib prints a value in its complaints (Rpc.to_string): S(text), I(1), B(true), F(0.5), Enum, Dict."""
    if isinstance(value, bool):
        return f"B({str(value).lower()})"
    if isinstance(value, int):
        return f"I({value})"
    if isinstance(value, float):
        return f"F({int(value) if value.is_integer() and math.isfinite(value) else value})"
    if isinstance(value, str):
        return f"S({value})"
    if isinstance(value, list):
        return f"[{';'.join(map(shown, value))}]"
    if isinstance(value, dict):
        return "{" + ";".join(f"{k}:{shown(v)}" for k, v in value.items()) + "}"
    return "N"
