"""VDI.copy and VDI.checksum: what is done with a disk that is connected to a control domain for the purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from xsmigui.simulator.content import BLOCKS, EMPTY, checksum, copied_block, in_vhd, writes_zeroes, written_to
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure, internal
from xsmigui.simulator.gates import host as host_gate
from xsmigui.simulator.gates import vdi as gate
from xsmigui.simulator.gates.attached import disk_busy
from xsmigui.simulator.guests import account, device_name, remove_vdi, room, space_for
from xsmigui.simulator.methods.evacuation import NETWORK_SPEED
from xsmigui.simulator.methods.guests import DISK_SPEED
from xsmigui.simulator.methods.locking import admitted, operation
from xsmigui.simulator.methods.runtime import WRITES
from xsmigui.simulator.methods.snapshots import duplicate
from xsmigui.simulator.tables import Row

STEPS: Final = 20


# -- the control domain ------------------------------------------------------------------------------------------------


def _host_that_sees(call: Call, *srs: str, prefer_members: bool) -> str | None:
    """A live host with all these SRs; xapi draws one of several, the simulator takes the first, so that runs repeat
    (xapi 26.17, xapi_vm_helpers.ml, choose_host)."""
    pool = call.pool
    able = [h for h in call.db.table("host") if pool.live(h) and all(host_gate.sees(pool, h, sr) for sr in srs)]
    if prefer_members and len(able) > 1:
        able = [h for h in able if h != pool.master]
    return able[0] if able else None


@contextmanager
def _connected(call: Call, host: str, vdi: str, mode: str) -> Iterator[None]:
    """The disk is connected to the host's control domain; where the database has none, nothing shows."""
    drive = ""
    for ref, vm in call.db.table("VM").items():
        if vm["is_control_domain"] and vm["resident_on"] == host:
            taken = {call.db.get("VBD", vbd, "userdevice") for vbd in vm["VBDs"]}
            device = next(str(n) for n in range(255) if str(n) not in taken)
            drive = call.db.create("VBD", {
                "VM": ref, "VDI": vdi, "userdevice": device, "device": device_name(device), "mode": mode,
                "type": "Disk", "currently_attached": True,
            })  # fmt: skip
            break
    try:
        yield
    finally:
        if drive and call.db.has("VBD", drive):
            call.db.delete("VBD", drive)


# -- checksum ----------------------------------------------------------------------------------------------------------


@method("VDI.checksum")
async def vdi_checksum(call: Call, vdi: str) -> str:
    """The MD5 of the whole disk, read on a host that sees its SR (xapi 26.17, xapi_vdi.ml, checksum).

    There is no gate of its own, only that of the drive in the control domain. The task tells no progress and cannot be
    cancelled while the disk is read. What somebody writes meanwhile is in the second half of what is read.
    """
    db, pool = call.db, call.pool
    sr = db.get("VDI", vdi, "SR")
    host = _host_that_sees(call, sr, prefer_members=False)
    if host is None:
        raise Failure("NO_HOSTS_AVAILABLE")
    await admitted(call, lambda: _assert_readable(call, vdi))
    with _connected(call, host, vdi, "RO"):
        row = db.row("VDI", vdi)
        seconds = row["virtual_size"] / DISK_SPEED
        before = pool.contents.read(pool, vdi)
        await call.pause(seconds / 2, cancellable=False)
        await call.pause(seconds / 2, cancellable=False)
        after = pool.contents.read(pool, vdi)
        return checksum(before[: BLOCKS // 2] + after[BLOCKS // 2 :], row["virtual_size"])


def _assert_readable(call: Call, vdi: str) -> None:
    """May the control domain connect it? xapi exempts its own domains from the rules of sharing (xapi_vbd_helpers.ml,
    valid_operations); the storage drivers refuse what a guest has connected for writing."""
    row = call.db.row("VDI", vdi)
    if not row["managed"]:
        raise Failure("VDI_NOT_MANAGED", vdi)
    busy = {t: op for t, op in row["current_operations"].items() if op not in {"mirror", "copy"}}
    if busy:
        raise disk_busy(call.pool, vdi, row["current_operations"], busy)
    if written_to(call.pool, row):
        raise Failure("VDI_IN_USE", vdi, "attach")


# -- copy --------------------------------------------------------------------------------------------------------------


@method("VDI.copy")
async def copy(call: Call, vdi: str, sr: str, base: str = NULL, into: str = NULL) -> str:
    """A copy on another SR, or in a disk that is there, of everything or of what differs from `base`.

    A new disk is there from the beginning and goes if the copy fails; meanwhile both are connected to control domains
    (xapi 26.17, xapi_vdi.ml, copy, and sm_fs_ops.ml, copy_vdi).
    """
    db, pool = call.db, call.pool
    async with operation(call, "VDI", vdi, "copy", lambda: gate.assert_valid(pool, vdi, "copy", ignore=call.task)):
        row = db.row("VDI", vdi)
        host = _host_that_sees(call, row["SR"], sr, prefer_members=True)
        host = host or _host_that_sees(call, row["SR"], prefer_members=True)
        if host is None:
            raise internal("Not_found")
        if not row["managed"]:
            raise Failure("VDI_NOT_MANAGED", vdi)
        given = db.has("VDI", into)
        target = _given(call, row, into) if given else _made(call, row, vdi, sr)
        try:
            await _copy(call, host, vdi, target, db.find("VDI", base))
        except BaseException:
            if not given and db.has("VDI", target):
                remove_vdi(pool, target)
            raise
        if given:
            sr = db.get("VDI", target, "SR")
            written = space_for(pool, sr, db.get("VDI", target, "virtual_size"), row["physical_utilisation"])
            account(pool, sr, written - db.get("VDI", target, "physical_utilisation"), 0)
            db.set("VDI", target, physical_utilisation=written)
        return target


def _full() -> Failure:
    return Failure("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "")


def _given(call: Call, row: Row, into: str) -> str:
    target = call.db.row("VDI", into)
    if target["read_only"]:
        raise Failure("VDI_READONLY", into)
    if target["virtual_size"] < row["virtual_size"]:
        raise Failure("VDI_TOO_SMALL", into, row["virtual_size"])
    if written_to(call.pool, target):
        raise Failure("VDI_IN_USE", into, "attach")
    needed = space_for(call.pool, target["SR"], target["virtual_size"], row["physical_utilisation"])
    if room(call.pool, target["SR"]) + target["physical_utilisation"] < needed:
        raise _full()
    return into


def _made(call: Call, row: Row, vdi: str, sr: str) -> str:
    call.db.row("SR", sr)
    if room(call.pool, sr) < space_for(call.pool, sr, row["virtual_size"], row["physical_utilisation"]):
        raise _full()
    new = duplicate(call.pool, vdi, sr)
    call.pool.contents.set(call.pool, new, EMPTY)
    return new


async def _copy(call: Call, host: str, vdi: str, target: str, base: Row | None) -> None:
    """The blocks cross, to another host where this one does not see the target's SR."""
    row = call.db.row("VDI", target)
    sparse = not writes_zeroes(call.pool, row)
    if base is not None and not sparse:
        raise Failure("VDI_NOT_SPARSE", target)
    near = host_gate.sees(call.pool, host, row["SR"])
    there = host if near else _host_that_sees(call, row["SR"], prefer_members=True)
    if there is None:
        raise Failure("NO_HOSTS_AVAILABLE")
    call.cancellable(True)
    with _connected(call, host, vdi, "RO"), _connected(call, there, target, "RW"):
        await _fill(call, vdi, target, base, sparse=sparse, speed=DISK_SPEED if near else NETWORK_SPEED)


async def _fill(call: Call, vdi: str, target: str, base: Row | None, *, sparse: bool, speed: float) -> None:
    """Block by block: what ends half-way leaves what has been written so far."""
    pool, contents = call.pool, call.pool.contents
    source, sr = call.db.row("VDI", vdi), call.db.get("VDI", target, "SR")
    vhd = in_vhd(pool, source)
    # The difference is computed between images in VHD; any other base is ignored without a word.
    origin = contents.at_rest(base) if base is not None and vhd and in_vhd(pool, base) else (None,) * BLOCKS
    left = contents.at_rest(source)
    amount = _written(call, source)
    if base is not None and origin[0] is not None:
        amount = _difference(call, source, base, sum(a != b for a, b in zip(left, origin, strict=True)) / BLOCKS)
    for step in range(STEPS):
        await call.pause(amount / speed / STEPS)
        if vdi in pool.faults.broken_mirrors and step == STEPS // 2:
            raise Failure("VDI_IO_ERROR", "Device I/O errors")
        if pool.faults.fills(sr, (step + 1) / STEPS):
            raise _full()
        now, there = contents.read(pool, vdi), contents.at_rest(call.db.row("VDI", target))
        first, last = step * BLOCKS // STEPS, (step + 1) * BLOCKS // STEPS
        blocks = [
            copied_block(now[n], origin[n], there[n], vhd=vhd, sparse=sparse) if first <= n < last else there[n]
            for n in range(BLOCKS)
        ]
        contents.set(pool, target, tuple(blocks))
        call.progress((step + 1) / STEPS)
    if vdi in pool.faults.spoiling:
        contents.spoil(pool, target)


def _written(call: Call, vdi: Row) -> float:
    """Bytes that are read to copy a disk: of a snapshot all that its disk had written, though by itself it occupies
    little."""
    origin = call.db.find("VDI", vdi["snapshot_of"]) if vdi["is_a_snapshot"] else None
    return float(max(vdi["physical_utilisation"], origin["physical_utilisation"] if origin is not None else 0))


def _difference(call: Call, source: Row, base: Row, share: float) -> float:
    """Bytes that differ: between a disk and its snapshot what guests may have written since, else by blocks."""
    whole = _written(call, source)
    if not share or call.db.find("VDI", base["snapshot_of"]) is not source:
        return whole * share
    taken = datetime.strptime(base["snapshot_time"], "%Y%m%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    vms = [call.db.get("VBD", vbd, "VM") for vbd in source["VBDs"]]
    rate = max((call.pool.faults.writing.get(vm, float(WRITES)) for vm in vms), default=float(WRITES))
    return min(whole, rate * max(0.0, call.pool.clock.unix() - taken))


__all__ = ["copy", "vdi_checksum"]
