"""What the window works with, put in by `app`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from xsmigui.core.guide import Book
from xsmigui.core.ports import Clock
from xsmigui.core.preferences import Preferences, Settings
from xsmigui.services.connections import Connections
from xsmigui.services.desk import Desk
from xsmigui.services.following import Following
from xsmigui.services.history import History
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """What the window works with."""

    store: Store
    connections: Connections
    jobs: Jobs
    clock: Clock
    desk: Desk
    """What the operator can do, as the command line can."""
    preferences: Preferences
    languages: dict[str, str]
    folder: str
    """Where settings, journal and log lie."""
    has_keyring: Callable[[], bool]
    guide: Callable[[], Book]
    """The operators' guide in the program's language. Raises `OSError`."""
    support: Callable[[], Awaitable[bytes]]
    """What whoever looks for a fault needs, as a .zip without secrets."""
    apply: Callable[[Settings], object]
    """Follow the settings, which the operator has changed from these."""
    demo: Callable[[], object] | None
    """Open the demo in a window of its own; None in the demo itself."""
    versions: Callable[[], str]
    """What the program runs on, a line each."""
    following: Following
    """The jobs that other processes carry out."""
    history: History
    """What ended before this run of the program."""
    notify: Callable[[str, str, str], Awaitable[bool]]
    """Shows a notification of the desktop, of a title, a text and the job that a click on it leads to; False where
    nobody shows it."""
    succeed: Callable[[], Awaitable[str]] | None = None
    """Starts the process that goes on with the jobs without a window, once this one has ended; returns why it cannot,
    empty if it is ready. None if nothing can go on: the demo's servers end with the window."""
