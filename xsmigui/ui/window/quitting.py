"""The question before the window closes while work is left: stay, quit, or let it go on without the window."""

from PySide6.QtWidgets import QWidget

from xsmigui.core.job_texts import going_on, leaving
from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import ask, choose, tell
from xsmigui.ui.window.services import Services


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
    otherwise = _("If you quit instead:")
    question = f"{going_on(running)}\n\n{otherwise} {text}"
    match await choose(window, title, question, answers, _("Stay")):
        case "go":
            return True
        case "goOn":
            reason = await services.succeed()
            if not reason:
                return True
            why = _("The jobs cannot continue without the window: {reason} They go on here.", reason=reason)
            await tell(window, title, why)
    return False
