"""A fix at the spot, as every place offers it that shows problems: asked for, done as a job, and judged again."""

from PySide6.QtWidgets import QWidget

from xsmigui.core.failures import Unreachable
from xsmigui.core.jobs import State
from xsmigui.core.migration.fixes import Fix, offer
from xsmigui.core.migration.fixing import fix_plan
from xsmigui.core.text import _
from xsmigui.services.drafting import Drafting
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store
from xsmigui.ui.dialogs.base import ask, tell


async def carry_out(parent: QWidget, fix: Fix, store: Store, jobs: Jobs, drafting: Drafting) -> None:
    """Ask whether a fix is to be done, and do it. Raises `Unreachable` if its pool is not connected."""
    asked = offer(fix)
    if not await ask(parent, asked.title, asked.question, asked.go, asked.leave):
        return
    inventory = store.inventory(fix.pool)
    if inventory is None or not store.is_connected(fix.pool):
        raise Unreachable(_("the pool"), _("not connected"))
    ended = await jobs.wait(jobs.start(fix_plan(fix, inventory)).id)
    drafting.ask_again()
    vm = ended.vms[0]
    if vm.state is not State.done:
        await tell(parent, asked.title, vm.message, "\n".join(problem.raw for problem in vm.problems))
