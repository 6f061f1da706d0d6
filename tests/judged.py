"""Drafts judged and plans carried out against simulated pools in this process: no network, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import msgspec

from tests.simulator.inside import Client
from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.calls import MIGRATED, RECEIVED
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.exchange import ExchangeSpec, ExchangeState, Replacement, connected, next_step
from xsmigui.core.migration.facts import Answer, Facts, Question
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.migration.steps import ANSWER, Done, Note, Request
from xsmigui.core.records import CLASSES
from xsmigui.core.refs import PoolId
from xsmigui.services.asking import Asker
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.site import Site as SimulatedSite

USER, PASSWORD = "root", "secret"


def inventory_of(pool: Pool) -> Inventory:
    """What a client knows of a pool that it has just loaded."""
    return Inventory(
        {
            cls: {ref: msgspec.convert(dict(row), kind, strict=False) for ref, row in pool.db.table(cls).items()}
            for cls, kind in CLASSES.items()
            if cls in pool.db.tables
        }
    )


class Way:
    """A `Gateway` to a simulated pool."""

    url = "inside"
    fingerprint = ""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.pool = client.pool

    async def call(self, method: str, *params: Any, deadline: float = 60.0) -> Any:
        given = [list(p) if isinstance(p, tuple) else p for p in params]
        try:
            return await self.client(method, *given)
        except Failure as failure:
            code, *rest = failure.description
            raise ServerFailure(code, tuple(str(p) for p in rest), method) from None

    async def permissions(self) -> frozenset[str] | None:
        allowed = self.pool.db.row("session", self.client.session)
        return None if allowed["is_local_superuser"] else frozenset(allowed["rbac_permissions"])

    async def end_session(self, reference: str) -> None:
        self.pool.sessions.live.pop(reference, None)


class Judge:
    """Simulated pools with a session on each."""

    def __init__(self, ways: Iterable[Way]) -> None:
        self.ways = {PoolId(way.pool.row["uuid"]): way for way in ways}
        self.asker = Asker(self.ways.get)  # type: ignore[arg-type]

    @classmethod
    async def of(cls, site: SimulatedSite) -> Judge:
        return cls([Way(await Client(pool).login()) for pool in site.pools])

    def site(self) -> Site:
        pools = {pool: inventory_of(way.pool) for pool, way in self.ways.items()}
        return Site(pools, frozenset(pools))

    async def judged(self, draft: Draft, site: Site | None = None) -> Evaluation:
        """The evaluation with every answer of the servers."""
        site = site or self.site()
        facts: dict[Question, Answer] = {}
        while (found := evaluate(site, draft, facts)).questions:
            for question in found.questions:
                facts[question] = await self.asker.ask(question)
        return found

    async def carry_out(self, plan: Plan) -> None:
        """Every call of a plan, one VM after the other. Raises the server's refusals."""
        for move in plan.moves:
            if move.kind is Kind.disk:
                await self.exchange(plan, move)
            else:
                await self._move(move)

    async def exchange(self, plan: Plan, move: VmMove, undo_after: int | None = None) -> int:
        """Copy and exchange, call by call; after `undo_after` of them everything is put back. How many there were."""
        call = self.ways[PoolId(plan.source.uuid)].call
        noted = []
        for disk in (d for d in move.disks if not d.stays):
            vbds = (await self._drives(call, move)).values()
            vbd = next((v for v in vbds if v["VDI"] == disk.disk.ref), {})
            vdi = await call("VDI.get_record", disk.disk.ref)
            noted.append(Replacement(old=disk.disk.ref, sr=disk.target.ref, vdi=deepcopy(vdi), vbd=deepcopy(vbd)))
        spec = ExchangeSpec(
            "job",
            move.vm.ref,
            move.vm.uuid,
            tuple(noted),
            plan.keep_days > 0,
            "2026-01-01",
            "2026-01-08",
            prove=plan.proves,
        )
        made = 0
        while True:
            state = await self._exchange_state(call, plan, move, spec)
            if undo_after is not None and made >= undo_after:
                spec = replace(spec, rolling_back=True)
            step = next_step(spec, state)
            if isinstance(step, Done):
                break
            if isinstance(step, Note):
                spec = _noted(spec, step.disk, dict(step.changes))
                continue
            assert isinstance(step, Request), step
            made += 1
            answer = await call(step.method, *step.params)
            changes = {key: answer if value == ANSWER else value for key, value in step.then.items()}
            spec = _noted(spec, step.disk, changes)
        for later in move.calls:
            if later.method == "VM.set_affinity" and undo_after is None:
                await call(later.method, *later.params)
        return made

    async def _exchange_state(self, call: Any, plan: Plan, move: VmMove, spec: ExchangeSpec) -> ExchangeState:
        free = [] if move.is_loose else await call("VM.get_allowed_VBD_devices", move.vm.ref)
        vm = None if move.is_loose else await call("VM.get_record", move.vm.ref)
        refs = [ref for it in spec.replacements for ref in (it.old, it.new) if ref]
        known = self.ways[PoolId(plan.source.uuid)].pool.db.table("VDI")
        vdis = {ref: await call("VDI.get_record", ref) for ref in refs if ref in known}
        return ExchangeState(vm, vdis, await self._drives(call, move), tuple(free), watch="one")

    async def _drives(self, call: Any, move: VmMove) -> dict[str, Any]:
        if move.is_loose:
            return {}
        refs = await call("VM.get_VBDs", move.vm.ref)
        return dict(connected([(ref, await call("VBD.get_record", ref)) for ref in refs]))

    async def _move(self, move: VmMove) -> None:
        received: Any = None
        moved: Any = move.vm.ref
        for call in move.calls:
            params = [{RECEIVED: received, MIGRATED: moved}.get(p, p) if isinstance(p, str) else p for p in call.params]
            answer = await self.ways[call.pool].call(call.method, *params)
            if call.method == "host.migrate_receive":
                received = answer
            elif call.method == "VM.migrate_send":
                moved = answer
        if received is not None:
            await self.ways[move.calls[0].pool].end_session(received["session_id"])


def _noted(spec: ExchangeSpec, disk: int, changes: dict[str, Any]) -> ExchangeSpec:
    if disk < 0:
        return replace(spec, **changes)
    it = msgspec.structs.replace(spec.replacements[disk], **changes)
    return replace(spec, replacements=(*spec.replacements[:disk], it, *spec.replacements[disk + 1 :]))


async def settle() -> None:
    """Let what the simulator does behind the calls come to its end."""
    for _ in range(3):
        await asyncio.sleep(0)


def facts_of(*answers: tuple[Question, Answer]) -> Facts:
    return dict(answers)
