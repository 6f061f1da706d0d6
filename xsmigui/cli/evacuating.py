"""A host is emptied for its maintenance, and filled again."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from xsmigui.cli.answering import answer, no_job, refused
from xsmigui.cli.later import Times
from xsmigui.cli.resuming import resume_line
from xsmigui.cli.starting import LeftUnfinished, start
from xsmigui.console import (
    DONE,
    FAILED,
    NO_CONNECTION,
    NOT_AGREED,
    REFUSED,
    BadArguments,
    agreed,
    print_problems,
    say,
)
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.evacuation import Returning
from xsmigui.core.migration.leaving_out import LeftOut, cannot_come_back
from xsmigui.core.migration.lookup import SelectionRefused
from xsmigui.core.migration.selection import host_from, network_from
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, VmRef
from xsmigui.core.text import _, joined
from xsmigui.services.desk import Desk, NotBack, NotDone, not_back
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store


async def evacuate(options: argparse.Namespace, store: Store, jobs: Jobs, desk: Desk, times: Times) -> int:
    """Empty a host and leave it in maintenance mode; or end that, and bring the VMs back."""
    site = store.site()
    try:
        pool, host = host_from(site, options.host)
        network = network_from(site, pool, options.network) if options.network else None
    except SelectionRefused as wrong:
        raise BadArguments(str(wrong)) from None
    if options.at_once < 1:
        raise BadArguments(_("--at-once takes a number, 1 or more."))
    if reason := evacuation.why_not(site, pool, host):
        return refused(options, REFUSED, reason)
    work = _Host(options, store, jobs, desk, pool, host, times)
    try:
        return await (work.fill() if options.leave else work.empty(network))
    except LeftUnfinished as left:
        answer(options, left.document)
        return left.status
    except asyncio.CancelledError:
        if jobs.running and not getattr(options, "is_answered", False):
            job = jobs.running[0]
            more = {"reason": _("Interrupted."), "code": "interrupted", "resume": resume_line(options, job)}
            answer(options, job.as_json() | {"state": "interrupted"} | more)
        raise
    except NotDone as failed:
        return refused(options, REFUSED, str(failed))
    except Unreachable as failure:
        return refused(options, NO_CONNECTION, " ".join(part for part in sentence(failure) if part))


class _Host:
    """The host of one command."""

    def __init__(
        self,
        options: argparse.Namespace,
        store: Store,
        jobs: Jobs,
        desk: Desk,
        pool: PoolId,
        host: HostRef,
        times: Times,
    ) -> None:
        self._options = options
        self._store = store
        self._jobs = jobs
        self._desk = desk
        self._pool = pool
        self._host = host
        self._times = times

    @property
    def _inventory(self) -> Inventory:
        """The pool as it is now."""
        return self._store.site().pools[self._pool]

    @property
    def _name(self) -> str:
        return self._inventory.name_of("host", self._host)

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
            evaluation, out = await self._desk.settled_without_blocked(draft)
            _say_left_out(_("Left out:"), out)
            if not evaluation.draft.vms:
                text = _("No VM can leave {host}.", host=self._name)
                say(text)
                return no_job(options, REFUSED, text, _left(not_back(out)))
        else:
            evaluation = await self._desk.settled(draft)

        async def change() -> None:
            await self._desk.enter_maintenance(self._pool, self._host, evaluation.draft.vms)

        async def after() -> dict[str, object]:
            return _left(not_back(out)) | self._said_whether_empty()

        return await start(options, evaluation, self._jobs, change, after, times=self._times)

    async def _empty_already(self) -> int:
        """There is nothing to move: the host is ready at once, or is already."""
        options = self._options
        if not evacuation.is_ready(self._inventory, self._host):
            if not options.yes:
                say(_("{host} enters maintenance mode.", host=self._name))
                if not await agreed():
                    return no_job(options, NOT_AGREED)
            await self._desk.enter_maintenance(self._pool, self._host, ())
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
            _say_left_out(_("Cannot come back now:"), cannot_come_back(self._store.site(), self._pool, self._host))
            if not await agreed():
                return no_job(options, NOT_AGREED)
            options.yes = True
        await self._desk.leave_maintenance(self._pool, self._host)
        evaluation, out = await self._desk.coming_back(self._pool, self._host, waiting.run, options.at_once)
        refused: list[NotBack] = []

        async def after() -> dict[str, object]:
            started, others = await self._desk.start_again(self._pool, self._host, waiting)
            refused.extend((*out, *others))
            for vm in refused:
                fields = {"vm": vm.name, "host": self._name, "reason": vm.reason}
                say(_("{vm} did not come back and stays on the list of {host}: {reason}", **fields))
            failed = {"state": "failed", "reason": "not-all-back"} if refused else {}
            more = {"started": list(started), "no_longer_waiting": gone}
            return failed | _left(refused) | {key: found for key, found in more.items() if found}

        if evaluation.draft.vms:
            return await start(options, evaluation, self._jobs, after=after, times=self._times)
        more = await after()
        return no_job(options, FAILED if refused else DONE, more=more)

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
