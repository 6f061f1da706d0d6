"""References of the API as types, and the identities the program itself uses.

A reference is the server's opaque handle (``OpaqueRef:…``), valid in one pool only; what identifies an object across
pools is an `ObjectId`.
"""

from typing import Final, NamedTuple, NewType

Ref = str
"""Any reference; the classes' own types below are subtypes of it."""

PoolRef = NewType("PoolRef", str)
HostRef = NewType("HostRef", str)
HostMetricsRef = NewType("HostMetricsRef", str)
VmRef = NewType("VmRef", str)
VmMetricsRef = NewType("VmMetricsRef", str)
GuestMetricsRef = NewType("GuestMetricsRef", str)
VbdRef = NewType("VbdRef", str)
VdiRef = NewType("VdiRef", str)
SrRef = NewType("SrRef", str)
SmRef = NewType("SmRef", str)
PbdRef = NewType("PbdRef", str)
VifRef = NewType("VifRef", str)
NetworkRef = NewType("NetworkRef", str)
PifRef = NewType("PifRef", str)
PifMetricsRef = NewType("PifMetricsRef", str)
TaskRef = NewType("TaskRef", str)

MoverRef = VmRef | VdiRef
"""What moves: a VM, or a disk that belongs to none."""

NULL: Final = "OpaqueRef:NULL"
"""The null reference (xapi-types/ref.ml: only this exact text is null; an empty string is an invalid reference)."""

PoolId = NewType("PoolId", str)
"""The uuid of a pool: what tells pools apart. Every server has one, a standalone host too (with an empty name)."""


def is_null(ref: str) -> bool:
    """True for the null reference and for the empty string that old databases hold in its place."""
    return ref in ("", NULL)


class ObjectId(NamedTuple):
    """An object of some pool. `cls` is the API's class name (``VM``, ``host``, ``SR`` …)."""

    pool: PoolId
    cls: str
    ref: str

    @property
    def text(self) -> str:
        """As it is kept in the settings."""
        return " ".join(self)

    @staticmethod
    def of(text: str) -> "ObjectId | None":
        """From such a text; None for any other."""
        parts = text.split(" ", 2)
        return ObjectId(PoolId(parts[0]), parts[1], parts[2]) if len(parts) == 3 else None
