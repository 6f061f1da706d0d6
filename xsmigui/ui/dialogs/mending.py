"""A fix at the spot, as every place offers it that shows problems: asked for, carried out, and judged again."""

from PySide6.QtWidgets import QWidget

from xsmigui.core.problems import Problem
from xsmigui.services import fixes
from xsmigui.services.connections import Connections
from xsmigui.services.drafting import Drafting
from xsmigui.services.store import Store
from xsmigui.ui.dialogs.base import ask


async def mend(parent: QWidget, problem: Problem, store: Store, connections: Connections, drafting: Drafting) -> None:
    """Ask whether a problem is to be mended, and do it. Raises the wire's errors."""
    offer = fixes.offer(problem)
    if offer is not None and await ask(parent, offer.title, offer.question, offer.go, offer.leave):
        await fixes.apply(problem, store.inventory, connections.gateway)
        drafting.ask_again()
