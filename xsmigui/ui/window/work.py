"""What may be done with work in progress: cancel, hold, put first, try again, clear away, and a report of the end."""

import csv
import io
from collections.abc import Callable, Iterator

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.diskdraft import DisksRefused
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.plan import PlanRefused
from xsmigui.core.refs import ObjectId, PoolId, VmRef
from xsmigui.core.report import html_report
from xsmigui.core.text import _, printable
from xsmigui.core.triage import Do, accept_question, triage
from xsmigui.services.following import NotHandedOver
from xsmigui.ui.activity.acts import Act
from xsmigui.ui.activity.choosing import as_csv
from xsmigui.ui.activity.lines import Group, Line, Lines, elsewhere, foreign_groups, headline, unreadable_groups
from xsmigui.ui.activity.view import Source
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.dialogs.kept import wants_doubtful
from xsmigui.ui.dialogs.saving import save
from xsmigui.ui.dialogs.triage import choose_step
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.pools import doing
from xsmigui.ui.window.services import Services


class WorkCommands:
    """The commands of the Activity menu, and of its lines. `on_retry` is given a draft to be planned again, `on_find`
    the VM that is to be shown; `on_leftovers` opens the list of what failed migrations have left, `on_change` shows
    what has changed."""

    def __init__(
        self,
        window: QWidget,
        services: Services,
        scope: Scope,
        on_retry: Callable[[Draft], object],
        on_find: Callable[[ObjectId], bool],
        on_leftovers: Callable[[], object],
        on_change: Callable[[], object],
    ) -> None:
        self._window = window
        self._services = services
        self._scope = scope
        self._on_retry = on_retry
        self._on_find = on_find
        self._on_leftovers = on_leftovers
        self._on_change = on_change
        self.lines = Lines()

    def source(self) -> Source:
        """What Activity shows, and what may be done there."""
        return Source(
            self.groups,
            lambda: headline(self._services.jobs.all()),
            self.do,
            self.clear,
            self.limit_storage,
            lambda: self._services.clock.now().astimezone(),
        )

    def groups(self) -> list[Group]:
        """What Activity shows: our jobs, what other clients do, and what ended before."""
        jobs = [*self._services.jobs.all(), *self._services.history.all()]
        found = self.lines.groups(jobs, self._services.clock.now(), self._memory)
        others_of = self._services.jobs.elsewhere
        if others_of:
            found = [
                elsewhere(group, other.gives, other.waits) if (other := others_of.get(group.line.key[0])) else group
                for group in found
            ]
        found += unreadable_groups(self._services.jobs.spoiled)
        running = sum(1 for group in found if not group.line.has_ended)
        others: list[Group] = []
        for inventory in self._services.store.site().pools.values():
            others += foreign_groups(inventory, self._services.jobs.is_ours)
        return [*found[:running], *others, *found[running:]]

    def _memory(self, job: Job) -> Iterator[int | None]:
        """Bytes of each VM's memory, as far as its pool still knows it."""
        inventory = self._services.store.inventory(PoolId(job.plan.source.uuid))
        for vm in job.vms:
            record = inventory.VM.get(VmRef(vm.move.vm.ref)) if inventory is not None else None
            yield record.memory_dynamic_max if record is not None else None

    def do(self, act: Act, line: Line) -> None:
        """Do what the operator wants with a line."""
        job, place = line.key
        jobs = self._services.jobs
        match act:
            case Act.cancel:
                self._scope.spawn(self._cancel_after_asking(line))
            case Act.hold:
                jobs.hold(job, int(place))
            case Act.proceed:
                jobs.proceed(job, int(place))
            case Act.first:
                jobs.put_first(job, int(place))
            case Act.take_over:
                self._scope.spawn(self._take_over(), "take over")
            case Act.details:
                self._show_details(line)
            case Act.forget:
                self._scope.spawn(self._forget(job, line.title))
            case Act.leftovers:
                self._on_leftovers()
            case Act.report:
                self._scope.spawn(self._saving_report([self._services.history.get(job)]), "report")
            case Act.copy:
                QGuiApplication.clipboard().setText(line.sentence())
            case Act.retry:
                self._retry(line)
            case Act.go_to:
                self._find(line)

    async def _take_over(self) -> bool:
        """Carry out here what continues without a window; False where the other process did not let go."""
        title = _("Take over")
        done = False
        try:
            await self._services.following.take_over()
            done = True
        except NotHandedOver:
            text = _("The other xsmigui has not let go of its jobs. It carries them out as before; try again later.")
            await tell(self._window, title, text)
        except OSError as error:
            await tell(self._window, title, _("The journal cannot be read: {reason}", reason=str(error)))
        self._on_change()
        return done

    async def _cancel_after_asking(self, line: Line) -> None:
        """Only who carries a job out can cancel it: what continues without a window is taken over first."""
        job, place = line.key
        is_elsewhere = job in self._services.jobs.elsewhere
        question = _(
            "{what} will be cancelled. The VM stays where it is, and data copied so far is removed.",
            what=line.title,
        )
        if is_elsewhere:
            more = _("This window takes over first what continues without one.")
            question = f"{question} {more}"
        if not await ask(self._window, _("Cancel the migration"), question, _("Cancel the migration"), _("Let it run")):
            return
        if job not in self._services.jobs.elsewhere or await self._take_over():
            self._services.jobs.cancel(job, int(place) if place else None)

    def _show_details(self, line: Line) -> None:
        self._scope.spawn(self._details(line), "details")

    async def _details(self, line: Line) -> None:
        """Everything about one VM's part; where it did not succeed, with the next steps."""
        name, place = line.key
        job = self._services.history.get(name)
        vm = job.vms[int(place)]
        found = triage(job, int(place), self._services.store.site())
        if found is None:
            raw = "\n".join(problem.raw for problem in vm.problems if problem.raw)
            await tell(self._window, line.title, vm.message, raw)
            return
        match await choose_step(self._window, line.title, vm.message, found):
            case Do.resume:
                self._services.jobs.resume(name)
            case Do.accept:
                await self._accept(job, vm)
            case Do.revert:
                await self._put_back(job)
            case Do.leftovers:
                self._on_leftovers()
            case Do.allow_start:
                await self._allow_start(job, int(place))
            case Do.retry:
                self._retry(line)
            case Do.forget:
                await self._forget(name, line.title)

    async def _accept(self, job: Job, vm: VmJob) -> None:
        title = _("Accept the new disks")
        if await ask(self._window, title, accept_question([vm.move.vm.name]), _("Accept"), _("Leave as it is")):
            self._services.jobs.resume(job.id, accept=True)

    async def _put_back(self, job: Job) -> None:
        """What had stopped goes back; of what has ended the kept sources do, or what a fix has changed."""
        if any(vm.state is State.interrupted and not vm.is_over for vm in job.vms):
            self._services.jobs.resume(job.id, undo=True)
            return
        try:
            back = self._services.desk.way_back(job.id, job)
            if back is None:
                raise DisksRefused(_("There is nothing to roll back."))
            if not back.doubtful or await wants_doubtful(self._window, back.doubtful):
                self._services.desk.start(back.plan)
        except DisksRefused as refused:
            await tell(self._window, _("Roll back"), str(refused))

    async def _allow_start(self, job: Job, place: int) -> None:
        title = _("Allow start again")
        question = _("Its blocks and marks are removed. The VMs keep the disks that are attached now.")
        if not await ask(self._window, title, question, _("Allow start"), _("Leave as it is")):
            return
        pool = PoolId(job.plan.source.uuid)
        await doing(self._window, title, self._services, pool, self._services.desk.allow_start(job, (place,)))

    async def _forget(self, job: str, what: str) -> None:
        question = _("{what} will be removed from the journal. Nothing changes on the servers.", what=what)
        if not await ask(self._window, _("Forget the job"), question, _("Forget"), _("Keep it")):
            return
        try:
            if await self._services.jobs.forget(job):
                self._services.history.drop(job)
            else:
                await tell(
                    self._window, _("Forget the job"), _("Another xsmigui is carrying it out, or it no longer exists.")
                )
        except OSError as error:
            text = _("The journal cannot be written: {reason}", reason=str(error))
            await tell(self._window, _("Forget the job"), text)
        self._on_change()

    def _retry(self, line: Line) -> None:
        """Plan what did not succeed again, with the same choices, as everything stands now."""
        name, place = line.key
        job = self._services.history.get(name)
        try:
            draft = self._services.desk.again(job, (int(place),) if place else None)
        except PlanRefused as gone:
            text = _("{name} is no longer there.", name=str(gone))
            self._scope.spawn(tell(self._window, _("Retry"), text))
            return
        self._on_retry(draft)

    def _find(self, line: Line) -> None:
        """Show the VM of a line, where it is now."""
        name, place = line.key
        job = self._services.history.get(name)
        vm = job.vms[int(place)]
        here = ObjectId(PoolId(job.plan.source.uuid), "VM", vm.move.vm.ref)
        there = ObjectId(PoolId(job.plan.target.uuid), "VM", vm.arrived or vm.move.vm.ref)
        if not (vm.state is State.done and self._on_find(there)) and not self._on_find(here):
            text = _("{vm} is not in the tree right now.", vm=vm.move.vm.name)
            self._scope.spawn(tell(self._window, _("Go to"), text))

    def clear(self) -> None:
        """List nothing any more of what has ended, at the next start neither; the journal keeps all."""
        self._services.jobs.clear_ended()
        self._services.history.clear()
        self._services.preferences.change(cleared=self._services.clock.now().isoformat())
        self._on_change()

    def show_cleared(self) -> None:
        self._scope.spawn(self._showing_cleared(), "cleared")

    async def _showing_cleared(self) -> None:
        """List again what has ended, as far as the journal has it and it is not too much."""
        self._services.preferences.change(cleared="")
        try:
            await self._services.history.load()
        except OSError as error:
            text = _("The journal cannot be read: {reason}", reason=str(error))
            await tell(self._window, _("Activity"), text)
        self._on_change()

    def limit_storage(self, number: int) -> None:
        """How many storage migrations may leave a pool at once, from now on and at the next start."""
        self._services.jobs.limit = number
        self._services.preferences.change(storage_limit=number)

    def save_report(self) -> None:
        """A page on all that has ended and is listed."""
        listed = [*self._services.jobs.all(), *self._services.history.all()]
        self._scope.spawn(self._saving_report([job for job in listed if job.has_ended]), "report")

    async def _saving_report(self, jobs: list[Job]) -> None:
        """A page on these jobs, where the operator wants it."""
        title = _("Save a report")
        if not jobs:
            await tell(self._window, title, _("Nothing has ended yet, so there is nothing to report."))
            return
        now = self._services.clock.now()

        async def page() -> bytes:
            return html_report(jobs, now).encode()

        name = f"xsmigui-{now.astimezone():%Y-%m-%d-%H%M}.html"
        await save(self._window, title, "reportDialog", _("Page (*.html)"), name, page)

    def export(self) -> None:
        self._scope.spawn(self._exporting(), "export")

    async def _exporting(self) -> None:
        """Everything that Activity shows as a table for a spreadsheet, where the operator wants it."""
        rows = as_csv(self.groups())
        name = f"xsmigui-{self._services.clock.now().astimezone():%Y-%m-%d-%H%M}.csv"

        async def table() -> bytes:
            text = io.StringIO()
            csv.writer(text).writerows([[_harmless(cell) for cell in row] for row in rows])
            return text.getvalue().encode("utf-8-sig")

        await save(self._window, _("Export Activity"), "exportDialog", _("Table (*.csv)"), name, table)

    def save_support_bundle(self) -> None:
        self._scope.spawn(self._saving_support_bundle(), "support")

    async def _saving_support_bundle(self) -> None:
        """Settings, journal and log for whoever looks for a fault, where the operator wants it."""
        name = f"xsmigui-support-{self._services.clock.now().astimezone():%Y-%m-%d-%H%M}.zip"
        title = _("Save a support bundle")
        await save(self._window, title, "supportDialog", _("Archive (*.zip)"), name, self._services.support)


def _harmless(cell: str) -> str:
    """The cell as text: a spreadsheet would take what begins like this for a formula."""
    shown = printable(cell)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown
