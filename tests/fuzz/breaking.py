"""Ways to break an answer: its bytes, or the values in it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

WORDS: Final = (
    b"NaN", b"Infinity", b"null", b"true", b"{}", b"[]", b'""', b"-0", b"1e999", b"9" * 400, b"\\ud800", b"\\u0000",
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\x1b[31m", b"OpaqueRef:NULL", b"OpaqueRef:", b'},"OpaqueRef:',
    b'},"id":',
    b"<value>", b"</value>", b"<struct>", b"</struct>", b"<nil/>", b"<int>x</int>", b"<base64>!</base64>", b"&#0;",
    b"&a;",
    b"<!DOCTYPE a>", b"<![CDATA[", b"]]>", b"<double>nan</double>", b"<i8>1</i8>", b"<boolean>2</boolean>", b"\"" * 3,
    b'{"a":' * 200, b"[" * 2000, b"<array><data>" * 200, b"Success", b"Failure", b"error", b"result",
)  # fmt: skip


def broken(body: bytes, dice: Random) -> bytes:
    """The body with one to five changes to its bytes."""
    data = bytearray(body)
    for _change in range(dice.choice((1, 1, 1, 2, 3, 5))):
        dice.choice(CHANGES)(data, dice)
    return bytes(data)


def _place(data: bytearray, dice: Random) -> int:
    return dice.randrange(len(data) + 1)


def _flip(data: bytearray, dice: Random) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _any(data: bytearray, dice: Random) -> None:
    if data:
        data[dice.randrange(len(data))] = dice.randrange(256)


def _remove(data: bytearray, dice: Random) -> None:
    start = _place(data, dice)
    del data[start : start + dice.choice((1, 2, 10, 100, 10_000))]


def _repeat(data: bytearray, dice: Random) -> None:
    start = _place(data, dice)
    piece = data[start : start + dice.choice((1, 20, 500))]
    data[start:start] = piece * dice.choice((1, 2, 50))


def _swap(data: bytearray, dice: Random) -> None:
    first, second, size = _place(data, dice), _place(data, dice), dice.choice((1, 10, 200))
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]


def _insert(data: bytearray, dice: Random) -> None:
    start = _place(data, dice)
    data[start:start] = dice.choice(WORDS)


def _overwrite(data: bytearray, dice: Random) -> None:
    start, word = _place(data, dice), dice.choice(WORDS)
    data[start : start + len(word)] = word


def _cut(data: bytearray, dice: Random) -> None:
    del data[_place(data, dice) :]


def _digits(data: bytearray, dice: Random) -> None:
    """A number becomes another one."""
    places = [at for at in (_place(data, dice) for _try in range(20)) if at < len(data) and data[at] in b"0123456789"]
    if places:
        data[places[0] : places[0] + 1] = dice.choice((b"-1", b"1.5", b"99999999999999999999", b"1e308", b"0x1"))


CHANGES: Final[tuple[Callable[[bytearray, Random], None], ...]] = (
    _flip, _any, _remove, _repeat, _swap, _insert, _overwrite, _cut, _digits,
)  # fmt: skip


def odd(dice: Random) -> Any:
    """A value that no field expects, or that some do not."""
    return dice.choice(
        (
            None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 1e300, "", "x", "OpaqueRef:NULL", "OpaqueRef:1", "0",
            "-1", "9" * 30, "²", "٣", "1.5", "nan", "\x1b[31m", "\u202eabc", "a\nb", "x" * 3000, "true", "Running",
            "Halted",
            [], [None], ["x"], ["OpaqueRef:1"] * 3, [[]], {}, {"a": "b"}, {"a": None}, {"": ""}, {"OpaqueRef:1": {}},
            "20260229T99:99:99Z", "task=\ud7ff", "<b>x</b>", "&", "%s", "{0}", "{name}",
        )
    )  # fmt: skip


def changed(value: Any, dice: Random, depth: int = 0) -> Any:
    """The value with something odd somewhere inside."""
    if isinstance(value, dict) and value and (depth == 0 or dice.random() < 0.8):
        key = dice.choice(list(value))
        chance = dice.random()
        if chance < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if chance < 0.15:
            return value | {dice.choice(("x", "", "OpaqueRef:9")): value[key]}
        return value | {key: changed(value[key], dice, depth + 1)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        return [*value[:at], changed(value[at], dice, depth + 1), *value[at + 1 :]]
    return odd(dice)


def alike(value: Any, dice: Random) -> Any:
    """Something odd of the same type, as a record can hold it."""
    if isinstance(value, dict):
        entries = dict(value)
        key = dice.choice([*entries, "cpu_count", "features", "vhd-parent", "mac_seed", "x"])
        entries[key] = alike("", dice)
        return {} if dice.random() < 0.2 else entries
    for _try in range(50):
        found = odd(dice)
        if type(found) is type(value) and not (isinstance(found, list) and found in ([None], [[]])):
            return found
    return value
