"""What is on the simulated disks: never shown, and carried wherever a server would carry bytes.

A disk is a row of blocks, each with the number of the write that filled it last. That is enough to answer whether two
disks are the same, what differs between them, and what a copy leaves behind that skips zeroes. A disk that nobody has
written to since the start has no entry: its content follows from its uuid, so that thousands of disks cost nothing.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from xsmigui.simulator.tables import Database, Row

BLOCKS: Final = 8
UNWRITTEN: Final = 0
"""A block that an image does not hold: read as zeroes."""
ZEROED: Final = -1
"""A block that somebody has filled with zeroes: read as zeroes too, but an image in VHD holds it."""

Content = tuple[int | str, ...]
EMPTY: Final[Content] = (UNWRITTEN,) * BLOCKS
_ZEROES: Final = frozenset({UNWRITTEN, ZEROED})


def as_read(content: Content) -> Content:
    """The same for all disks whose bytes are the same."""
    return tuple(UNWRITTEN if block in _ZEROES else block for block in content)


def checksum(content: Content, virtual_size: int) -> str:
    """The MD5 of the whole disk, lower-case hexadecimal. Zeroes at its end count: another size is another sum."""
    return hashlib.md5(repr((as_read(content), virtual_size)).encode(), usedforsecurity=False).hexdigest()


def first_content(uuid: str) -> Content:
    """What a disk holds that was there when the simulation began."""
    return (*(uuid,) * (BLOCKS - 2), UNWRITTEN, UNWRITTEN)


class HasDisks(Protocol):
    """What disks need of a pool."""

    @property
    def db(self) -> Database: ...

    @property
    def contents(self) -> Contents: ...


class Observer(Protocol):
    """Hears of every disk that is written to or extended, and of VMs that go back to a snapshot."""

    def changed(self, pool: HasDisks, vdi: Row, before: Content, after: Content) -> None: ...

    def reverted(self, pool: HasDisks, vm: Row) -> None: ...


class Contents:
    """The contents of a site's disks by their uuid: two pools that share an SR see the same disk."""

    def __init__(self) -> None:
        self._known: dict[str, Content] = {}
        self._writes = 0
        self.observer: Observer | None = None

    def at_rest(self, vdi: Row) -> Content:
        """As it is on the SR, without what a running guest is about to write."""
        known = self._known.get(vdi["uuid"])
        if known is not None:
            return known
        return first_content(vdi["uuid"])

    def read(self, pool: HasDisks, ref: str) -> Content:
        """What whoever reads the disk now finds: a running guest has just written to it."""
        vdi = pool.db.row("VDI", ref)
        if written_to(pool, vdi):
            self.write(pool, ref)
        return self.at_rest(vdi)

    def set(self, pool: HasDisks, ref: str, content: Content) -> None:
        vdi = pool.db.row("VDI", ref)
        before = self.at_rest(vdi)
        self._known[vdi["uuid"]] = content
        if self.observer is not None and content != before:
            self.observer.changed(pool, vdi, before, content)

    def write(self, pool: HasDisks, ref: str, *, zeroes: bool = True) -> None:
        """Somebody writes: one block gets something new, and where `zeroes` is true an older one gets zeroes."""
        self._writes += 1
        blocks = list(self.at_rest(pool.db.row("VDI", ref)))
        here = self._writes % BLOCKS
        blocks[here] = self._writes
        if zeroes:
            blocks[(here + BLOCKS // 2) % BLOCKS] = ZEROED
        self.set(pool, ref, tuple(blocks))

    def carry(self, pool: HasDisks, ref: str, there: HasDisks, new: str) -> None:
        """The new disk of a move holds what the old one does: nobody has written to it."""
        self._known[there.db.get("VDI", new, "uuid")] = self.read(pool, ref)

    def extended(self, pool: HasDisks, ref: str) -> None:
        """The disk has become larger: what it held is at its beginning."""
        vdi = pool.db.row("VDI", ref)
        if self.observer is not None:
            self.observer.changed(pool, vdi, self.at_rest(vdi), self.at_rest(vdi))

    def reverted(self, pool: HasDisks, vm: Row) -> None:
        if self.observer is not None:
            self.observer.reverted(pool, vm)

    def spoil(self, pool: HasDisks, ref: str) -> None:
        """One block is not what it should be, and nobody has noticed."""
        blocks = list(self.at_rest(pool.db.row("VDI", ref)))
        self._writes += 1
        blocks[self._writes % BLOCKS] = f"spoilt {self._writes}"
        self._known[pool.db.get("VDI", ref, "uuid")] = tuple(blocks)

    def guest_writes(self, pool: HasDisks, vm: Row) -> None:
        """A guest that runs writes to all disks that it has connected."""
        for ref in vm["VBDs"]:
            vbd = pool.db.find("VBD", ref)
            if vbd is not None and _writable(vbd) and pool.db.has("VDI", vbd["VDI"]):
                self.write(pool, vbd["VDI"])


def _writable(vbd: Row) -> bool:
    return bool(vbd["currently_attached"] and vbd["mode"] == "RW" and vbd["type"] != "CD")


def written_to(pool: HasDisks, vdi: Row) -> bool:
    """True while a running guest has the disk connected for writing."""
    for ref in vdi["VBDs"]:
        vbd = pool.db.find("VBD", ref)
        if vbd is not None and _writable(vbd):
            vm = pool.db.find("VM", vbd["VM"])
            if vm is not None and vm["power_state"] == "Running" and not vm["is_control_domain"]:
                return True
    return False


# -- copies ------------------------------------------------------------------------------------------------------------

_OVER_NBD: Final = frozenset({"gfs2"})
"""Types of SRs whose driver serves disks over NBD."""


def in_vhd(pool: HasDisks, vdi: Row) -> bool:
    """True where a disk is an image in VHD, as sparse_dd would find it; False for volumes and what comes over NBD."""
    sr = pool.db.find("SR", vdi["SR"])
    if sr is None or sr["type"] in _OVER_NBD or vdi["sm_config"].get("type") == "raw":
        return False
    config = vdi["sm_config"]
    return bool(config.get("image-format", config.get("vdi_type", "vhd")) == "vhd")


def image_config(kind: str, wanted: dict[str, str] | None = None) -> dict[str, str]:
    """`sm_config` of a new disk on an SR of this type, with what its maker wants in it."""
    wanted = wanted or {}
    if kind in _OVER_NBD:
        return dict(wanted)
    return {"vdi_type": "aio" if wanted.get("type") == "raw" else "vhd", **wanted}


def rounded(kind: str, config: dict[str, str], size: int) -> int:
    """How large a disk becomes on an SR of this type: images in VHD grow in blocks of 2 MiB, raw volumes on LVM in
    extents of 4 MiB, so that a copy may be longer than its source."""
    step = 1
    if kind.startswith("lvm") and config.get("type") == "raw":
        step = 4 << 20
    elif config.get("vdi_type") == "vhd":
        step = 2 << 20
    return -(-size // step) * step


def writes_zeroes(pool: HasDisks, vdi: Row) -> bool:
    """True where a copy into this disk must write its zeroes (xapi 26.17, sm_fs_ops.ml,
    must_write_zeroes_into_new_vdi)."""
    sr = pool.db.row("SR", vdi["SR"])
    kind, config = str(sr["type"]).lower(), sr["sm_config"]
    if kind in {"lvm", "lvmoiscsi", "lvmohba"}:
        return "type" in vdi["sm_config"] or config.get("use_vhd") != "true"
    thick = any((k.lower(), v.lower()) == ("allocation", "thick") for k, v in config.items())
    return (kind == "equal" and thick) or kind == "cslg"


def copied_block(block: int | str, base: int | str | None, old: int | str, *, vhd: bool, sparse: bool) -> int | str:
    """What a block of the target holds after a copy (xapi 26.17, vhd-tool/cli/sparse_dd.ml).

    `base` is the same block of the disk whose difference is asked for, None if everything is copied. An image in VHD
    tells the blocks that it holds, zeroes among them; of anything else zeroes are found by reading, and left out.
    """
    if base is not None and block == base:
        return old
    if not sparse:
        return block
    skipped = block == UNWRITTEN if vhd else block in _ZEROES
    return old if skipped else block
