"""A screen and an accessibility bus of our own, and the program driven through them from outside, as a screen reader
drives it: by names, roles and actions. Linux only."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

LAUNCHERS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")
ATSPI = "org.a11y.atspi"
ROOT = "/org/a11y/atspi/accessible/root"
PATIENCE = 30.0
MANY = 30
ACTIVE, SELECTED, ENABLED, SHOWING, CHECKED, FOCUSED = 1, 23, 8, 25, 4, 12
"""Numbers of states in AT-SPI's bit field."""


def missing() -> str:
    """What this computer lacks for it; empty where nothing is."""
    if sys.platform != "linux":
        return "AT-SPI is Linux's"
    lacks = [tool for tool in ("Xvfb", "dbus-daemon") if shutil.which(tool) is None]
    if not any(Path(path).exists() for path in LAUNCHERS):
        lacks.append("at-spi-bus-launcher")
    return f"not installed: {', '.join(lacks)}" if lacks else ""


class Screen:
    """Xvfb, a session bus and its accessibility bus."""

    def __init__(self, size: str = "1280x800") -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
        self._folder = tempfile.mkdtemp(prefix="xsmigui-screen-")  # for the sockets of the bus
        self.environment["XDG_RUNTIME_DIR"] = self._folder
        try:
            read, write = os.pipe()
            options = ["-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
            self._start("Xvfb", "-displayfd", str(write), *options, keep=write)
            self.environment["DISPLAY"] = f":{_line(read)}"
            read, write = os.pipe()
            self._start("dbus-daemon", "--session", "--nofork", f"--print-address={write}", keep=write)
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = _line(read)
            launcher = next(path for path in LAUNCHERS if Path(path).exists())
            self._start(launcher, "--launch-immediately")
            self.bus = open_dbus_connection(self._bus_address())
        except BaseException:
            self.close()
            raise

    def _start(self, *command: str, keep: int | None = None) -> None:
        self._processes.append(
            subprocess.Popen(
                command,
                env=self.environment,
                pass_fds=[keep] if keep is not None else [],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        if keep is not None:
            os.close(keep)

    def _bus_address(self) -> str:
        with open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"]) as session:
            launcher = DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus")
            bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
            there = new_method_call(bus, "NameHasOwner", "s", ("org.a11y.Bus",))
            # Asked before, the message bus would start another launcher, which nobody ends.
            wait_for(lambda: session.send_and_get_reply(there, timeout=5).body[0], what="the accessibility bus")

            def ask() -> str:
                reply = session.send_and_get_reply(new_method_call(launcher, "GetAddress"), timeout=5)
                return str(reply.body[0]) if reply.header.message_type is MessageType.method_return else ""

            return str(wait_for(ask))

    def close(self) -> None:
        if hasattr(self, "bus"):
            self.bus.close()
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _line(read: int) -> str:
    with os.fdopen(read) as pipe:
        return pipe.readline().strip()


def wait_for(condition: Callable[[], Any], patience: float = PATIENCE, what: str = "it") -> Any:
    """Ask until the answer is something; answers it. What vanishes while it is looked at is asked for again."""
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(Gone):
            if found := condition():
                return found
        assert time.monotonic() < deadline, f"{what} did not happen within {patience} s"
        time.sleep(0.05)


class Gone(Exception):
    """The object is no longer there."""


@dataclass(frozen=True)
class Thing:
    """An accessible object of the program."""

    bus: DBusConnection
    owner: str
    path: str

    def call(self, interface: str, method: str, signature: str | None = None, *body: Any) -> Any:
        address = DBusAddress(self.path, self.owner, interface)
        reply = self.bus.send_and_get_reply(new_method_call(address, method, signature, body), timeout=PATIENCE)
        if reply.header.message_type is MessageType.error:
            raise Gone(f"{interface}.{method} of {self.path}: {reply.body}")
        return reply.body[0] if reply.body else None

    def get(self, name: str, interface: str = f"{ATSPI}.Accessible") -> Any:
        return self.call("org.freedesktop.DBus.Properties", "Get", "ss", interface, name)[1]

    @property
    def name(self) -> str:
        return str(self.get("Name"))

    @property
    def id(self) -> str:
        return str(self.get("AccessibleId")).rsplit(".", 1)[-1]

    @property
    def role(self) -> str:
        return str(self.call(f"{ATSPI}.Accessible", "GetRoleName"))

    def interfaces(self) -> list[str]:
        return [str(one).removeprefix(f"{ATSPI}.") for one in self.call(f"{ATSPI}.Accessible", "GetInterfaces")]

    def has(self, state: int) -> bool:
        low, high = self.call(f"{ATSPI}.Accessible", "GetState")
        return bool((low | high << 32) >> state & 1)

    def children(self) -> list[Thing]:
        return [Thing(self.bus, *one) for one in self.call(f"{ATSPI}.Accessible", "GetChildren")]

    def walk(self) -> Iterator[Thing]:
        """This and everything below; what goes meanwhile is left out."""
        yield self
        try:
            children = self.children()
        except Gone:
            return
        for child in children:
            yield from child.walk()

    def widgets(self) -> Iterator[Thing]:
        """The same without the many lines of lists, trees and tables."""
        yield self
        try:
            children = self.children()
            if len(children) > MANY and self.role in ("list", "tree", "table"):
                return
        except Gone:
            return
        for child in children:
            yield from child.widgets()

    def actions(self) -> list[str]:
        return [one[0] for one in self.call(f"{ATSPI}.Action", "GetActions")]

    def act(self, *names: str) -> None:
        """Do the first of these actions that it has."""
        known = self.actions()
        wanted = next((n for n in names if n in known), None)
        assert wanted is not None, f"{self.id} {self.role} can only {known}"
        self.call(f"{ATSPI}.Action", "DoAction", "i", known.index(wanted))

    def press(self) -> None:
        self.act("Press", "Toggle", "click")

    def write(self, text: str) -> None:
        assert self.call(f"{ATSPI}.EditableText", "SetTextContents", "s", text)

    def text(self) -> str:
        return str(self.call(f"{ATSPI}.Text", "GetText", "ii", 0, -1))

    def select_child(self, row: int) -> None:
        assert self.call(f"{ATSPI}.Selection", "SelectChild", "i", row)


SHIFT, CONTROL = 50, 37
"""The keys' numbers on the screen's keyboard."""

DOWN, END, ENTER, ESCAPE = 0xFF54, 0xFF57, 0xFF0D, 0xFF1B
"""What keys mean, by X11's names of them."""

_PRESSED, _RELEASED, _MEANT, _WRITTEN = 0, 1, 3, 4


@dataclass(frozen=True)
class Hand:
    """Mouse, wheel and keyboard of a screen, moved by its accessibility bus."""

    bus: DBusConnection

    def _call(self, method: str, signature: str, *body: Any) -> None:
        path = "/org/a11y/atspi/registry/deviceeventcontroller"
        address = DBusAddress(path, f"{ATSPI}.Registry", f"{ATSPI}.DeviceEventController")
        reply = self.bus.send_and_get_reply(new_method_call(address, method, signature, body), timeout=PATIENCE)
        assert reply.header.message_type is not MessageType.error, reply.body

    def _mouse(self, thing: Thing, what: str) -> None:
        left, top, width, height = thing.call(f"{ATSPI}.Component", "GetExtents", "u", 0)
        self._call("GenerateMouseEvent", "iis", left + min(width // 2, 60), top + height // 2, what)

    def click(self, thing: Thing) -> None:
        self._mouse(thing, "b1c")

    def hold_and_click(self, thing: Thing, *held: int) -> None:
        """Click on it while keys are held."""
        for number in held:
            self._call("GenerateKeyboardEvent", "isu", number, "", _PRESSED)
        self.click(thing)
        for number in held:
            self._call("GenerateKeyboardEvent", "isu", number, "", _RELEASED)

    def wheel(self, thing: Thing, down: bool = True) -> None:
        """Turn the wheel over it."""
        self._mouse(thing, "b5c" if down else "b4c")

    def key(self, meaning: int | str, *held: int) -> None:
        """Press a key while others are held."""
        for number in held:
            self._call("GenerateKeyboardEvent", "isu", number, "", _PRESSED)
        self._call("GenerateKeyboardEvent", "isu", ord(meaning) if isinstance(meaning, str) else meaning, "", _MEANT)
        for number in held:
            self._call("GenerateKeyboardEvent", "isu", number, "", _RELEASED)

    def write(self, text: str) -> None:
        self._call("GenerateKeyboardEvent", "isu", 0, text, _WRITTEN)


class Outside:
    """The program in a process of its own, seen through the bus."""

    def __init__(self, screen: Screen, home: Path, *arguments: str) -> None:
        environment = {
            **screen.environment,
            "XSMIGUI_HOME": str(home),
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "QT_QPA_PLATFORM": "xcb",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        program = [sys.executable, "-m", "xsmigui", "--lang", "en", *arguments]
        self.environment = environment
        self.process = subprocess.Popen(program, env=environment, stdin=subprocess.DEVNULL)
        self._screen = screen
        self.hand = Hand(screen.bus)
        self.root: Thing = wait_for(self._find, what="the program on the accessibility bus")

    def _find(self) -> Thing | None:
        assert self.process.poll() is None, "the program ended by itself"
        desktop = Thing(self._screen.bus, f"{ATSPI}.Registry", ROOT)
        try:
            for one in desktop.children():
                if self._pid(one.owner) == self.process.pid:
                    return one
        except Gone:
            return None
        return None

    def _pid(self, owner: str) -> int:
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        call = new_method_call(bus, "GetConnectionUnixProcessID", "s", (owner,))
        reply = self._screen.bus.send_and_get_reply(call, timeout=5)
        return int(reply.body[0]) if reply.header.message_type is MessageType.method_return else -1

    def seek(self, name: str, below: Thing | None = None) -> Thing | None:
        """The object of this objectName that shows, if there is one now."""
        for thing in (below or self.root).widgets():
            try:
                if thing.id == name and thing.has(SHOWING):
                    return thing
            except Gone:
                continue
        return None

    def find(self, name: str, below: Thing | None = None, patience: float = PATIENCE) -> Thing:
        found: Thing = wait_for(lambda: self.seek(name, below), patience, f"a widget named {name}")
        return found

    def gone(self, name: str) -> None:
        wait_for(lambda: self.seek(name) is None, what=f"{name} away")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
