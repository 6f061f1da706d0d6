"""What may be done with work in progress: cancel, hold, put first, try again, clear away, and a report of the end."""

import csv
import io
from collections.abc import Callable, Iterator

from msgspec.structs import replace
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.plan import PlanRefused, draft_of
from xsmigui.core.refs import ObjectId, PoolId, VmRef
from xsmigui.core.report import html_report
from xsmigui.core.text import _, printable
from xsmigui.ui.activity.lines import Group, Line, Lines, as_csv, foreign_groups
from xsmigui.ui.activity.view import Act
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.dialogs.saving import save
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.given import Services


class WorkCommands:
    """The commands of the Activity menu, and of its lines. `on_retry` is given a draft to be planned again, `on_find`
    the VM that is to be shown."""

    def __init__(
        self,
        window: QWidget,
        services: Services,
        scope: Scope,
        on_retry: Callable[[Draft], object],
        on_find: Callable[[ObjectId], bool],
    ) -> None:
        self._window = window
        self._services = services
        self._scope = scope
        self._on_retry = on_retry
        self._on_find = on_find
        self.lines = Lines()

    def groups(self) -> list[Group]:
        """What Activity shows: our jobs, then what other clients do."""
        found = self.lines.groups(self._services.jobs.all(), self._services.clock.now(), self._memory)
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
            case Act.details:
                self._show_details(line)
            case Act.copy:
                QGuiApplication.clipboard().setText(line.sentence())
            case Act.retry:
                self._retry(line)
            case Act.go_to:
                self._find(line)

    async def _cancel_after_asking(self, line: Line) -> None:
        job, place = line.key
        question = _(
            "{what} will be cancelled. The VM stays where it is, and what was copied so far is removed.",
            what=line.title,
        )
        if await ask(self._window, _("Cancel the migration"), question, _("Cancel the migration"), _("Let it run")):
            self._services.jobs.cancel(job, int(place) if place else None)

    def _show_details(self, line: Line) -> None:
        job, place = line.key
        vm = self._services.jobs.get(job).vms[int(place)]
        raw = "\n".join(problem.raw for problem in vm.problems if problem.raw)
        self._scope.spawn(tell(self._window, line.title, vm.message, raw))

    def _retry(self, line: Line) -> None:
        """Plan what did not succeed again, with the same choices, as everything stands now."""
        name, place = line.key
        job = self._services.jobs.get(name)
        wanted = [job.vms[int(place)]] if place else [vm for vm in job.vms if vm.state is not State.done]
        moves = tuple(vm.move for vm in wanted)
        try:
            draft = draft_of(replace(job.plan, moves=moves), self._services.store.site())
        except PlanRefused as gone:
            text = _("{name} is no longer there.", name=str(gone))
            self._scope.spawn(tell(self._window, _("Retry"), text))
            return
        self._on_retry(draft)

    def _find(self, line: Line) -> None:
        """Show the VM of a line, where it is now."""
        name, place = line.key
        job = self._services.jobs.get(name)
        vm = job.vms[int(place)]
        here = ObjectId(PoolId(job.plan.source.uuid), "VM", vm.move.vm.ref)
        there = ObjectId(PoolId(job.plan.target.uuid), "VM", vm.arrived or vm.move.vm.ref)
        if not (vm.state is State.done and self._on_find(there)) and not self._on_find(here):
            text = _("{vm} is not in the tree at present.", vm=vm.move.vm.name)
            self._scope.spawn(tell(self._window, _("Go to"), text))

    def limit_storage(self, number: int) -> None:
        """How many storage migrations may leave a pool at once, from now on and at the next start."""
        self._services.jobs.limit = number
        self._services.preferences.change(storage_limit=number)

    def save_report(self) -> None:
        self._scope.spawn(self._saving_report(), "report")

    async def _saving_report(self) -> None:
        """A page on all that has ended, where the operator wants it."""
        jobs = [job for job in self._services.jobs.all() if job.has_ended]
        title = _("Save a report")
        if not jobs:
            await tell(self._window, title, _("Nothing has ended yet that could be reported."))
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
