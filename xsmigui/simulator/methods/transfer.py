"""The disks of a migration on their way: placed, copied, counted, and taken back where the migration fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from xsmigui.simulator.content import EMPTY
from xsmigui.simulator.dispatch import Call
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.guests import account, add_vdi, remove_vdi, room, space_for
from xsmigui.simulator.methods.evacuation import NETWORK_SPEED
from xsmigui.simulator.methods.guests import DISK_SPEED
from xsmigui.simulator.methods.motion_checks import Destination
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.tables import Row

STEPS: Final = 20  # reports of progress per disk, more for large ones
MOST_STEPS: Final = 400
LEAST: Final = 8 << 20  # bytes that even an empty disk costs


def family(pool: XapiPool, vm: Row, *, snapshots: bool) -> list[Row]:
    return [vm, *([pool.db.row("VM", s) for s in vm["snapshots"] if pool.db.has("VM", s)] if snapshots else [])]


def complete_map(
    pool: XapiPool, vm: Row, vdi_map: dict[str, str], target: Destination, *, snapshots: bool
) -> dict[str, str]:
    """Where everything goes that the map leaves out: snapshots with their disk, suspend images to the pool's place."""
    there = target.pool
    whole = {v: sr for v, sr in vdi_map.items() if pool.db.has("VDI", v)}
    default = there.row["default_SR"]
    for row in family(pool, vm, snapshots=snapshots):
        for vdi in vm_gate.disk_refs(pool, row):
            if vdi in whole:
                continue
            place = str(whole.get(pool.db.get("VDI", vdi, "snapshot_of"), default))
            if not there.db.has("SR", place):
                raise Failure("VDI_NOT_IN_MAP", vdi)
            whole[vdi] = place
        image = row["suspend_VDI"]
        if pool.db.has("VDI", image) and image not in whole:
            host_sr = there.db.get("host", target.host, "suspend_image_sr")
            choices = [there.row["suspend_image_SR"], host_sr, default]
            place = str(next((s for s in choices if there.db.has("SR", s)), NULL))
            if place == NULL:
                raise Failure("VDI_NOT_IN_MAP", image)
            whole[image] = place
    return whole


@dataclass(slots=True)
class Transfer:
    """The storage phase. `moved` maps each source VDI to its successor; `made` is what a failure must take back."""

    call: Call
    target: Destination
    places: dict[str, str]
    mirrored: set[str]  # the VM's own writable disks; the rest is copied
    near: bool  # the same host reads and writes
    keep_source: bool
    report: Callable[[float], None]
    moved: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """All disks one after the other, smallest first, then the oldest snapshot."""
        db = self.call.db
        rows = {v: db.row("VDI", v) for v in self.places}
        order = sorted(rows, key=lambda v: (rows[v]["virtual_size"], rows[v]["snapshot_time"], v))
        total = sum(r["virtual_size"] for r in rows.values()) or 1
        done = 0
        for vdi in order:
            await self._one(vdi, rows[vdi], done / total, rows[vdi]["virtual_size"] / total)
            done += rows[vdi]["virtual_size"]
            self.report(done / total)
        for vdi, new in self.moved.items():
            origin = self.moved.get(rows[vdi]["snapshot_of"])
            if origin and new in self.made:
                self.target.pool.db.set("VDI", new, snapshot_of=origin)

    async def _one(self, vdi: str, row: Row, start: float, share: float) -> None:
        there, sr = self.target.pool, self.places[vdi]
        pool = self.call.pool
        if there is pool and row["SR"] == sr:
            self.moved[vdi] = vdi
            return
        known = self._shared(row, sr)
        if known:
            self.moved[vdi] = known
            return
        await self._attach(sr)
        if self._left_locked(row):
            raise self._unavailable(vdi, row)
        space = space_for(there, sr, row["virtual_size"], row["physical_utilisation"])
        if room(there, sr) < space:
            raise self._full(vdi)
        new = add_vdi(there, self._successor(row, sr, space), EMPTY)
        self.made.append(new)
        temporary = self._snapshot(vdi, row) if vdi in self.mirrored else 0
        try:
            await self._copy(vdi, row, sr, start, share)
        finally:
            if self.call.db.has("SR", row["SR"]):
                account(self.call.pool, row["SR"], -temporary, 0)
        if sr in there.faults.lost_disks:
            there.faults.lost_disks.discard(sr)
            location = there.db.get("VDI", new, "location")
            remove_vdi(there, new)
            raise Failure("VDI_LOCATION_MISSING", sr, location)
        self.moved[vdi] = new
        self.assert_whole()
        self._fill(vdi, new)

    def assert_whole(self) -> None:
        """Somebody may have destroyed a copy meanwhile: its mirror has broken then."""
        for vdi, new in self.moved.items():
            if new in self.made and not self.target.pool.db.has("VDI", new):
                self._mirror_failed(vdi)

    def settle(self) -> None:
        """What has been written to mirrored disks since they were copied has arrived too."""
        for vdi in self.mirrored:
            new = self.moved.get(vdi)
            if new in self.made:
                self._fill(vdi, new)

    def _fill(self, vdi: str, new: str) -> None:
        pool, there = self.call.pool, self.target.pool
        pool.contents.carry(pool, vdi, there, new)
        if vdi in pool.faults.spoiling:
            there.contents.spoil(there, new)

    def _snapshot(self, vdi: str, row: Row) -> int:
        """A mirror takes a snapshot of its source for as long as it lasts; it needs room there."""
        pool, sr = self.call.pool, row["SR"]
        space = space_for(pool, sr, 0, 64 << 20)
        if room(pool, sr) < space:
            uuid = pool.db.get("SR", sr, "uuid")
            if pool.profile.wraps_storage_errors:
                text = f"[S(Migration_mirror_snapshot_failure);S(SR_SOURCE_SPACE_INSUFFICIENT:{uuid})]"
                raise internal(f"Storage_error ({text})")
            raise Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")
        account(pool, sr, space, 0)
        return space

    async def _copy(self, vdi: str, row: Row, sr: str, start: float, share: float) -> None:
        pool, there = self.call.pool, self.target.pool
        size = max(row["physical_utilisation"], LEAST)
        seconds = size / (DISK_SPEED if self.near else NETWORK_SPEED)
        steps = min(MOST_STEPS, max(STEPS, int(seconds)))
        for step in range(steps):
            if vdi in pool.faults.broken_mirrors and step == steps // 2:
                self._mirror_failed(vdi)
            await self.call.pause(seconds / steps)
            if there.faults.fills(sr, (step + 1) / steps):
                raise self._full(vdi)
            self.report(start + share * (0.05 + 0.9 * (step + 1) / steps))

    def _shared(self, row: Row, sr: str) -> str | None:
        """An SR that both pools see under one uuid: the disk is there already."""
        there = self.target.pool
        if there is self.call.pool or there.db.get("SR", sr, "uuid") != self.call.db.get("SR", row["SR"], "uuid"):
            return None
        for ref in there.db.get("SR", sr, "VDIs"):
            if there.db.get("VDI", ref, "uuid") == row["uuid"]:
                return str(ref)
        raise internal("SR UUID matches on destination but VDI does not exist")

    async def _attach(self, sr: str) -> None:
        there, host = self.target.pool, self.target.host
        for ref in there.db.get("SR", sr, "PBDs"):
            pbd = there.db.row("PBD", ref)
            if pbd["host"] == host and not pbd["currently_attached"]:
                await self.call.pause(1)
                there.db.set("PBD", ref, currently_attached=True)
        if not host_gate.sees(there, host, sr):
            raise Failure("SR_NOT_ATTACHED", there.db.get("SR", sr, "uuid"))

    def _left_locked(self, row: Row) -> bool:
        """A host's lock on a disk that nobody uses: blktap refuses to activate it anywhere else (sm, blktap2.py)."""
        if not any(key.startswith("host_") for key in row["sm_config"]):
            return False
        vbds = (self.call.db.find("VBD", ref) for ref in row["VBDs"])
        return not any(vbd and vbd["currently_attached"] for vbd in vbds)

    def _unavailable(self, vdi: str, row: Row) -> Failure:
        reason = f"The VDI is not available [opterr=VDI {row['uuid']} already attached RW]"
        return self._backend(vdi, "SR_BACKEND_FAILURE_46", reason)

    def _full(self, vdi: str) -> Failure:
        return self._backend(vdi, "SR_BACKEND_FAILURE_44", "There is insufficient space")

    def _backend(self, vdi: str, code: str, reason: str) -> Failure:
        """An error of the storage driver, which newer releases wrap."""
        if self.call.pool.profile.wraps_storage_errors:
            kind = "Migration_preparation_failure" if vdi in self.mirrored else "Internal_error"
            text = f"{code};[S();S({reason});S()]"
            return internal(f"Storage_error ([S({kind});S(Storage_error ([S(Backend_error);S({text})]))])")
        return Failure(code, "", reason, "")

    def _mirror_failed(self, vdi: str) -> None:
        row = self.call.db.row("VDI", vdi)
        task = self.call.task
        if self.call.db.has("task", task):
            config = self.call.db.get("task", task, "other_config")
            self.call.db.set("task", task, other_config={**config, "mirror_failed": row["location"]})
        raise Failure("MIRROR_FAILED", vdi)

    def _successor(self, row: Row, sr: str, space: int) -> Row:
        kept = (
            "name_label", "name_description", "virtual_size", "type", "sharable", "read_only", "on_boot",
            "allow_caching", "is_a_snapshot", "snapshot_time",
        )  # fmt: skip
        config = {k: v for k, v in row["other_config"].items() if k == "config-drive"}
        tags = list(row["tags"]) if self.call.pool.profile.keeps_tags else []
        return {
            **{k: row[k] for k in kept},
            "SR": sr,
            "physical_utilisation": space,
            "other_config": config,
            "tags": tags,
        }

    def undo(self) -> None:
        """Takes back what has been made at the destination."""
        for vdi in self.made:
            if self.target.pool.db.has("VDI", vdi):
                remove_vdi(self.target.pool, vdi)

    def drop_sources(self) -> None:
        for vdi, new in self.moved.items():
            if new in self.made and self.call.db.has("VDI", vdi):
                remove_vdi(self.call.pool, vdi)
