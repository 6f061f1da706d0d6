"""The question before the window closes while work is left: stay, quit, or let it go on without the window."""

from collections.abc import Awaitable, Callable

from PySide6.QtWidgets import QWidget

from xsmigui.core.job_texts import going_on, leaving
from xsmigui.core.jobs import Job
from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import ask, choose, tell
from xsmigui.ui.window.services import Services


def quit_question(running: list[Job]) -> str:
    """What becomes of these jobs if they go on without the window, and if they do not."""
    otherwise = _("If you quit instead:")
    return f"{going_on(running)}\n\n{otherwise} {leaving(running)}"


async def may_quit(window: QWidget, services: Services) -> bool:
    """What becomes of work that is left: as the operator has set it, else as they answer. True if the window may close;
    a process that goes on without it is ready by then."""
    running = services.jobs.running
    text = leaving(running)
    if not text:
        return True
    title = _("Quit xsmigui")
    wish = services.preferences.now.on_quit
    if services.succeed is None:
        return wish == "go" or await ask(window, title, text, _("Quit"), _("Stay"))
    if wish == "goOn" and await _goes_on(window, title, services.succeed):
        return True
    answers = {"goOn": _("Continue without the window"), "go": _("Quit")}
    if wish != "go":
        wish = await choose(window, title, quit_question(running), answers, _("Stay"))
        if wish == "goOn":
            return await _goes_on(window, title, services.succeed)
    return wish == "go"


async def _goes_on(window: QWidget, title: str, succeed: Callable[[], Awaitable[str]]) -> bool:
    """Start the process that goes on; where it cannot, say why."""
    reason = await succeed()
    if reason:
        why = _("The jobs cannot continue without the window: {reason} They go on here.", reason=reason)
        await tell(window, title, why)
    return not reason
