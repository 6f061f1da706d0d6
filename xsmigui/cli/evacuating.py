"""A host is emptied for its maintenance, and filled again."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from xsmigui.cli.answering import no_job, refused
from xsmigui.cli.later import Times
from xsmigui.cli.selecting import settled
from xsmigui.cli.starting import start
from xsmigui.console import (
    DONE,
    FAILED,
    INTERRUPTED,
    NO_CONNECTION,
    NOT_AGREED,
    REFUSED,
    BadArguments,
    agreed,
    print_problems,
    say,
)
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure, Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evacuation import Returning
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.migration.lookup import SelectionRefused
from xsmigui.core.migration.selection import host_from, network_from
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, VmRef
from xsmigui.core.text import _, joined
from xsmigui.local.clock import SystemClock
from xsmigui.services import maintenance
from xsmigui.services.asking import Asker
from xsmigui.services.connections import Connections
from xsmigui.services.jobs import Jobs
from xsmigui.services.maintenance import NotBack
from xsmigui.services.store import Store


async def evacuate(
    options: argparse.Namespace,
    store: Store,
    asker: Asker,
    clock: SystemClock,
    jobs: Jobs,
    connections: Connections,
    times: Times,
) -> int:
    """Empty a host and leave it in maintenance mode; or end that, and bring the VMs back."""
    site = store.site()
    try:
        pool, host = host_from(site, options.host)
        network = network_from(site, pool, options.network) if options.network else None
    except SelectionRefused as wrong:
        raise BadArguments(str(wrong)) from None
    if options.at_once < 1:
        raise BadArguments(_("--at-once takes a number, 1 or more."))
    gateway = connections.gateway(pool)
    reason = evacuation.why_not(site, pool, host)
    if reason or gateway is None:
        return refused(options, REFUSED, reason)

    async def settle(draft: Draft) -> Evaluation:
        return await settled(store, asker, clock, draft)

    work = _Host(options, store, jobs, connections, gateway, pool, host, settle, times)
    try:
        return await (work.fill() if options.leave else work.empty(network))
    except WIRE_ERRORS as failure:
        inventory = site.pools[pool]
        unsure = maintenance.uncertain(failure, inventory, host) if work.touched else ""
        text = " ".join(part for part in (*sentence(failure, inventory), unsure) if part)
        return refused(options, REFUSED if isinstance(failure, ServerFailure) else NO_CONNECTION, text)
    except asyncio.CancelledError as interruption:
        if work.touched and not jobs.all():  # of a job it is said what becomes of it
            text = maintenance.uncertain(interruption, site.pools[pool], host)
            say(text)
            no_job(options, INTERRUPTED, text, {"state": "interrupted"})
        raise


class _Host:
    """The host of one command."""

    def __init__(
        self,
        options: argparse.Namespace,
        store: Store,
        jobs: Jobs,
        connections: Connections,
        gateway: Gateway,
        pool: PoolId,
        host: HostRef,
        settle: maintenance.Settle,
        times: Times,
    ) -> None:
        self._options = options
        self._store = store
        self._jobs = jobs
        self._connections = connections
        self._gateway = gateway
        self._pool = pool
        self._host = host
        self._settle = settle
        self._times = times
        self.touched = False

    @property
    def _inventory(self) -> Inventory:
        """The pool as it is now."""
        return self._store.site().pools[self._pool]

    @property
    def _name(self) -> str:
        return self._inventory.name_of("host", self._host)

    async def _gateway_now(self) -> Gateway:
        """The way to the pool, which a job may have seen connected anew. Raises `Unreachable`."""
        try:
            async with asyncio.timeout(self._options.patience * 60):
                return await self._connections.wait_for_gateway(self._pool)
        except TimeoutError:
            trouble = self._connections.trouble(self._pool)
            raise Unreachable(self._gateway.url, trouble.reason if trouble is not None else "") from None

    # Emptying it.

    async def empty(self, network: NetworkRef | None) -> int:
        """Every VM leaves, or with `--leave-out-blocked` every one that can."""
        options = self._options
        draft = evacuation.evacuation(self._store.site(), self._pool, self._host)
        draft = draft.over(network).batched(options.at_once)
        for note in evacuation.notes(self._inventory, self._host):
            say(note)
        if not draft.vms:
            return await self._empty_already()
        out: tuple[LeftOut, ...] = ()
        if options.leave_out_blocked:
            evaluation, out = await maintenance.settle_without_blocked(self._settle, draft)
            _say_left_out(_("Left out:"), out)
            if not evaluation.draft.vms:
                text = _("No VM can leave {host}.", host=self._name)
                say(text)
                return no_job(options, REFUSED, text, _left(maintenance.not_back(out)))
        else:
            evaluation = await self._settle(draft)

        async def change() -> None:
            self.touched = True
            await maintenance.enter(self._gateway, self._inventory, self._host, evaluation.draft.vms)

        async def after() -> dict[str, object]:
            return _left(maintenance.not_back(out)) | self._said_whether_empty()

        return await start(options, evaluation, self._jobs, change, after, times=self._times)

    async def _empty_already(self) -> int:
        """There is nothing to move: the host is ready at once, or is already."""
        options = self._options
        if not evacuation.is_ready(self._inventory, self._host):
            if not options.yes:
                say(_("{host} enters maintenance mode.", host=self._name))
                if not await agreed():
                    return no_job(options, NOT_AGREED)
            self.touched = True
            await maintenance.enter(self._gateway, self._inventory, self._host, ())
        more = self._said_whether_empty()
        return no_job(options, FAILED if more else DONE, more=more)

    def _said_whether_empty(self) -> dict[str, object]:
        """Says it; what of it joins the JSON document. A host that is not empty is not ready for its maintenance."""
        left = evacuation.residents(self._inventory, self._host)
        if left:
            names = joined([self._inventory.VM[vm].name_label for vm in left])
            say(_("{host} is not empty: {vms}.", host=self._name, vms=names))
            return {"state": "failed", "reason": "not-empty"}
        say(_("{host} is empty and in maintenance mode.", host=self._name))
        return {}

    # Filling it.

    async def fill(self) -> int:
        """Whoever can come back does; the others stay on the host's lists, each with the reasons against it."""
        options = self._options
        waiting = evacuation.returning(self._inventory, self._host)
        if evacuation.is_finished(self._inventory, self._host):
            say(_("{host} is not in maintenance mode, and no VM waits to return to it.", host=self._name))
            return no_job(options, DONE)
        elsewhere = evacuation.no_longer_waiting(self._inventory, self._host)
        if gone := [self._inventory.VM[vm].name_label for vm in elsewhere]:
            text = _("Stay as they are, because somebody has started or stopped them since: {vms}.", vms=joined(gone))
            say(text)
        if not options.yes:
            for line in self._intention(waiting):
                say(line)
            _say_left_out(_("Cannot come back now:"), maintenance.foreseen(self._store.site(), self._pool, self._host))
            if not await agreed():
                return no_job(options, NOT_AGREED)
            options.yes = True
        self.touched = True
        await maintenance.leave(self._gateway, self._host)
        await self._store.until(lambda: evacuation.accepts_vms(self._store.inventory(self._pool), self._host))
        not_back: list[NotBack] = []

        async def after() -> dict[str, object]:
            gateway, inventory = await self._gateway_now(), self._inventory
            started, others = await maintenance.start_again(gateway, inventory, self._host, waiting)
            not_back.extend(others)
            await maintenance.strike_off(self._store, gateway, self._pool, self._host, started)
            names = [inventory.VM[vm].name_label for vm in started]
            for vm in not_back:
                fields = {"vm": vm.name, "host": self._name, "reason": vm.reason}
                say(_("{vm} did not come back and stays on the list of {host}: {reason}", **fields))
            failed = {"state": "failed", "reason": "not-all-back"} if not_back else {}
            more = {"started": names, "no_longer_waiting": gone}
            return failed | _left(not_back) | {key: found for key, found in more.items() if found}

        draft = evacuation.back(self._store.site(), self._pool, self._host, waiting.run)
        evaluation, out = await maintenance.settle_without_blocked(self._settle, draft.batched(options.at_once))
        not_back.extend(maintenance.not_back(out))
        if evaluation.draft.vms:
            return await start(options, evaluation, self._jobs, after=after, times=self._times)
        more = await after()
        return no_job(options, FAILED if not_back else DONE, more=more)

    def _intention(self, waiting: Returning) -> list[str]:
        """What is about to be changed."""
        inventory, lines = self._inventory, []
        if evacuation.in_maintenance(inventory, self._host):
            lines.append(_("{host} leaves maintenance mode.", host=self._name))

        def names(vms: tuple[VmRef, ...]) -> dict[str, str]:
            return {"host": self._name, "vms": joined([inventory.VM[vm].name_label for vm in vms])}

        if waiting.run:
            lines.append(_("These will come back to {host}: {vms}.", **names(waiting.run)))
        if waiting.suspended:
            lines.append(_("These are resumed on {host}: {vms}.", **names(waiting.suspended)))
        if waiting.halted:
            lines.append(_("These are started on {host}: {vms}.", **names(waiting.halted)))
        return lines or [_("There is no VM to bring back to {host}.", host=self._name)]


def _left(out: Sequence[NotBack]) -> dict[str, object]:
    """Who did not leave or come back, for `--json`."""
    return {"left": [{"name": vm.name, "uuid": vm.uuid, "reason": vm.reason} for vm in out]} if out else {}


def _say_left_out(heading: str, out: tuple[LeftOut, ...]) -> None:
    if out:
        say(heading)
        for vm in out:
            say(f"  {vm.name}")
            print_problems([vm.problem], sys.stderr)
