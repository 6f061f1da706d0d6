"""Is there a screen for a window? Where there is none, Qt aborts with a core dump and without a sentence."""

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Final

from xsmigui.core.text import _

PAUSES: Final = (0.0, 0.1, 0.4)
"""Seconds before each try to reach the X server: one that its last client has left (a virtual one) turns everybody away
for a moment, while it resets."""


def why_no_window() -> str:
    """Why no window can be shown, as a sentence; empty where one can, or where only Qt can tell."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return ""
    display, wayland = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    if not display and not wayland:
        return _("There is no screen to show the window on: neither DISPLAY nor WAYLAND_DISPLAY is set.")
    if (wayland and _is_wayland(wayland)) or (display and _is_x()):
        return ""
    return _("The screen {name} cannot be reached.", name=display or wayland)


def _is_wayland(name: str) -> bool:
    """A name is a socket in the folder of the session."""
    return Path(os.environ.get("XDG_RUNTIME_DIR", ""), name).is_socket()


def _is_x() -> bool:
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # Qt names what it misses
    xcb.xcb_connect.restype = ctypes.c_void_p
    for pause in PAUSES:
        time.sleep(pause)
        connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
        has_failed = xcb.xcb_connection_has_error(connection)
        xcb.xcb_disconnect(connection)
        if not has_failed:
            return True
    return False
