"""`xsmigui --self-test`: does this installation have everything it needs?

A line for each check on stdout, 0 where all are fine, else 1. Nothing of the operator's is touched: settings, trusted
certificates and logs of the checks lie in a folder that is removed at the end, and the only servers spoken to are the
simulated ones that the program starts itself. Without a display the window opens on Qt's offscreen platform.

The modules are imported by the checks: what is missing is a check that failed, not a self-test that did not start.
"""

import asyncio
import importlib
import os
import platform
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xsmigui import __version__
from xsmigui.core.text import N_, _, joined
from xsmigui.local import languages, paths, streams

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon

MODULES: Final = ("PySide6", "aiohttp", "cryptography", "defusedxml", "keyring", "msgspec", "qasync")
PLATFORM: Final = "QT_QPA_PLATFORM"

VM, POOL = "db-postgres", "Lisboa"
SPEED: Final = "0"
"""Of simulated time: as fast as it can."""

WITHIN: Final = 60.0
"""Seconds that the migration may take, from the simulator's start to its end."""


class Failed(Exception):
    """What a check found wrong, as a sentence."""


class Report:
    """The lines of the checks. A program without a console (Windows) keeps them in a file instead."""

    def __init__(self, folder: Path) -> None:
        self.fine = True
        self.lines: list[str] = []
        self._file = folder / "self-test.txt" if not streams.is_given(sys.stdout) else None
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def say(self, text: str) -> None:
        self.lines.append(text)
        if self._file is None:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        else:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    def check(self, name: str, check: Callable[[], str]) -> None:
        """Carry out one check, and say what it found; whatever it raises is a failure."""
        started = time.monotonic()
        try:
            found, word = check(), _("fine")
        except Failed as error:
            found, word, self.fine = str(error), _("FAILED"), False
        except Exception as error:
            found, word, self.fine = f"{type(error).__name__}: {error}", _("FAILED"), False
        self.say(f"{name}: {word}. {found} ({time.monotonic() - started:.1f} s)")


def run(language: str = "") -> int:
    """Every check; the answer is the process's exit status."""
    report = Report(paths.home())
    examine(report, language)
    return 0 if report.fine else 1


def examine(report: Report, language: str) -> None:
    """Every check, in the report."""
    report.say(f"xsmigui {__version__}")
    report.say(f"Python {platform.python_version()}, {platform.platform()}, {ssl.OPENSSL_VERSION}")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault(PLATFORM, "offscreen")
    with _home_of_its_own() as home:
        report.check(_("Modules"), modules)
        report.check(_("Translations"), translations)
        report.check(_("Keyring"), keyring)
        report.check(_("Icons"), icons)
        report.check(_("Guide"), guides)
        report.check(_("Window"), lambda: window(language))
        report.check(_("Migration"), lambda: asyncio.run(migration(home)))
    report.say(_("Everything is fine.") if report.fine else _("Something is missing."))


@contextmanager
def _home_of_its_own() -> Iterator[Path]:
    """An empty folder of settings for as long as this lasts."""
    before = os.environ.get("XSMIGUI_HOME")
    with tempfile.TemporaryDirectory(prefix="xsmigui-self-test-", ignore_cleanup_errors=True) as folder:
        os.environ["XSMIGUI_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["XSMIGUI_HOME"]
            else:
                os.environ["XSMIGUI_HOME"] = before


def modules() -> str:
    """Every library can be imported."""
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except Exception as error:
            missing.append(f"{name} ({error})")
    if missing:
        raise Failed(_("These cannot be imported: {names}.", names=", ".join(missing)))
    return joined(MODULES, len(MODULES))


def translations() -> str:
    """Every language of the interface has its catalogue, and it is not empty."""
    probe = N_("Everything is fine.")
    for language in languages.LANGUAGES:
        catalogue = languages.catalogue(language, paths.resources())
        if language != "en" and (type(catalogue) is NullTranslations or catalogue.gettext(probe) == probe):
            raise Failed(_("There is no catalogue for {language}.", language=languages.LANGUAGES[language]))
    return joined(tuple(languages.LANGUAGES.values()))


def keyring() -> str:
    """The keyring is looked for. That there is none is no failure: passwords are asked for then."""
    from keyring import get_keyring

    from xsmigui.local.keyring import Keyring

    found = type(get_keyring()).__module__
    if asyncio.run(Keyring().available()):
        return found
    return _("{name}: passwords are not stored here", name=found)


def icons() -> str:
    """Every icon can be drawn."""
    from PySide6.QtWidgets import QApplication

    from xsmigui.ui.icons import Icons

    _app = QApplication.instance() or QApplication(["xsmigui"])
    folder = paths.resources() / "icons"
    names = sorted(path.stem for path in folder.glob("*.svg"))
    load = Icons(folder)
    empty = [name for name in names if not _is_drawn(load(name))]
    if not names:
        raise Failed(_("There are no icons in {folder}.", folder=folder))
    if empty:
        raise Failed(_("These icons are empty: {names}.", names=", ".join(empty)))
    return str(len(names))


def _is_drawn(icon: "QIcon") -> bool:
    """Some pixel is not transparent."""
    image = icon.pixmap(32, 32).toImage()
    return any(image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height()))


def guides() -> str:
    """The operators' guide in every language."""
    for language in languages.LANGUAGES:
        if len(languages.guide(language, paths.resources()).chapters) < 2:
            raise Failed(language)
    return ", ".join(languages.LANGUAGES)


def window(language: str) -> str:
    """The window opens and closes."""
    from PySide6.QtCore import qVersion
    from PySide6.QtWidgets import QApplication

    from xsmigui.app import Options
    from xsmigui.app import run as show

    status = show(Options(language=language, self_test=True))
    if status != 0:
        raise Failed(_("It ended with status {status}.", status=status))
    return f"Qt {qVersion()}, {QApplication.platformName()}"


async def migration(home: Path) -> str:
    """A VM moves between two simulated pools, over HTTPS with their certificates pinned, and is read back."""
    from xsmigui.core.jobs import State
    from xsmigui.core.migration.selection import Asked, draft_from
    from xsmigui.core.ports import Address
    from xsmigui.local.clock import SystemClock
    from xsmigui.local.demo import DemoSite, NoKeyring
    from xsmigui.local.journal import JournalFile
    from xsmigui.local.trust import TrustFile
    from xsmigui.services.asking import Asker
    from xsmigui.services.connections import Connections
    from xsmigui.services.drafting import Drafting
    from xsmigui.services.jobs import Jobs
    from xsmigui.services.store import Store
    from xsmigui.xapi.connection import XapiWire

    simulated = DemoSite("--speed", SPEED)
    trust, store, clock = TrustFile(home), Store(), SystemClock()
    connections = Connections(store, XapiWire(), trust, NoKeyring(), _Nobody(), clock)
    asker = Asker(connections.gateway)
    journal = JournalFile(home)
    jobs = Jobs(store, connections, asker, clock, journal)
    try:
        async with asyncio.timeout(WITHIN):
            served = await simulated.start()
            for pool in served:
                trust.trust(pool.url, pool.fingerprint)
                await connections.add(Address(pool.url, pool.user), pool.password, keep=False)
            drafting = Drafting(store, asker, clock, draft_from(store.site(), Asked(vms=(VM,), to=POOL)))
            try:
                plan = (await drafting.settled()).plan
            finally:
                drafting.close()
            if plan is None:
                raise Failed(_("The checks do not allow it."))
            job = await jobs.wait(jobs.start(plan).id)
            if job.state is not State.done:
                raise Failed(joined([vm.message for vm in job.vms]))
            return _("{vm} moved to {pool}", vm=VM, pool=POOL)
    except TimeoutError:
        raise Failed(_("It took more than {seconds} s.", seconds=WITHIN)) from None
    finally:
        await jobs.shut_down()
        await journal.close()
        await connections.shut_down()
        await simulated.stop()


class _Nobody:
    """The `Decisions` of the self-test: what would have to be asked is refused."""

    async def password(self, address: object, message: str) -> str | None:
        return None

    async def trust(self, failure: object) -> bool:
        return False
