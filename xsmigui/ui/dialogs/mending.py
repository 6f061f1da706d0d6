"""A fix at the spot, as every place offers it that shows problems: asked for, carried out, and judged again."""

from PySide6.QtWidgets import QWidget

from xsmigui.core.migration.fixes import Fix, offer
from xsmigui.services import fixes
from xsmigui.services.connections import Connections
from xsmigui.services.drafting import Drafting
from xsmigui.services.store import Store
from xsmigui.ui.dialogs.base import ask


async def mend(parent: QWidget, fix: Fix, store: Store, connections: Connections, drafting: Drafting) -> None:
    """Ask whether a fix is to be done, and do it. Raises the wire's errors."""
    asked = offer(fix)
    if await ask(parent, asked.title, asked.question, asked.go, asked.leave):
        await fixes.apply(fix, store.inventory, connections.gateway)
        drafting.ask_again()
