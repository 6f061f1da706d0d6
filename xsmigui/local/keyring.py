"""Passwords in the desktop's keyring, and nowhere else.

Where there is no keyring (no secret service, a locked one, a bare server) nothing is kept and the program asks each
time. The keyring package may block on the desktop's dialogs, so it runs in a thread; it is imported there too, since
that alone takes a tenth of a second.
"""

import logging
from typing import Any, Final

from xsmigui.core.ports import Address
from xsmigui.local.unhurried import apart

log = logging.getLogger(__name__)

SERVICE: Final = "xsmigui"


def _account(address: Address) -> str:
    return f"{address.user}@{address.url}"


def _backend() -> Any | None:
    """The keyring in use; None if only stand-ins are left (`fail`, `null`) or files in clear text."""
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, (fail.Keyring, null.Keyring)) or getattr(backend, "priority", 0) < 1:
        return None
    return backend


class Keyring:
    """The `SecretStore` of `core.ports`."""

    async def available(self) -> bool:
        return await apart(self._available)

    def _available(self) -> bool:
        try:
            return _backend() is not None
        except Exception as error:
            log.warning("no keyring: %s", type(error).__name__)
            return False

    async def get(self, address: Address) -> str | None:
        return await apart(lambda: self._get(address))

    def _get(self, address: Address) -> str | None:
        try:
            backend = _backend()
            found = backend.get_password(SERVICE, _account(address)) if backend else None
            return str(found) if found is not None else None
        except Exception as error:
            log.warning("the keyring does not answer: %s", type(error).__name__)
            return None

    async def put(self, address: Address, password: str) -> bool:
        return await apart(lambda: self._put(address, password))

    def _put(self, address: Address, password: str) -> bool:
        try:
            backend = _backend()
            if backend is None:
                return False
            backend.set_password(SERVICE, _account(address), password)
            return True
        except Exception as error:
            log.warning("the keyring keeps nothing: %s", type(error).__name__)
            return False

    async def forget(self, address: Address) -> None:
        await apart(lambda: self._forget(address))

    def _forget(self, address: Address) -> None:
        try:
            backend = _backend()
            if backend is not None and backend.get_password(SERVICE, _account(address)) is not None:
                backend.delete_password(SERVICE, _account(address))
        except Exception as error:
            log.warning("the keyring does not answer: %s", type(error).__name__)
