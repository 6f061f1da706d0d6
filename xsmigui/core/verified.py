"""What was compared after a move, item by item: facts, and the sentences that tell them."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from xsmigui.core.messages import Message, Size, Text, Value, listed, m_, mn_, render, sentences
from xsmigui.core.text import N_


class What(StrEnum):
    """What was compared."""

    power_state = "power_state"
    host = "host"
    disk = "disk"
    size = "size"
    content = "content"
    connection = "connection"
    source = "source"
    vif = "vif"
    mac = "mac"
    cd = "cd"
    snapshot = "snapshot"
    suspend_image = "suspend_image"
    home = "home"
    tags = "tags"
    order = "order"
    start_delay = "start_delay"
    shutdown_delay = "shutdown_delay"
    blocked = "blocked"
    ha_priority = "ha_priority"
    addresses = "addresses"
    gone = "gone"
    identity = "identity"


class Outcome(StrEnum):
    """How an item was found."""

    same = "same"
    differs = "differs"
    unknown = "unknown"


class Item(msgspec.Struct, frozen=True):
    """One item: what was compared, of which part of the VM (a disk's name, an interface's MAC …; empty: the VM itself),
    what was expected, what was found, and how that is."""

    what: What
    subject: str
    expected: Text
    found: Text
    outcome: Outcome

    def as_json(self) -> dict[str, str]:
        expected, found = render(self.expected), render(self.found)
        parts = {"what": str(self.what), "subject": self.subject, "expected": expected, "found": found}
        return {**parts, "outcome": str(self.outcome), "text": text(self)}


def same(what: What, subject: str, found: str) -> Item:
    return Item(what, subject, found, found, Outcome.same)


def differs(what: What, subject: str, expected: Text, found: Text) -> Item:
    return Item(what, subject, expected, found, Outcome.differs)


def unknown(what: What, subject: str, expected: Text) -> Item:
    """It could not be read."""
    return Item(what, subject, expected, "", Outcome.unknown)


def are_verified(items: Iterable[Item]) -> bool:
    """Something was compared, and all of it was found as it should be."""
    found = [item.outcome for item in items]
    return bool(found) and all(outcome is Outcome.same for outcome in found)


_NAMES = {
    What.power_state: N_("power state"),
    What.host: N_("host"),
    What.disk: N_("place of the disk {subject}"),
    What.size: N_("size of the disk {subject}"),
    What.content: N_("content of the disk {subject}"),
    What.connection: N_("position of the disk {subject}"),
    What.source: N_("source of the disk {subject}"),
    What.vif: N_("network of the interface {subject}"),
    What.mac: N_("MAC address of the interface {subject}"),
    What.cd: N_("CD in the drive {subject}"),
    What.snapshot: N_("disks of the snapshot {subject}"),
    What.suspend_image: N_("image of its memory"),
    What.home: N_("home server"),
    What.tags: N_("tags"),
    What.order: N_("start order"),
    What.start_delay: N_("start delay"),
    What.shutdown_delay: N_("shutdown delay"),
    What.blocked: N_("blocked operations"),
    What.ha_priority: N_("restart priority"),
    What.addresses: N_("addresses of the guest"),
    What.gone: N_("the VM in its old pool"),
    What.identity: N_("whether it is the VM that was sent"),
}


def name(item: Item) -> Message:
    """What was compared, in a few words."""
    return m_(_NAMES[item.what], subject=item.subject)


def text(item: Item) -> str:
    """The item as a line, in the reader's language of this moment."""
    return render(fact(item))


def fact(item: Item) -> Message:
    """The item as a line: what it is, and how it was found."""
    expected, found = _value(item.what, item.expected), _value(item.what, item.found)
    match item.outcome:
        case Outcome.same:
            return m_("{what}: {found}", what=name(item), found=found or "–")
        case Outcome.differs:
            found, expected = found or m_("nothing"), expected or m_("nothing")
            return m_("{what}: {found}, not {expected}", what=name(item), found=found, expected=expected)
        case Outcome.unknown if item.what is What.content and expected and item.expected not in _WORDS:
            return m_("{what}: could not be compared. {reason}", what=name(item), reason=expected)
        case Outcome.unknown if item.what is What.identity:
            return m_("{what}: could not be seen. {reason}", what=name(item), reason=expected)
        case Outcome.unknown:
            return m_("{what}: could not be read ({expected} expected)", what=name(item), expected=expected or "–")


_WORDS = {
    "kept": N_("kept"),
    "removed": N_("removed"),
    "same": N_("the same checksum"),
    "other": N_("a different checksum"),
}


def _value(what: What, value: Text) -> Value:
    if not isinstance(value, str):
        return value
    if what is What.size and value.isdigit():
        return Size(int(value))
    if what is What.gone:
        return m_("still in {pool}", pool=value) if value else m_("gone")
    return m_(_WORDS[value]) if what in (What.source, What.content) and value in _WORDS else value


def summary(items: Iterable[Item]) -> Text:
    """How many items were compared and found as they should be; then those that could not be read."""
    items = list(items)
    good = sum(1 for item in items if item.outcome is Outcome.same)
    parts: list[Text] = [mn_("{n} item compared.", "{n} items compared.", good)] if good else []
    missing = [name(item) for item in items if item.outcome is Outcome.unknown]
    if missing:
        parts.append(m_("Could not read: {items}.", items=listed(missing, mark=", ")))
    return sentences(*parts)
