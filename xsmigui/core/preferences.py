"""What the operator has set. No secrets: passwords are in the keyring alone."""

from datetime import datetime
from typing import Final, Protocol

import msgspec

from xsmigui.core.capacity import MOST_STORAGE_MIGRATIONS
from xsmigui.core.migration.draft import KEEP_DAYS
from xsmigui.core.migration.evacuation import DEFAULT_BATCH_SIZE
from xsmigui.core.ports import Address

LONGEST_KEPT: Final = 365
"""Days for which the source of a moved disk may be kept at most."""

MOST_AT_ONCE: Final = 100
"""VMs that may leave a host at once at most."""

LOG_LEVELS: Final = ("warning", "", "debug")
"""What may be chosen; empty is as usual: what was done and what went wrong."""

ON_QUIT: Final = ("", "goOn", "go")
"""What becomes of work that is left when the window is closed: empty asks, ``goOn`` goes on without the window, ``go``
leaves it to the servers and holds what waits."""


class Server(msgspec.Struct, frozen=True):
    """A remembered server. `name` is its pool's, shown while it is not connected; `members` are the pool's hosts with
    the fingerprints of their certificates, for the day on which this one does not answer."""

    url: str
    user: str = "root"
    name: str = ""
    connect: bool = True
    members: dict[str, str] = {}

    @property
    def address(self) -> Address:
        return Address(self.url, self.user)


class Settings(msgspec.Struct, frozen=True):
    """Every setting with its default. `theme` is light, dark, or empty as the system is; `window` and `splitter` are
    the toolkit's own texts; `tables` is the toolkit's text for each table whose columns were drawn, moved or sorted, by
    its name; `storage_limit` is how many storage migrations may leave a pool at once. `proxy` is an HTTP proxy's
    address without a password, ``direct`` for none, empty for what the environment says; `proxy_exceptions` are servers
    reached without it. `told` are the jobs of the journal that cannot be read and that the operator knows of: Activity
    has a line for each, and there is no further word of them at a start. `tabs` has for each kind of object the name of
    the tab that was in sight last; `by_type` shows the tree by type instead of by server; `selected`, `opened` and
    `closed` are lines of the tree, as `ObjectId.text` writes them. New drafts begin with `keep_days`, `prove` and
    `at_once`; `ask_to_migrate` asks before a VM is migrated without the wizard. `on_quit` is one of `ON_QUIT`: what
    becomes of work that is left when the window is closed. `cleared` is the time at which the operator cleared what had
    ended, in UTC; what ended before is not listed again at a start."""

    language: str = ""
    theme: str = ""
    servers: tuple[Server, ...] = ()
    show_templates: bool = False
    show_snapshots: bool = False
    show_local_srs: bool = True
    by_type: bool = False
    window: str = ""
    splitter: str = ""
    storage_limit: int = MOST_STORAGE_MIGRATIONS
    tables: dict[str, str] = {}
    proxy: str = ""
    proxy_exceptions: str = ""
    told: tuple[str, ...] = ()
    tabs: dict[str, str] = {}
    keep_days: int = KEEP_DAYS
    prove: bool = False
    at_once: int = DEFAULT_BATCH_SIZE
    ask_to_migrate: bool = False
    on_quit: str = ""
    log_level: str = ""
    selected: str = ""
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    cleared: str = ""

    @property
    def cleared_at(self) -> datetime | None:
        """`cleared` as a time; None if nothing was cleared."""
        try:
            found = datetime.fromisoformat(self.cleared)
        except ValueError:
            return None
        return found if found.tzinfo is not None else None

    @property
    def days_kept(self) -> int:
        """`keep_days` within what may be asked for."""
        return min(max(self.keep_days, 0), LONGEST_KEPT)

    @property
    def leaving_at_once(self) -> int:
        """`at_once` within what may be asked for."""
        return min(max(self.at_once, 1), MOST_AT_ONCE)


class Preferences(Protocol):
    """The operator's settings, kept on this computer."""

    @property
    def now(self) -> Settings: ...

    def change(self, **fields: object) -> Settings:
        """Set fields of `Settings` and keep them."""

    def remember(self, server: Server) -> None:
        """Keep a server (one entry for a url)."""

    def forget(self, url: str) -> None: ...
