"""Reading back: where a VM is and what became of it, asked of the servers and compared with the plan.

Nothing is called done before this (trust rule 4). Records are fetched by calls, or taken from the inventory if its
events have provably come as far as the server was when it was asked: they may be behind. What differs from the plan
then is fetched by calls in any case.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import DiskResult
from xsmigui.core.messages import Text, m_, sentences
from xsmigui.core.migration.leftovers import could_be_taken, seen_before
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.migration.portrait import Portrait, compared, needs, portrait
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.records import CLASSES, VM, Record
from xsmigui.core.refs import PoolId, VmRef, is_null
from xsmigui.core.triage import Place, counting_text, place_text
from xsmigui.core.verified import Item, Outcome, What, differs, fact, same
from xsmigui.services.store import Store

log = logging.getLogger(__name__)

CAUGHT_UP_WITHIN_S: Final = 1.0
"""Seconds that events may be behind; then records are fetched one by one."""

GONE: Final = ("HANDLE_INVALID", "UUID_INVALID")

_SETTINGS: Final = (
    What.home,
    What.tags,
    What.order,
    What.start_delay,
    What.shutdown_delay,
    What.blocked,
    What.ha_priority,
)
"""What can be set again: a move that lacks only this has worked, and is not called verified."""

_IN_PLACE: Final = (What.power_state, What.host, What.disk)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read back: where the VM is, its disks, their sizes in bytes by position, and what was compared."""

    arrived: VmRef
    host: str
    disks: tuple[DiskResult, ...]
    items: tuple[Item, ...]
    sizes: Mapping[str, int]

    @property
    def is_in_place(self) -> bool:
        """It is where the plan wants it, with its disks."""
        return all(item.outcome is Outcome.same for item in self.items if item.what in _IN_PLACE)


def problems(
    move: VmMove, items: tuple[Item, ...], *, accepted: bool = False, answered: bool = False
) -> tuple[Problem, ...]:
    """What differs from the plan, each with what to do about it; a warning if it can simply be set again, if it is
    another content that the operator has `accepted`, or a source that is left behind though the server has `answered`
    that the VM has moved."""
    hints = {
        What.power_state: m_("Look at the VM's console before you start it again."),
        What.size: m_("Do not use it before you know the reason."),
        What.content: m_("Do not use it before you know the reason."),
        What.gone: m_("Don't start it there: both use the same identity. Compare them, then remove the older one."),
    }
    subject = Subject("VM", move.vm.uuid, move.vm.name)
    mild = {*_SETTINGS, *([What.content] if accepted else []), *([What.source] if answered else [])}
    return tuple(
        Problem(
            rule="verify",
            severity=Severity.warn if item.what in mild else Severity.block,
            subject=subject,
            finding=m_("{item}.", item=fact(item)),
            advice=hints.get(item.what, "") if item.what not in mild else "",
            source="server",
        )
        for item in items
        if item.outcome is Outcome.differs
    )


async def fresh_record(gateway: Gateway, cls: str, ref: str) -> Any:
    """A record as the server has it now; None if the object is gone. Raises the wire's errors."""
    if is_null(ref):
        return None
    try:
        return await gateway.call(f"{cls}.get_record", ref)
    except ServerFailure as failure:
        if failure.code in GONE:
            return None
        raise


async def find_vm(gateway: Gateway, uuid: str) -> tuple[VmRef, dict[str, Any]] | None:
    """A VM by its uuid with its fresh record; None if the pool does not have it."""
    try:
        ref = await gateway.call("VM.get_by_uuid", uuid)
        return VmRef(ref), await gateway.call("VM.get_record", ref)
    except ServerFailure as failure:
        if failure.code in GONE:
            return None
        raise


@dataclass(frozen=True, slots=True)
class Known:
    """What the events of a pool tell, for readers to whom it must be as new as an answer of the server."""

    store: Store
    pool: PoolId
    gateway: Gateway

    async def inventory(self) -> Inventory | None:
        """The pool as it was at this moment or later; None if the events do not come so far in time."""
        if not await self.gateway.catch_up(CAUGHT_UP_WITHIN_S) or not self.store.is_connected(self.pool):
            return None
        return self.store.inventory(self.pool)

    async def has_lost(self, uuid: str) -> bool:
        """There is no VM of this uuid any more; False also if that is not known."""
        inventory = await self.inventory()
        return inventory is not None and all(vm.uuid != uuid for vm in inventory.VM.values())

    async def portrait(self, vm: VmRef, fresh: VM) -> Portrait | None:
        """The VM's portrait as the events tell, once they have come further than this record of it, which the server
        has just given. None if they do not come so far, tell something else of the VM, or something is not known."""
        if fresh.current_operations or (inventory := await self.inventory()) is None:
            return None
        known = inventory.VM.get(vm)
        if known is None or _as_settled(known) != _as_settled(fresh):
            return None
        waiting = [("VM", str(vm))]
        while waiting:
            cls, ref = waiting.pop()
            record = inventory.record(cls, ref)
            if record is None and not is_null(ref):
                return None
            waiting += needs(cls, record) if record is not None else ()
        return portrait(fresh, inventory.record)


def _as_settled(vm: VM) -> VM:
    """The record without what the server works out anew at every look."""
    return replace(vm, allowed_operations=[])


async def read_portrait(gateway: Gateway, vm: VmRef, events: Known | None = None) -> Portrait:
    """A VM's portrait of fresh records; of what the events tell instead, if those have come as far as the server is.
    Raises the wire's errors; `HANDLE_INVALID` if the VM is not there."""
    if events is not None:
        fresh = msgspec.convert(await gateway.call("VM.get_record", vm), VM, strict=False)
        found = await events.portrait(vm, fresh)
        if found is not None:
            return found
    known: dict[tuple[str, str], Record] = {}
    waiting = [("VM", str(vm))]
    while waiting:
        cls, ref = waiting.pop()
        if (cls, ref) in known or is_null(ref):
            continue
        try:
            record = await gateway.call(f"{cls}.get_record", ref)
        except ServerFailure as failure:
            if failure.code not in GONE or ref == vm:
                raise
            continue
        known[cls, ref] = msgspec.convert(record, CLASSES[cls], strict=False)
        waiting += needs(cls, known[cls, ref])
    return portrait(known["VM", str(vm)], lambda cls, ref: known.get((cls, ref)))  # type: ignore[arg-type]


def portrait_before(inventory: Inventory, vm: VmRef) -> Portrait | None:
    """A VM's portrait as its pool's events tell; None if it is not known."""
    record = inventory.VM.get(vm)
    return portrait(record, inventory.record) if record is not None else None


async def disks_there(move: VmMove, target: Gateway, events: Known) -> tuple[str, ...] | None:
    """The uuids of the disks at the destination that could be taken for what a migration brings, of this moment: told
    by the events if they come so far, asked for otherwise; None if they cannot be read."""
    inventory = await events.inventory()
    if inventory is not None:
        return seen_before(move, inventory)
    srs = {disk.target.ref for disk in move.disks if not disk.stays}
    try:
        found = [await target.call("VDI.get_all_records_where", f'field "SR" = "{sr}"') for sr in sorted(srs)]
    except WIRE_ERRORS as failure:
        log.info("%s: %s", target.url, failure)
        return None
    rows = [vdi for records in found for vdi in records.values()]
    return could_be_taken(move, [(vdi["uuid"], vdi["SR"], vdi["name_label"]) for vdi in rows])


async def read_back(
    plan: Plan,
    move: VmMove,
    before: Portrait | None,
    source: Gateway,
    target: Gateway,
    arrived: VmRef,
    events: tuple[Known, Known] | None = None,
) -> Found:
    """Compare a finished move with its plan, and with what the VM was before. `events` are those of the source and of
    the destination. What differs by them is looked at once more without them.

    Raises the wire's errors; `HANDLE_INVALID` if the VM is not at its destination.
    """
    after = await read_portrait(target, arrived, events[1] if events is not None else None)
    host = move.host.name
    items = list(compared(plan, move, before, after))
    if events is not None and any(item.outcome is Outcome.differs for item in items):
        after = await read_portrait(target, arrived)
        items = list(compared(plan, move, before, after))
    for at, item in enumerate(items):
        if item.what is What.host and item.outcome is Outcome.differs and after.host:
            host = await target.call("host.get_name_label", after.host)
            items[at] = differs(What.host, "", item.expected, host)
        elif item.what is What.disk and item.outcome is Outcome.differs and item.found:
            sr = await target.call("SR.get_name_label", item.found)
            items[at] = differs(What.disk, item.subject, item.expected, sr)
    if plan.crosses and not plan.copy:
        is_gone = events is not None and await events[0].has_lost(move.vm.uuid)
        is_gone = is_gone or await find_vm(source, move.vm.uuid) is None
        items.append(same(What.gone, "", "") if is_gone else differs(What.gone, "", "", plan.source.name))
        if is_gone:
            items += await _sources(move, source, events[0] if events is not None else None)
    sizes = {position: disk.size for position, disk in after.disks.items()}
    return Found(arrived, host, _disks(move, after.disks), tuple(items), sizes)


async def _sources(move: VmMove, source: Gateway, events: Known | None) -> list[Item]:
    """Whether the server has removed the disks in the old pool, as it does when they have arrived (xapi 24.10,
    xapi_vm_migrate.ml `migrate_send'`). Disks on an SR that both pools see stay where they are."""
    inventory = await events.inventory() if events is not None else None
    left = {vdi.uuid for vdi in inventory.VDI.values()} if inventory is not None else set()
    found = []
    for disk in move.disks:
        if disk.stays or disk.follows or disk.source.uuid == disk.target.uuid:
            continue
        if inventory is None:
            is_left = await fresh_record(source, "VDI", disk.disk.ref) is not None
        else:
            is_left = disk.disk.uuid in left
        if is_left:
            found.append(differs(What.source, disk.disk.name, "removed", "kept"))
        else:
            found.append(same(What.source, disk.disk.name, "removed"))
    return found


def _disks(move: VmMove, there: Mapping[str, Any]) -> tuple[DiskResult, ...]:
    """Each disk with its uuids before and after."""
    found = []
    for disk in move.disks:
        after = there.get(disk.position) if not disk.follows else None
        if after is not None:
            found.append(DiskResult(disk.disk.uuid, after.uuid, disk.target.name))
    return tuple(found)


async def look(plan: Plan, move: VmMove, source: Gateway | None, target: Gateway | None = None) -> Text:
    """Where a VM is, asked of the servers; empty if those that answer do not have it. If both pools have one of its
    uuid, also which of them counts, and what to do. Raises the wire's errors."""
    places: list[Place] = []
    for pool, gateway in ((plan.source, source), (plan.target, target)):
        found = await find_vm(gateway, move.vm.uuid) if gateway is not None else None
        if found is None or gateway is None:
            continue
        home = found[1]["resident_on"]
        host = "" if is_null(home) else await gateway.call("host.get_name_label", home)
        places.append(Place(pool.name, found[1]["power_state"], host))
    return sentences(*(place_text(move.vm.name, place) for place in places), *counting_text(places))


def whereabouts(plan: Plan, move: VmMove, source: Inventory | None, target: Inventory | None) -> Text:
    """Where a VM is as far as the inventories know, in one sentence: said when a move did not end as it should."""
    for pool, inventory in ((plan.source, source), (plan.target, target)):
        if inventory is None:
            continue
        for ref in inventory.find("VM", move.vm.uuid):
            vm = inventory.VM[VmRef(ref)]
            if vm.uuid != move.vm.uuid:
                continue
            host = "" if is_null(vm.resident_on) else inventory.name_of("host", vm.resident_on)
            return place_text(move.vm.name, Place(pool.name, vm.power_state, host))
    return m_("It is not known where {vm} is: look at both pools before you do anything else.", vm=move.vm.name)
