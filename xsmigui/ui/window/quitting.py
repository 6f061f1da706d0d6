"""The question before the window closes while work is left: stay, quit, or let it go on without the window."""

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
    """Ask, where work is left; True if the window may close. Where the operator wants it, a process that goes on
    without the window is ready by then."""
    running = services.jobs.running
    text = leaving(running) if services.preferences.now.ask_to_quit else ""
    if not text:
        return True
    title = _("Quit xsmigui")
    if services.succeed is None:
        return await ask(window, title, text, _("Quit"), _("Stay"))
    answers = {"goOn": _("Continue without the window"), "go": _("Quit")}
    match await choose(window, title, quit_question(running), answers, _("Stay")):
        case "go":
            return True
        case "goOn":
            reason = await services.succeed()
            if not reason:
                return True
            why = _("The jobs cannot continue without the window: {reason} They go on here.", reason=reason)
            await tell(window, title, why)
    return False
