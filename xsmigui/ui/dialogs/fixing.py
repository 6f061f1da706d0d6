"""A fix at the spot, as every place offers it that shows problems: asked for, done as a job, and judged again."""

from PySide6.QtWidgets import QWidget

from xsmigui.core.migration.fix_offers import offer
from xsmigui.core.migration.fixes import Fix
from xsmigui.services.desk import Desk, NotDone
from xsmigui.services.drafting import Drafting
from xsmigui.ui.dialogs.base import ask, tell


async def carry_out(parent: QWidget, fix: Fix, desk: Desk, drafting: Drafting) -> None:
    """Ask whether a fix is to be done, and do it. Raises `Unreachable` if its pool is not connected."""
    asked = offer(fix)
    if not await ask(parent, asked.title, asked.question, asked.go, asked.leave):
        return
    failed = None
    try:
        await desk.done(fix)
    except NotDone as refusal:
        failed = refusal
    drafting.ask_again()
    if failed is not None:
        await tell(parent, asked.title, str(failed), failed.raw)
