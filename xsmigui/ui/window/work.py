"""What may be done with work in progress: cancel, hold, put first, clear away, and a report of what has ended."""

from PySide6.QtWidgets import QWidget

from xsmigui.core.report import html_report
from xsmigui.core.text import _
from xsmigui.ui.activity.view import Line, Order, foreign_lines, job_lines
from xsmigui.ui.dialogs.base import ask, tell
from xsmigui.ui.dialogs.saving import save
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.given import Services


class WorkCommands:
    """The commands of the Activity menu, and of its lines."""

    def __init__(self, window: QWidget, services: Services, scope: Scope) -> None:
        self._window = window
        self._services = services
        self._scope = scope

    def lines(self) -> list[Line]:
        """What Activity shows: our jobs, then what other clients do."""
        now = self._services.clock.now()
        lines = [line for job in self._services.jobs.all() for line in job_lines(job, now)]
        for inventory in self._services.store.site().pools.values():
            lines += foreign_lines(inventory, self._services.jobs.is_ours)
        return lines

    def cancel(self, line: Line) -> None:
        self._scope.spawn(self._cancel_after_asking(line))

    async def _cancel_after_asking(self, line: Line) -> None:
        job, index = line.key
        question = _(
            "{what} will be cancelled. The VM stays where it is, and what was copied so far is removed.",
            what=line.title,
        )
        if await ask(self._window, _("Cancel the migration"), question, _("Cancel the migration"), _("Let it run")):
            self._services.jobs.cancel(job, int(index))

    def show_details(self, line: Line) -> None:
        job, index = line.key
        vm = self._services.jobs.get(job).vms[int(index)]
        raw = "\n".join(problem.raw for problem in vm.problems if problem.raw)
        self._scope.spawn(tell(self._window, line.title, vm.message, raw))

    def order(self, line: Line, order: Order) -> None:
        job, index = line.key
        jobs = self._services.jobs
        {Order.hold: jobs.hold, Order.proceed: jobs.proceed, Order.first: jobs.put_first}[order](job, int(index))

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

    def save_support_bundle(self) -> None:
        self._scope.spawn(self._saving_support_bundle(), "support")

    async def _saving_support_bundle(self) -> None:
        """Settings, journal and log for whoever looks for a fault, where the operator wants it."""
        name = f"xsmigui-support-{self._services.clock.now().astimezone():%Y-%m-%d-%H%M}.zip"
        title = _("Save a support bundle")
        await save(self._window, title, "supportDialog", _("Archive (*.zip)"), name, self._services.support)
