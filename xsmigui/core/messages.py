"""Messages as values: what is stated about which names, numbers and sizes, in no language yet.

Rules, error codes and jobs make messages with ``m_("…", name=value)`` and ``mn_("…", "…", n)``. A message keeps its
English pattern and its fields as they are; problems, jobs and the journal hold it like that. Only who shows it to a
reader renders it (`render`, or `str`), in the language in use at that moment. So the same evaluation or job reads in
any language, and a program reads the fields instead of the sentence.

A plain ``str`` is a message too: words of a server, and sentences of journals from before messages were values.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from xsmigui.core.text import LINE, _, joined, middle, n_, one_line, printable
from xsmigui.core.units import duration, moment, rate, size


class Message(msgspec.Struct, frozen=True, tag="message", tag_field="kind", omit_defaults=True):
    """A sentence, or a part of one: the English pattern as it is in the catalogue, and its fields by name. `many` is
    the pattern for other numbers than one, and `number` the number, if the pattern depends on one."""

    pattern: str
    fields: tuple[tuple[str, "Value"], ...] = ()
    many: str = ""
    number: int = 0

    def __str__(self) -> str:
        fields = {name: shown(value) for name, value in self.fields}
        return n_(self.pattern, self.many, self.number, **fields) if self.many else _(self.pattern, **fields)


class CodeMessage(msgspec.Struct, frozen=True, tag="code", tag_field="kind", omit_defaults=True):
    """The sentence of an error code, whose pattern numbers its parameters (``{0}``, ``{1}``). Parameters that the
    server left out read as a dash, and as nothing at the end."""

    pattern: str
    params: tuple["Value", ...] = ()

    def __str__(self) -> str:
        text = _(self.pattern).format(*map(shown, self.params), *["–"] * 6)
        return _DANGLING.sub(".", text)


class Listed(msgspec.Struct, frozen=True, tag="list", tag_field="kind", omit_defaults=True):
    """Several things in one field: ``a, b and c``, those beyond `most` only counted; with a `mark`, all of them with
    it between them."""

    items: tuple["Value", ...]
    most: int = 4
    mark: str = ""

    def __str__(self) -> str:
        items = [shown(item) for item in self.items]
        return self.mark.join(items) if self.mark else joined(items, self.most)


class Size(msgspec.Struct, frozen=True, tag="bytes", tag_field="kind"):
    """A number of bytes."""

    bytes: int

    def __str__(self) -> str:
        return size(self.bytes)


class Rate(msgspec.Struct, frozen=True, tag="bytes-per-second", tag_field="kind"):
    """Bytes a second."""

    value: float

    def __str__(self) -> str:
        return rate(self.value)


class Duration(msgspec.Struct, frozen=True, tag="seconds", tag_field="kind"):
    """A time span in seconds."""

    seconds: float

    def __str__(self) -> str:
        return duration(self.seconds)


class Moment(msgspec.Struct, frozen=True, tag="moment", tag_field="kind"):
    """A time as a server writes it."""

    text: str

    def __str__(self) -> str:
        return moment(self.text)


class Sentence(msgspec.Struct, frozen=True, tag="sentence", tag_field="kind"):
    """A part of a sentence as one of its own: with a capital letter and a full stop."""

    text: "Text"

    def __str__(self) -> str:
        text = str(self.text)
        return f"{text[:1].upper()}{text[1:]}."


class Sentences(msgspec.Struct, frozen=True, tag="sentences", tag_field="kind"):
    """Several messages after each other."""

    parts: tuple["Text", ...]

    def __str__(self) -> str:
        return " ".join(filter(None, map(str, self.parts)))


Text = str | Message | CodeMessage | Listed | Sentence | Sentences
"""What can be shown as a sentence or a part of one."""

Value = str | int | float | Message | CodeMessage | Listed | Size | Rate | Duration | Moment | Sentence | Sentences
"""What a field of a message may be."""

_VALUES: Final = (Message, CodeMessage, Listed, Size, Rate, Duration, Moment, Sentence, Sentences)
_DANGLING: Final = re.compile(r":\s*–?$")


def m_(pattern: str, /, **fields: object) -> Message:
    """A message of this pattern; its fields are names, numbers and other messages, or anything that has a text."""
    return Message(pattern, tuple((name, field(value)) for name, value in fields.items()))


def mn_(one: str, many: str, number: int, /, **fields: object) -> Message:
    """A message whose pattern depends on a number, which is its field ``{n}``."""
    return Message(one, tuple((name, field(value)) for name, value in fields.items()), many, number)


def coded(pattern: str, *params: object) -> Text:
    """The sentence of an error code; empty if it has none."""
    return CodeMessage(pattern, tuple(field(param) for param in params)) if pattern else ""


def listed(items: Sequence[Text], most: int = 4, mark: str = "") -> Text:
    """Several things as one field; a single one is itself."""
    if len(items) == 1:
        return items[0]
    return Listed(tuple(items), most, mark) if items else ""


def sentences(*parts: Text) -> Text:
    """Messages after each other, without those that are empty; a single one is itself."""
    found = tuple(part for part in parts if part)
    return Sentences(found) if len(found) > 1 else found[0] if found else ""


def field(value: object) -> Value:
    """A value as a field; a text of unlimited length is cut in its middle."""
    if isinstance(value, _VALUES):
        return value
    if isinstance(value, str):
        return middle(str(value), LINE)
    return value if isinstance(value, int | float) else one_line(str(value))


def shown(value: Value) -> str:
    """A field as it stands in a sentence."""
    return printable(middle(value, LINE)) if isinstance(value, str) else str(value)


def render(text: Text) -> str:
    """The text in the reader's language of this moment."""
    return str(text)


def with_texts(text: Text, change: Callable[[str], str]) -> Text:
    """The message with each text among its fields changed; its patterns stay."""
    match text:
        case Message():
            fields = tuple((name, _changed(value, change)) for name, value in text.fields)
            return msgspec.structs.replace(text, fields=fields)
        case CodeMessage():
            return CodeMessage(text.pattern, tuple(_changed(value, change) for value in text.params))
        case Listed():
            return Listed(tuple(_changed(item, change) for item in text.items), text.most, text.mark)
        case Sentence():
            return Sentence(with_texts(text.text, change))
        case Sentences():
            return Sentences(tuple(with_texts(part, change) for part in text.parts))
        case _:
            return change(text)


def _changed(value: Value, change: Callable[[str], str]) -> Value:
    return with_texts(value, change) if isinstance(value, Text) else value


def facts(value: Value) -> object:
    """A message for programs that read JSON: its pattern and its fields; sizes in bytes, time spans in seconds."""
    match value:
        case Message():
            number = {"n": value.number} if value.many else {}
            return {"pattern": value.pattern, "fields": number | {name: facts(each) for name, each in value.fields}}
        case CodeMessage():
            return {"pattern": value.pattern, "fields": {str(n): facts(each) for n, each in enumerate(value.params)}}
        case Listed():
            return [facts(item) for item in value.items]
        case Sentence():
            return facts(value.text)
        case Sentences():
            return [facts(part) for part in value.parts]
        case Size():
            return value.bytes
        case Rate():
            return value.value
        case Duration():
            return value.seconds
        case Moment():
            return value.text
        case _:
            return value
