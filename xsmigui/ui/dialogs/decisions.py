"""What only a person can decide, asked one question after the other."""

import asyncio

from PySide6.QtWidgets import QWidget

from xsmigui.core.failures import CertificateChanged, CertificateUnknown
from xsmigui.core.ports import Address
from xsmigui.ui.dialogs.certificates import ask_trust
from xsmigui.ui.dialogs.servers import ask_password


class WindowDecisions:
    """The `Decisions` of `services.connections`, by dialogs over the window."""

    def __init__(self) -> None:
        self.parent: QWidget | None = None
        self._one = asyncio.Lock()

    async def password(self, address: Address, message: str) -> str | None:
        async with self._one:
            return await ask_password(self.parent, address, message)

    async def trust(self, failure: CertificateUnknown | CertificateChanged) -> bool:
        async with self._one:
            return await ask_trust(self.parent, failure)
