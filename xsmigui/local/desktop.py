"""Notifications of the desktop, by its message bus (Desktop Notifications Specification 1.2): they need no place in a
tray, which many desktops have not. A click on one is heard."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from xsmigui.core.text import _

if TYPE_CHECKING:
    from jeepney.io.asyncio import DBusConnection, DBusRouter

NAME: Final = "org.freedesktop.Notifications"
PATH: Final = "/org/freedesktop/Notifications"
PATIENCE_S: Final = 3.0
"""Seconds for the desktop's answer."""

AS_LONG_AS_USUAL: Final = -1
"""The desktop decides how long it shows a notification."""

CLICK: Final = "default"
"""The action of a click on the notification itself."""

MOST_UNREAD: Final = 100
"""Notifications that are remembered for a click on them."""


class Desktop:
    """Shows notifications and calls `on_click` with the subject of one that was clicked. Its connection stays open
    from the first one on: gnome-shell takes away what it shows for a program that has left the bus
    (js/ui/notificationDaemon.js, `_onNameVanished`)."""

    def __init__(self, on_click: Callable[[str], object]) -> None:
        self._on_click = on_click
        self._subjects: dict[int, str] = {}
        self._bus: DBusConnection | None = None
        self._router: DBusRouter | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def notify(self, title: str, text: str, subject: str) -> bool:
        """Show a notification; False where there is nobody to show it."""
        if sys.platform != "linux" or not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
            return False
        async with self._turn:
            for _attempt in range(2):  # a bus that was left from the other side is entered once more
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        if self._router is None:
                            await self._enter()
                        return await self._shown(title, text, subject)
                except Exception:
                    await self.close()
        return False

    async def _enter(self) -> None:
        """Join the bus, and listen."""
        from jeepney import MatchRule, message_bus
        from jeepney.io.asyncio import DBusRouter, open_dbus_connection

        self._bus = await open_dbus_connection("SESSION")
        self._router = router = DBusRouter(self._bus)
        rule = MatchRule(type="signal", interface=NAME, path=PATH)
        heard: asyncio.Queue[Any] = asyncio.Queue(MOST_UNREAD)
        router.filter(rule, queue=heard)
        self._hearing = asyncio.create_task(self._hear(heard), name="notifications")
        await router.send_and_get_reply(message_bus.AddMatch(rule))

    async def _shown(self, title: str, text: str, subject: str) -> bool:
        from jeepney import DBusAddress, MessageType, new_method_call

        assert self._router is not None
        hints = {"desktop-entry": ("s", "xsmigui")}
        actions = [CLICK, _("Show")]
        body: tuple[object, ...] = ("xsmigui", 0, "xsmigui", title, text, actions, hints, AS_LONG_AS_USUAL)
        call = new_method_call(DBusAddress(PATH, NAME, NAME), "Notify", "susssasa{sv}i", body)
        reply = await self._router.send_and_get_reply(call)
        if reply.header.message_type is not MessageType.method_return:
            return False
        self._subjects[reply.body[0]] = subject
        while len(self._subjects) > MOST_UNREAD:
            del self._subjects[next(iter(self._subjects))]
        return True

    async def _hear(self, heard: "asyncio.Queue[Any]") -> None:
        """Follow what the desktop tells of the notifications."""
        from jeepney import HeaderFields

        while True:
            message = await heard.get()
            if not message.body or message.body[0] not in self._subjects:
                continue
            match message.header.fields.get(HeaderFields.member):
                case "ActivationToken":  # with it a window may come to the front under Wayland
                    os.environ["XDG_ACTIVATION_TOKEN"] = str(message.body[1])
                case "ActionInvoked" if message.body[1] == CLICK:
                    self._on_click(self._subjects.pop(message.body[0]))
                case "NotificationClosed":
                    self._subjects.pop(message.body[0], None)

    async def close(self) -> None:
        """Leave the bus."""
        bus, router, hearing = self._bus, self._router, self._hearing
        self._bus = self._router = self._hearing = None
        self._subjects.clear()
        if hearing is not None:
            hearing.cancel()
            await asyncio.wait([hearing])
        if router is not None:
            with contextlib.suppress(Exception):
                async with router:
                    pass
        if bus is not None:
            with contextlib.suppress(Exception):
                await bus.close()
