"""A witness of what the guests have on their disks: at the end, does each VM still have the newest of it?

It notes what is at each position of each VM, hears of every write, and compares when it is asked. What moves disks only
connects other disks in their place, so whatever it does, the content at a position must stay what was written there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xsmigui.simulator.content import Content, HasDisks, as_read, first_content
from xsmigui.simulator.site import Site
from xsmigui.simulator.tables import Row

Place = tuple[str, str]  # the VM's uuid, and the position of its disk
IMAGE = "suspend image"


@dataclass(frozen=True, slots=True)
class Held:
    content: Content  # as it is read
    size: int  # bytes


class Witness:
    """Watches a site from its construction on."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._newest: dict[Place, Held] = {}
        self._names: dict[str, str] = {}  # of VMs, by their uuids
        self._indifferent: set[str] = set()  # VMs that nobody minds, by their uuids
        self._loose: dict[str, Held] = {}  # disks that no VM has, by their uuids
        self._seen: list[str] = []  # what went wrong when it happened: at the end nothing might show it
        site.contents.observer = self
        self.watch()

    def watch(self) -> None:
        """From now on: what is there at this moment is what must be there at the end."""
        self._newest.clear()
        self._indifferent.clear()
        self._loose.clear()
        self._seen.clear()
        for pool in self._site.pools:
            for vm in pool.db.table("VM").values():
                self._note(pool, vm)
            images = {vm["suspend_VDI"] for vm in pool.db.table("VM").values()}
            for ref, vdi in pool.db.table("VDI").items():
                if ref not in images and not self._owners(pool, vdi):
                    self._loose[vdi["uuid"]] = self._held(pool, vdi)

    # -- while things happen ---------------------------------------------------------------------------------------

    def changed(self, pool: HasDisks, vdi: Row, before: Content, after: Content) -> None:
        """A disk has been written to or extended. Who writes on top of something old makes the newest unreachable."""
        for vbd, vm in self._owners(pool, vdi):
            if vm["uuid"] in self._indifferent:
                continue
            place = vm["uuid"], vbd["userdevice"]
            newest = self._newest.get(place)
            if newest is not None and newest.content != as_read(before):
                self._seen.append(f"{_named(vm, place[1])} was written to while it did not hold the newest content")
            self._names[vm["uuid"]] = vm["name_label"]
            self._newest[place] = Held(as_read(after), vdi["virtual_size"])
        if vdi["uuid"] in self._loose:
            self._loose[vdi["uuid"]] = Held(as_read(after), vdi["virtual_size"])

    def reverted(self, pool: HasDisks, vm: Row) -> None:
        """The VM has gone back to a snapshot: what it has now is its newest."""
        self.forget_vm(vm["uuid"])
        self._note(pool, vm)

    # -- what somebody does on purpose -----------------------------------------------------------------------------

    def forget_vm(self, uuid: str) -> None:
        for place in [p for p in self._newest if p[0] == uuid]:
            del self._newest[place]

    def forget_named(self, name: str) -> None:
        """From now on nobody minds what becomes of the disks of the VMs of this name."""
        for uuid in [u for u, n in self._names.items() if n == name]:
            self.forget_vm(uuid)
            self._indifferent.add(uuid)

    def forget_place(self, uuid: str, position: str) -> None:
        self._newest.pop((uuid, position), None)

    def forget_disk(self, pool: HasDisks, ref: str) -> None:
        vdi = pool.db.row("VDI", ref)
        self._loose.pop(vdi["uuid"], None)
        for vbd, vm in self._owners(pool, vdi):
            self.forget_place(vm["uuid"], vbd["userdevice"])
        for vm in pool.db.table("VM").values():
            if vm["suspend_VDI"] == ref:
                self.forget_place(vm["uuid"], IMAGE)

    def allow(self, pool: HasDisks, method: str, *params: object) -> None:
        """Before a call that somebody makes on purpose: what it takes away need not be there at the end."""
        cls, _, verb = method.removeprefix("Async.").partition(".")
        ref = params[0] if params and isinstance(params[0], str) else ""
        row = pool.db.find(cls, ref) if cls in {"VM", "VBD", "VDI", "SR"} else None
        if row is None or verb not in {"destroy", "forget"}:
            return
        if cls == "VM":
            self.forget_vm(row["uuid"])
        elif cls == "VBD":
            self.forget_place(pool.db.get("VM", row["VM"], "uuid"), row["userdevice"])
        else:
            for vdi in row["VDIs"] if cls == "SR" else [ref]:
                self.forget_disk(pool, vdi)

    # -- at the end ------------------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """What is wrong, a sentence each; empty where every VM has the newest of each of its disks."""
        places: dict[str, dict[str, Held]] = {}
        for (uuid, position), held in self._newest.items():
            places.setdefault(uuid, {})[position] = held
        found: dict[str, list[tuple[HasDisks, Row]]] = {}
        contents = set()
        for pool in self._site.pools:
            for vm in pool.db.table("VM").values():
                found.setdefault(vm["uuid"], []).append((pool, vm))
            contents |= {self._held(pool, vdi).content for vdi in pool.db.table("VDI").values()}
        wrong = list(self._seen)
        for uuid, held_at in places.items():
            wrong += self._of_vm(self._names[uuid], held_at, found.get(uuid, []))
        wrong += [
            f"the content of the disk {u} is nowhere" for u, h in self._loose.items() if h.content not in contents
        ]
        wrong += self._double()
        return wrong

    def _of_vm(self, name: str, places: dict[str, Held], found: list[tuple[HasDisks, Row]]) -> list[str]:
        """A VM that is in two pools may have it in either, unless one of the two runs."""
        live = [(pool, vm) for pool, vm in found if vm["power_state"] in {"Running", "Paused"}]
        answers = [
            [c for position, held in places.items() for c in self._at(pool, vm, position, held)]
            for pool, vm in live or found
        ]
        if not answers:
            return [f"{name} is gone"]
        return min(answers, key=len)

    def _at(self, pool: HasDisks, vm: Row, position: str, wanted: Held) -> Iterator[str]:
        if position == IMAGE:
            disks = self._image(pool, vm)
            fresh = [d for d in disks if pool.contents.at_rest(d) == first_content(d["uuid"])]
            if vm["power_state"] != "Suspended" or fresh:
                return  # resumed meanwhile, and perhaps suspended once more
        else:
            disks = self._disks_at(pool, vm, position)
        if len(disks) != 1:
            yield f"{_named(vm, position)}: {len(disks)} disks"
            return
        held = self._held(pool, disks[0])
        if held.content != wanted.content:
            yield f"{_named(vm, position)}: not the newest content: {held.content}, not {wanted.content}"
        elif held.size < wanted.size:
            yield f"{_named(vm, position)}: {held.size} bytes of {wanted.size}"

    def _double(self) -> Iterator[str]:
        for pool in self._site.pools:
            for vm in pool.db.table("VM").values():
                taken = [pool.db.get("VBD", v, "userdevice") for v in vm["VBDs"] if pool.db.has("VBD", v)]
                for position in sorted({p for p in taken if p and taken.count(p) > 1}):
                    yield f"{_named(vm, position)}: {taken.count(position)} drives"

    # -- looking ---------------------------------------------------------------------------------------------------

    def _held(self, pool: HasDisks, vdi: Row) -> Held:
        return Held(as_read(pool.contents.at_rest(vdi)), vdi["virtual_size"])

    def _note(self, pool: HasDisks, vm: Row) -> None:
        if vm["is_control_domain"] or vm["uuid"] in self._indifferent:
            return
        self._names[vm["uuid"]] = vm["name_label"]
        for ref in vm["VBDs"]:
            vbd = pool.db.find("VBD", ref)
            vdi = pool.db.find("VDI", vbd["VDI"]) if vbd is not None and vbd["type"] != "CD" else None
            if vbd is not None and vdi is not None:
                self._newest[vm["uuid"], vbd["userdevice"]] = self._held(pool, vdi)
        for image in self._image(pool, vm):
            self._newest[vm["uuid"], IMAGE] = self._held(pool, image)

    def _image(self, pool: HasDisks, vm: Row) -> list[Row]:
        image = pool.db.find("VDI", vm["suspend_VDI"])
        return [image] if image is not None else []

    def _disks_at(self, pool: HasDisks, vm: Row, position: str) -> list[Row]:
        found = []
        for ref in vm["VBDs"]:
            vbd = pool.db.find("VBD", ref)
            if vbd is not None and vbd["type"] != "CD" and vbd["userdevice"] == position:
                vdi = pool.db.find("VDI", vbd["VDI"])
                found += [vdi] if vdi is not None else []
        return found

    def _owners(self, pool: HasDisks, vdi: Row) -> list[tuple[Row, Row]]:
        """The drives of VMs that hold a disk; control domains are not counted."""
        drives = [vbd for ref in vdi["VBDs"] if (vbd := pool.db.find("VBD", ref)) and vbd["type"] != "CD"]
        pairs = [(vbd, pool.db.find("VM", vbd["VM"])) for vbd in drives]
        return [(vbd, vm) for vbd, vm in pairs if vm is not None and not vm["is_control_domain"]]


def _named(vm: Row, position: str) -> str:
    return f"{vm['name_label']} at position {position}"
