"""A move with a short stop, step by step against a simulated pool in this process: no network, no waiting.

`Stopping.run` asks the pure function what is next and does it, and lets a test come between at any call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast

import msgspec

from tests.judged import Way
from tests.simulator.inside import Client, clients
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.exchange import (
    ExchangeSpec,
    ExchangeState,
    Replacement,
    ShortStop,
    can_roll_back,
    connected,
    is_connected_to,
    next_step,
)
from xsmigui.core.migration.sameness import OtherConnection
from xsmigui.core.migration.steps import ANSWER, Done, Note, Pending, Request, RollBack, Step, Stop, Wait
from xsmigui.core.ports import Gateway
from xsmigui.services.ownsnapshots import read_snapshots, seconds_of

Hand = Callable[["Stopping"], Awaitable[object]]


class Stopping:
    """One job on its way. `calls` are those made so far, `down` the simulated moments of the shutdown and the start."""

    def __init__(self, way: Way, spec: ExchangeSpec) -> None:
        self.way, self.spec = way, spec
        self.pool, self.client = way.pool, way.client
        self.vm = spec.vm
        self.calls: list[str] = []
        self.steps: list[Step] = []
        self.why = ""
        self.watch = 0
        self.refusals = 0

    @classmethod
    async def of(
        cls, vm: str = "backup-cbt", sr: str = "iSCSI Madrid", *, minutes: float = 1, keeps: bool = True
    ) -> Stopping:
        one = (await clients())[0]
        return await cls.at(one, vm, sr, minutes=minutes, keeps=keeps)

    @classmethod
    async def at(cls, one: Client, vm: str, sr: str, *, minutes: float, keeps: bool = True) -> Stopping:
        way = Way(one)
        ref, place = await one.named("VM", vm), await one.named("SR", sr)
        vbds = await one("VM.get_VBDs", ref)
        drives = {
            v: dict(d) for v, d in connected([(v, deepcopy(await one("VBD.get_record", v))) for v in vbds]).items()
        }
        disks = [
            Replacement(old=d["VDI"], sr=place, vdi=deepcopy(await one("VDI.get_record", d["VDI"])), vbd=d)
            for d in drives.values()
        ]
        host = await one("VM.get_resident_on", ref)
        stop = ShortStop(allowed=minutes * 60, host=host)
        spec = ExchangeSpec(
            "job", ref, await one("VM.get_uuid", ref), tuple(disks), keeps, "2026-01-01", "2026-01-08",
            prove=True, stop=stop,
        )  # fmt: skip
        return cls(way, spec)

    # -- what is there ---------------------------------------------------------------------------------------------

    async def record(self, cls: str, ref: str) -> Any:
        row = self.pool.db.find(cls, ref)
        return {k: v.copy() if isinstance(v, dict | list) else v for k, v in row.items()} if row is not None else None

    @property
    def disk(self) -> str:
        """The disk at the VM's first position as it was before."""
        return self.spec.replacements[0].old

    @property
    def copy(self) -> str:
        return self.spec.replacements[0].new

    @property
    def stop(self) -> ShortStop:
        assert self.spec.stop is not None
        return self.spec.stop

    def power(self) -> str:
        return str(self.pool.db.get("VM", self.vm, "power_state"))

    async def state(self) -> ExchangeState:
        spec, vm = self.spec, await self.record("VM", self.vm)
        found = [(v, await self.record("VBD", v)) for v in (vm["VBDs"] if vm else [])]
        vbds = dict(connected(found))
        metrics = await self.record("VM_metrics", vm["metrics"]) if vm else None
        snapshots = await read_snapshots(cast(Gateway, self.way), spec)
        named = {
            at: tuple(await self.client("VDI.get_by_name_label", spec.incomplete_name(it)))
            for at, it in enumerate(spec.replacements)
            if not it.new or spec.settled or spec.rolling_back
        }
        disks = [ref for it in spec.replacements for ref in (it.old, it.new, it.base, it.after) if ref]
        wanted = [*disks, *(r for refs in named.values() for r in refs), *self.stop.litter]
        wanted += [disk for snapshot in snapshots.values() for disk in snapshot.disks.values()]
        vdis = {ref: row for ref in wanted if (row := await self.record("VDI", ref)) is not None}
        return ExchangeState(
            vm=vm,
            vdis=vdis,
            vbds=vbds,
            free=tuple(await self.client("VM.get_allowed_VBD_devices", self.vm)) if vm else (),
            started=str(metrics["start_time"]) if metrics else "",
            holders={ref: await self.others(row, vbds) for ref, row in vdis.items() if ref in disks},
            named=named,
            watch=str(self.watch),
            now=seconds_of(await self.client("host.get_servertime", self.pool.master)),
            snapshots=snapshots,
            srs={vdi["SR"]: await self.record("SR", vdi["SR"]) for vdi in vdis.values()},
            writes=self.pool.faults.writing.get(self.vm, 262144.0),
        )

    async def others(self, vdi: Any, own: dict[str, Any]) -> tuple[OtherConnection, ...]:
        found = []
        for ref in is_connected_to(vdi):
            if ref not in own:
                vbd = await self.record("VBD", ref)
                vm = await self.record("VM", vbd["VM"])
                writes = vbd["mode"] != "RO" and not vm["is_control_domain"]
                found.append(OtherConnection(ref, vm["name_label"], vm["is_control_domain"], writes))
        return tuple(found)

    # -- doing it --------------------------------------------------------------------------------------------------

    def note(self, disk: int, changes: dict[str, Any]) -> None:
        spec = self.spec
        if disk >= 0:
            it = msgspec.structs.replace(spec.replacements[disk], **changes)
            parts = (*spec.replacements[:disk], it, *spec.replacements[disk + 1 :])
            self.spec = replace(spec, replacements=parts, pending=None)
            return
        of_stop = {key: value for key, value in changes.items() if key in ShortStop.__struct_fields__}
        rest = {key: value for key, value in changes.items() if key not in of_stop}
        self.spec = replace(spec, **rest, stop=msgspec.structs.replace(self.stop, **of_stop))

    async def run(self, at: int = 0, hand: Hand | None = None, *, answer: str = "", limit: int = 400) -> str:
        """To its end: ``done``, ``put back`` or ``stopped``. Before the call number `at` the `hand` comes between; its
        `answer` may be ``lost`` (it was carried out, and the program ended) or ``never`` (it did not reach the server).
        """
        for _ in range(limit):
            state = await self.state()
            step = next_step(self.spec, state)
            self.steps.append(step)
            match step:
                case Done():
                    return "put back" if self.spec.rolling_back else "done"
                case Stop(reason):
                    self.why = str(reason)
                    return "stopped"
                case RollBack(reason):
                    self.give_up(reason, state)
                case Wait():
                    raise AssertionError(f"nothing is under way, and it waits: {step}")
                case Note(changes, disk):
                    self.note(disk, dict(changes))
                case Request():
                    self.calls.append(step.method)
                    is_due = len(self.calls) == at
                    if is_due and hand is not None:
                        await hand(self)
                    await self.request(step, state, answer if is_due else "")
        raise AssertionError(f"no end: {str(self.steps[-6:])[:3000]}")

    def give_up(self, reason: object, state: ExchangeState) -> None:
        assert not self.spec.rolling_back, str(reason)
        self.why = str(reason)
        assert can_roll_back(self.spec, state), str(reason)
        self.spec = replace(self.spec, rolling_back=True)

    async def request(self, step: Request, state: ExchangeState, answer: str) -> None:
        pending = Pending(method=step.method, disk=step.disk, params=step.params, then=dict(step.then))
        self.spec = replace(self.spec, pending=pending)
        if answer == "never":
            self.watch += 1
            return
        try:
            found = await self.way.call(step.method, *step.params)
        except ServerFailure as failure:
            self.spec = replace(self.spec, pending=None)
            if step.method == "VM.start_on":
                self.note(-1, {"host": ""})
            elif failure.code != "VM_BAD_POWER_STATE":
                self.refusals += 1
                if self.refusals < 3 and step.method != "VM.clean_shutdown":
                    return
                self.refusals = 0
                if self.spec.rolling_back or not can_roll_back(self.spec, await self.state()):
                    raise
                self.give_up(str(failure), state)
            return
        self.refusals = 0
        if answer == "lost":
            self.watch += 1
            return
        self.spec = replace(self.spec, pending=None)
        self.note(step.disk, {key: found if value == ANSWER else value for key, value in step.then.items()})
