"""Notifications of the desktop, by its message bus (Desktop Notifications Specification 1.2): they need no place in a
tray, which many desktops have not."""

import os
import sys
from typing import Final

NAME: Final = "org.freedesktop.Notifications"
PATH: Final = "/org/freedesktop/Notifications"
PATIENCE_S: Final = 3.0
"""Seconds for the desktop's answer."""

AS_LONG_AS_USUAL: Final = -1
"""The desktop decides how long it shows a notification."""


def notify(title: str, text: str) -> bool:
    """Show a notification; False where there is nobody to show it. Waits for the desktop: not for the loop's thread."""
    if sys.platform != "linux" or not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return False
    try:
        return _asked_of_the_bus(title, text)
    except Exception:
        return False


def _asked_of_the_bus(title: str, text: str) -> bool:
    from jeepney import DBusAddress, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    hints = {"desktop-entry": ("s", "xsmigui")}
    body: tuple[object, ...] = ("xsmigui", 0, "xsmigui", title, text, [], hints, AS_LONG_AS_USUAL)
    with open_dbus_connection("SESSION") as bus:
        call = new_method_call(DBusAddress(PATH, NAME, NAME), "Notify", "susssasa{sv}i", body)
        reply = bus.send_and_get_reply(call, timeout=PATIENCE_S)
    return bool(reply.header.message_type is MessageType.method_return)
