"""The window's composition root: the only place that knows every room.

The window shows before anything of the network is imported (they take a quarter of a second); the wire comes when the
first server is spoken to.
"""

import asyncio
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QLibraryInfo, QTimer, QTranslator
from PySide6.QtWidgets import QApplication

from xsmigui import __version__
from xsmigui.console import INTERRUPTED, say
from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.journal import SetAside, unreadable_text
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address, Gateway, Trusted, Wire
from xsmigui.core.preferences import Settings
from xsmigui.core.proxies import Proxy, ProxyOf
from xsmigui.core.text import _, use, use_zone
from xsmigui.local import languages, logs, memory, paths, processes, support
from xsmigui.local.clock import SystemClock
from xsmigui.local.demo import DemoSite, NoKeyring
from xsmigui.local.desktop import Desktop
from xsmigui.local.journal import JournalFile
from xsmigui.local.keyring import Keyring
from xsmigui.local.proxies import proxies
from xsmigui.local.settings import SettingsFile
from xsmigui.local.successor import Successor
from xsmigui.local.trust import TrustFile
from xsmigui.local.unhurried import PatientNames
from xsmigui.services.asking import Asker
from xsmigui.services.connections import Connections
from xsmigui.services.desk import Desk
from xsmigui.services.following import Following
from xsmigui.services.history import History
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store
from xsmigui.services.succession import decode_answer, inheritance
from xsmigui.ui import style
from xsmigui.ui.dialogs.base import tell
from xsmigui.ui.dialogs.decisions import WindowDecisions
from xsmigui.ui.icons import Icons
from xsmigui.ui.loop import EventLoop, every
from xsmigui.ui.window.demonstration import mark
from xsmigui.ui.window.main import MainWindow
from xsmigui.ui.window.services import Services

log = logging.getLogger(__name__)

PICTURE_EVERY: Final = 2.0
"""Seconds between two pictures of a screen that nobody sees."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says: the embedded demo and the language; for `selftest`, to close the window when it has
    been shown; on a virtual screen, the file that a picture of the demo is kept in."""

    demo: bool = False
    language: str = ""
    self_test: bool = False
    picture: Path | None = None


class _Loop(PatientNames, EventLoop):
    """The window's loop, which a silent name server does not hold up at its end."""


class LateWire:
    """The `Wire` of `core.ports`, whose libraries are imported when it is first used, in a thread."""

    def __init__(self, proxy_of: ProxyOf) -> None:
        self._proxy_of = proxy_of

    async def login(
        self, address: Address, password: str, trusted: Trusted, dead: frozenset[str] = frozenset()
    ) -> Gateway:
        wire = await asyncio.to_thread(_wire, self._proxy_of)
        return await wire.login(address, password, trusted, dead)


def _wire(proxy_of: ProxyOf) -> Wire:
    from xsmigui.xapi.connection import XapiWire

    return XapiWire(proxy_of=proxy_of)


class Program:
    """The window with its services, from the start to the end."""

    def __init__(self, app: QApplication, options: Options, home: Path) -> None:
        self._app = app
        self._for_windows: list[Callable[[MainWindow], object]] = []
        self._options = options
        self.settings = SettingsFile(home)
        resources = paths.resources()
        self._language = languages.preferred(options.language, self.settings.now.language)
        use(languages.catalogue(self._language, resources))
        use_zone(lambda moment: moment.astimezone())
        self._translator = _translate_qt(app, self._language)
        logs.be(self.settings.now.log_level)
        if self.settings.now.theme:
            style.apply(app, self.settings.now.theme)
        clock = SystemClock()
        self.trust = TrustFile(home)
        self._decisions = WindowDecisions()
        self._secrets = NoKeyring() if options.demo else Keyring()
        self._has_keyring = False
        self.store = Store()
        self.connections = Connections(
            self.store, LateWire(self._proxy_of), self.trust, self._secrets, self._decisions, clock
        )
        asker = Asker(self.connections.gateway)
        self._journal = JournalFile(home, self._journal_set_aside)
        self.jobs = Jobs(self.store, self.connections, asker, clock, self._journal)
        self.jobs.limit = min(max(self.settings.now.storage_limit, 1), MOST_STORAGE_MIGRATIONS)
        self.following = Following(self.jobs, self._journal, clock)
        self.history = History(self.jobs, self._journal)
        self._successor: Successor | None = None
        self._desktop = Desktop(lambda job: self.window.notices.come(job))
        self._demo = DemoSite() if options.demo else None
        self._ended = asyncio.Event()
        self._services = Services(
            self.store,
            self.connections,
            self.jobs,
            clock,
            Desk(self.store, self.connections, asker, clock, self.jobs),
            self.settings,
            languages.LANGUAGES,
            str(home),
            lambda: self._has_keyring,
            lambda: languages.guide(self._language, resources),
            lambda: support.bundle(home, clock.now()),
            self._apply,
            None if options.demo else processes.open_demo,
            lambda: support.about(clock.now()),
            self.following,
            self.history,
            self._desktop.notify,
            None if options.demo else lambda: self._succeed(self._language),
        )
        self._icons = Icons(resources / "icons")
        self.window = self._made()
        self.status = 0

    def _made(self) -> MainWindow:
        """A window in the language of the moment."""
        window = MainWindow(self._services, self._icons, self._ended.set)
        self._decisions.parent = window
        if self._options.demo:
            mark(window)
        for do in self._for_windows:
            do(window)
        return window

    def each_window(self, do: Callable[[MainWindow], object]) -> None:
        """Do this for the window, and for those that come after it in other languages."""
        self._for_windows.append(do)
        do(self.window)

    def _apply(self, before: Settings) -> None:
        """Follow the settings that the operator has changed; a window in another language is another window."""
        now = self.settings.now
        logs.be(now.log_level)
        self.jobs.limit = min(max(now.storage_limit, 1), MOST_STORAGE_MIGRATIONS)
        language = languages.preferred(now.language)
        if now.language != before.language and language != self._language:
            self._changing = asyncio.get_running_loop().create_task(self._speak(language), name="language")

    async def _speak(self, language: str) -> None:
        self._language = language
        use(languages.catalogue(language, paths.resources()))
        self._app.removeTranslator(self._translator)
        self._translator = _translate_qt(self._app, language)
        old = self.window
        old.keep()
        self.window = self._made()
        self.window.show()
        self.window.succeed(old)
        self.window.bridge.begin()
        self.window.activity.refresh()
        await old.retire(self.window)

    def _proxy_of(self, url: str) -> Proxy | None:
        """As the settings say at this moment; the demo is on this computer."""
        return None if self._demo is not None else proxies(self.settings.now)(url)

    async def run(self) -> int:
        """Until the window has been closed; the answer is `status`."""
        tasks = [
            asyncio.create_task(self._start(), name="start"),
            asyncio.create_task(self.following.run(), name="following"),
        ]
        try:
            await self._ended.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.window.stop()
            await self._desktop.close()
            await self._leave_jobs()
            await self._journal.close()
            await self.connections.shut_down()
            if self._demo is not None:
                await self._demo.stop()
            use_zone(None)
        return self.status

    async def _leave_jobs(self) -> None:
        """What runs in servers goes on there; the rest waits for the next start, unless another process goes on."""
        if self._successor is None:
            await self.jobs.shut_down()
            return
        try:
            await self.jobs.hand_over()
        except OSError as error:
            log.error("the jobs were not handed over in good order: %s", error)
        self._successor.leave()

    async def _succeed(self, language: str) -> str:
        """Start the process that goes on with the jobs when this one has ended; why it cannot, empty if it is ready."""
        successor = Successor("--lang", language, "jobs", "--carry-on", "--handed-over")
        try:
            answer = decode_answer(await successor.start(inheritance(self.connections, self.jobs).encode()))
        except (OSError, TimeoutError, ValueError) as error:
            log.error("no process that goes on without the window: %s", error)
            return f"{str(error) or type(error).__name__}."
        if not answer.ready:
            await successor.stop()
            return f"{answer.reason}."
        self._successor = successor
        return ""

    async def _start(self) -> None:
        """Connect the servers of the last time, or the demo's, and take up the jobs that were left unfinished."""
        self._has_keyring = await self._secrets.available()
        if self._demo is not None:
            await self._start_demo(self._demo)
            return
        for server in self.settings.now.servers:
            self.connections.remember(server.address, server.name, server.connect, dict(server.members))
        try:
            await self.jobs.take_up()
            await self.history.load(self.settings.now.cleared_at)
            unreadable = await self.jobs.unreadable()
            self.window.activity.refresh()
            known = self.settings.now.told
            if text := unreadable_text(bad for bad in unreadable if bad.id not in known):
                self.settings.change(told=tuple(bad.id for bad in unreadable))
                await tell(self.window, _("Journal"), text)
        except OSError as error:
            log.error("%s", error)
            text = _("The journal cannot be used, so nothing can be started: {reason}", reason=str(error))
            await tell(self.window, _("Journal"), text)

    def _journal_set_aside(self, aside: SetAside) -> None:
        self.window.say(_("Journal"), aside.sentence())

    async def _start_demo(self, demo: DemoSite) -> None:
        try:
            served = await demo.start()
            for pool in served:
                self.trust.trust(pool.url, pool.fingerprint)
            await asyncio.gather(
                *(self.connections.add(Address(p.url, p.user), p.password, keep=False) for p in served)
            )
            if self._options.picture is not None:
                _keep_picture(self, self._options.picture)
        except (OSError, TimeoutError) as error:
            log.warning("the demo did not start: %s", error)
            text = _("The simulated site did not start: {reason}", reason=str(error) or type(error).__name__)
            await tell(self.window, _("Demo"), text)

    def is_connected(self) -> bool:
        """Every server is loaded."""
        servers = self.connections.servers()
        return bool(servers) and all(server.link is Link.connected for server in servers)


def _translate_qt(app: QApplication, language: str) -> QTranslator:
    """The toolkit's own words (context menus, file dialogs) in the program's language too."""
    translator = QTranslator(app)
    if translator.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(translator)
    return translator


def run(options: Options) -> int:
    """Show the window until it is closed; the answer is the process's exit status."""
    demo_home = tempfile.mkdtemp(prefix="xsmigui-demo-") if options.demo else ""
    home = Path(demo_home) if demo_home else paths.home()
    written = logs.start(home)
    app = QApplication.instance() or QApplication(["xsmigui"])
    assert isinstance(app, QApplication)
    app.setApplicationName("xsmigui")
    app.setDesktopFileName("xsmigui")
    app.setQuitOnLastWindowClosed(False)  # the loop ends after the logout, not with the last window
    style.apply(app)
    loop = _Loop(app)
    asyncio.set_event_loop(loop)
    try:
        with loop:
            memory.collect()  # of windows, which come and go with languages, nothing is to stay
            program = Program(app, options, home)
            loop.set_exception_handler(lambda _loop, context: _unforeseen(program, context))
            _end_by_signal(program)
            program.window.show()
            log.info("xsmigui %s shows its window (%s)", __version__, app.platformName())
            if options.self_test:
                QTimer.singleShot(0, program.window.close)
            return int(loop.run_until_complete(program.run()))
    finally:
        asyncio.set_event_loop(None)
        logs.end(written)
        if demo_home:
            shutil.rmtree(demo_home, ignore_errors=True)


def tell_only(text: str) -> None:
    """Say why there is no window, where there is no console to say it on."""
    app = QApplication.instance() or QApplication(["xsmigui"])
    memory.collect()
    with _Loop(app) as loop:
        loop.run_until_complete(tell(None, "xsmigui", text))


def _keep_picture(program: Program, file: Path) -> None:
    """Where nobody can see the screen, a picture of it is written, and again and again."""
    fresh = file.with_name(f".{file.name}")

    def take(window: MainWindow) -> None:
        if not window.isVisible():
            return
        picture = window.screen().grabWindow(0)
        if picture.isNull():  # offscreen there is no picture of all windows
            picture = window.grab()
        is_first = not file.exists()
        if picture.save(str(fresh), "PNG"):
            os.replace(fresh, file)
            if is_first:
                say(_("A picture of the window: {file}", file=file))

    program.each_window(lambda window: every(int(1000 * PICTURE_EVERY), window, lambda: take(window)))


def _unforeseen(program: Program, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException):
        program.window.present(error)
    else:
        log.error("unforeseen: %s", context.get("message"))


def _end_by_signal(program: Program) -> None:
    """Signals end the program in good order and without a question: nobody may be there to answer it.

    A signal comes between any two instructions, in the middle of the loop's own work too; so it is only noted, and a
    timer acts on it, as an event like any other. The timer also lets Python run now and then: it hears of signals
    only when it runs.
    """
    seen: list[int] = []
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup, a script's background
            signal.signal(number, lambda number, _frame: seen.append(number))

    def look() -> None:
        if seen:
            program.status = INTERRUPTED if seen[0] == signal.SIGINT else 0
            program.window.end()

    program.each_window(lambda window: every(200, window, look))
