"""What the servers show of an exchange of disks: the VM, its disks and who holds them, read afresh at every look."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_state
from typing import Any

from msgspec.structs import replace

from xsmigui.core.jobs import VmJob
from xsmigui.core.migration.exchange import (
    ExchangeSpec,
    ExchangeState,
    ShortStop,
    connected,
    is_connected_to,
    next_step,
)
from xsmigui.core.migration.facts import WriteRate
from xsmigui.core.migration.holders import Hold
from xsmigui.core.migration.sameness import OtherConnection
from xsmigui.core.migration.steps import Request, Step
from xsmigui.core.ports import Gateway
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId, VmRef
from xsmigui.services.asking import Asker
from xsmigui.services.holding import DESTROY, read_disk
from xsmigui.services.ownsnapshots import read_snapshots, read_time
from xsmigui.services.store import Store
from xsmigui.services.verification import fresh_record
from xsmigui.services.watching import Watch


@dataclass(frozen=True, slots=True)
class ExchangeReader:
    """Reads the state for one look. `disks` are the references of sources and copies; `read_task` returns the record of
    the task that is followed, None without one."""

    gateway: Gateway
    pool: PoolId
    job: VmJob
    spec: ExchangeSpec
    disks: frozenset[str]
    store: Store
    asker: Asker
    watch: Watch
    read_task: Callable[[], Awaitable[Task | None]]

    async def read(self) -> ExchangeState:
        gateway, spec = self.gateway, self.spec
        vm, started, free = None, "", []
        vbds: dict[str, Any] = {}
        if self.job.move.vm.uuid:
            vm = await fresh_record(gateway, "VM", self.job.move.vm.ref)
            if vm is not None:
                vbds = await read_connections(gateway, self.job.move.vm.ref)
                free = await gateway.call("VM.get_allowed_VBD_devices", self.job.move.vm.ref)
                metrics = await fresh_record(gateway, "VM_metrics", vm["metrics"])
                started = str(metrics["start_time"]) if metrics is not None else ""
        named: dict[int, tuple[str, ...]] = {}
        for at, it in enumerate(spec.replacements):
            if it.is_copied and (not it.new or spec.settled or spec.rolling_back):
                found = await gateway.call("VDI.get_by_name_label", spec.incomplete_name(it))
                named[at] = tuple(found)
        vdis: dict[str, Any] = {}
        snapshots = await read_snapshots(gateway, spec) if spec.stop is not None else {}
        wanted = [*self.disks, *(ref for refs in named.values() for ref in refs)]
        wanted += [disk for snapshot in snapshots.values() for disk in snapshot.disks.values()]
        wanted += spec.stop.litter if spec.stop is not None else ()
        for ref in dict.fromkeys(wanted):
            record = await fresh_record(gateway, "VDI", ref)
            if record is not None:
                vdis[ref] = record
        exchanged = [ref for it in spec.replacements for ref in (it.old, it.new) if ref in vdis]
        holders = {ref: await self._others(vdis[ref], vbds) for ref in exchanged}
        task = await self.read_task()
        if spec.stop is not None and spec.stop.is_under_way and vm is not None and vm["power_state"] == "Halted":
            # What the events still tell of the time before is nothing that happened since.
            await self.store.until(self._is_halted_in_store)
        return ExchangeState(
            vm=vm,
            vdis=vdis,
            vbds=vbds,
            free=tuple(free),
            started=started,
            holders=holders,
            named=named,
            task=task,
            watch=self.watch.token,
            now=await read_time(gateway, self.store.inventory(self.pool), spec) if spec.stop is not None else 0.0,
            snapshots=snapshots,
            srs=await self._srs(vdis) if spec.stop is not None else {},
            writes=await self._writes(vbds) if spec.stop is not None and spec.stop.copied_at else None,
        )

    def _is_halted_in_store(self) -> bool:
        inventory = self.store.inventory(self.pool)
        record = inventory.VM.get(VmRef(self.job.move.vm.ref)) if inventory is not None else None
        return record is not None and record.power_state == "Halted"

    async def _srs(self, vdis: Mapping[str, Any]) -> dict[str, Any]:
        """The SRs of the disks, which say in what form they are stored; asked for while that is still to be decided."""
        if self.job.stop is None or self.job.stop.stopping:
            return {}
        refs = dict.fromkeys(vdis[ref]["SR"] for it in self.job.replacements for ref in (it.old, it.new) if ref in vdis)
        records = [(ref, await fresh_record(self.gateway, "SR", ref)) for ref in refs]
        return {ref: record for ref, record in records if record is not None}

    async def _writes(self, vbds: Mapping[str, Any]) -> float | None:
        """How many bytes a second the guest writes to the disks that are moved."""
        if self.job.stop is None or self.job.stop.stopping:
            return None
        moved = {it.old for it in self.job.replacements}
        devices = tuple(vbd["device"] for vbd in vbds.values() if vbd["VDI"] in moved and vbd["device"])
        if not devices:
            return None
        return (await self.asker.ask(WriteRate(self.pool, VmRef(self.job.move.vm.ref), devices))).value

    async def _others(self, vdi: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[OtherConnection, ...]:
        """Who else has a disk connected, asked of the server."""
        found = []
        for ref in is_connected_to(vdi):
            if ref in own:
                continue
            vbd = await fresh_record(self.gateway, "VBD", ref)
            vm = await fresh_record(self.gateway, "VM", vbd["VM"]) if vbd is not None else None
            if vbd is None or vm is None or vbd["VDI"] not in self.disks:
                continue
            writes = vbd["mode"] != "RO" and not vm["is_control_domain"]
            found.append(OtherConnection(ref, vm["name_label"], vm["is_control_domain"], writes))
        return tuple(found)


async def read_connections(gateway: Gateway, vm: str) -> dict[str, Any]:
    """The VM's VBDs that connect a disk, by reference."""
    refs = await gateway.call("VM.get_VBDs", vm)
    records = [(ref, await fresh_record(gateway, "VBD", ref)) for ref in refs]
    return dict(connected([(ref, record) for ref, record in records if record is not None]))


async def asked_who_holds(
    gateway: Gateway, spec: ExchangeSpec, state: ExchangeState, step: Step
) -> tuple[ExchangeState, Step]:
    """Where a disk is about to be removed it is asked at this moment who else holds it; what is next may be something
    else then."""
    while isinstance(step, Request) and step.method == DESTROY and step.params[0] not in state.held:
        ref = str(step.params[0])
        disk = await read_disk(gateway, ref)
        others = [
            holder.name or str(holder.hold)
            for holder in (disk.holders if disk is not None else ())
            if holder.hold is not Hold.control_domain and (holder.hold, holder.name) != (Hold.job, spec.job)
        ]
        vdis = {other: record for other, record in state.vdis.items() if other != ref}
        if disk is not None:
            vdis[ref] = disk.record
        state = replace_state(state, vdis=vdis, held={**state.held, ref: tuple(others)})
        step = next_step(spec, state)
    return state, step


def noted(job: VmJob, disk: int, changes: Mapping[str, Any]) -> VmJob:
    """The job with facts noted of one of its disks; below 0 of the job itself, or of its short stop."""
    if disk < 0:
        of_stop = {key: value for key, value in changes.items() if key in ShortStop.__struct_fields__}
        stop = replace(job.stop, **of_stop) if job.stop is not None and of_stop else job.stop
        rest = {key: value for key, value in changes.items() if key not in of_stop}
        return replace(job, **{**rest, "stop": stop})
    before = job.replacements
    it = replace(before[disk], **changes)
    pending = job.pending
    if pending is not None and pending.disk == disk and not pending.task:
        pending = None  # whatever became of it, the look that led to this note has shown it
    return replace(job, replacements=(*before[:disk], it, *before[disk + 1 :]), pending=pending)
