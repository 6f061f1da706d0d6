"""What the services and the window need of the outer world, as small protocols.

`xapi` and `local` implement them; `app` and `cli` wire them in. Nothing here knows how it is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from xsmigui.core.changes import Event
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Entry, Job
from xsmigui.core.journal import Elsewhere, Unreadable
from xsmigui.core.records import Task


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and as whom to speak to it. `url` is normal: scheme, host and port, no path."""

    url: str
    user: str = "root"


Trusted = Callable[[str, str], str | None]
"""Of a server's url and the fingerprint that it shows: the one that it must show, None if none is known yet."""


class FeedListener(Protocol):
    """Who hears what the event feed brings; called on the loop's thread."""

    def loaded(self, inventory: Inventory) -> None:
        """Everything was fetched (at first, and again after a gap in the events)."""

    def changed(self, events: list[Event]) -> None:
        """One answer of `event.from`."""


class Gateway(Protocol):
    """One logged-in server. Calls raise the types of `core.failures`."""

    @property
    def url(self) -> str:
        """The coordinator's address, after redirections."""

    @property
    def fingerprint(self) -> str:
        """The certificate's; empty for plain HTTP."""

    @property
    def is_old(self) -> bool:
        """The server allows old encryption only."""

    async def call(self, method: str, *params: Any, deadline: float = 60.0) -> Any:
        """One API request on the session, which is put before `params`. Only reads may be repeated by the wire."""

    async def permissions(self) -> frozenset[str] | None:
        """The methods that the session's roles allow, in lower case; None if they allow all (or nobody knows)."""

    async def follow(self, listener: FeedListener) -> None:
        """Load everything and then follow the events until the connection is lost (raises) or cancelled."""

    async def catch_up(self, within: float) -> bool:
        """Wait until whoever follows the events has been told of everything that the server had done by now; False if
        that takes longer than so many seconds, or cannot be known. Never raises."""

    async def wait_for_task(self, ref: str, on_progress: Callable[[Task], None] | None = None) -> Task:
        """Wait until the task has ended and return its last record ."""

    async def end_session(self, reference: str) -> None:
        """End another session on this server (`host.migrate_receive` leaves one behind); never raises."""

    async def logout(self) -> None:
        """End the session and close the sockets; never raises."""

    async def drop(self) -> None:
        """Close the sockets only."""


class Wire(Protocol):
    """Opens gateways."""

    async def login(
        self, address: Address, password: str, trusted: Trusted, dead: frozenset[str] = frozenset()
    ) -> Gateway:
        """Log in at the server or, where that is a member, at the coordinator that it names, unless that is known to
        be `dead` (urls).

        Raises:
            CertificateUnknown, CertificateChanged: before any password is sent.
            ServerFailure: SESSION_AUTHENTICATION_FAILED and others.
            Unreachable, NotSpeaking: no server, or no XenAPI server.
        """


class SecretStore(Protocol):
    """The desktop's keyring. Calls may block on the desktop's own dialogs, so they are awaited."""

    async def get(self, address: Address) -> str | None:
        """The password, or None if none is kept (or there is no keyring)."""

    async def put(self, address: Address, password: str) -> bool:
        """Keep the password; False where it could not be kept."""

    async def forget(self, address: Address) -> None: ...


class TrustStore(Protocol):
    """The certificates that are trusted: SHA-256 fingerprints by server."""

    def trusted(self, url: str, shown: str = "") -> str | None:
        """The fingerprint that the server must show, which may depend on the one that it shows (`Trusted`)."""

    def trust(self, url: str, fingerprint: str) -> None:
        """The operator trusts this certificate from now on."""


class Journal(Protocol):
    """The jobs on disk. A write that has returned survives a crash; `OSError` where it cannot be done."""

    async def write(self, job: Job, place: int) -> None:
        """Keep how the VM at this place of a job stands. Writes keep the order of their calls."""

    async def all(self) -> list[Job]:
        """Every job that can be read, the latest first."""

    async def ended(self, jobs: int, vms: int) -> list[Job]:
        """The latest jobs that have ended and can be read, so many at most, and of so many VMs; the latest first."""

    async def unreadable(self) -> list[Unreadable]:
        """What cannot be read of it, the latest first. It stays as it is."""

    async def history(self, job: str) -> list[Entry]:
        """What was written of a job, in its order."""

    async def adopt(self, job: str = "") -> list[Job]:
        """Take over the jobs that have not ended and whose process has (or this one of them), the oldest first."""

    def queued(self, job: str, place: int) -> int | None:
        """Where a VM of an adopted job stood in the queue of the process that handed the job over; None if none did."""

    async def elsewhere(self) -> list[Elsewhere] | None:
        """The jobs that another living process carries out; None if nothing has changed since this was asked last."""

    async def others(self) -> list[Job]:
        """The jobs that another living process carries out, as they stand in this moment."""

    async def ask_for(self, job: str) -> None:
        """Ask the process that carries out this job to hand over all of its own."""

    async def hand_over(self, queue: list[tuple[str, int]]) -> None:
        """Leave the jobs of this process, in this order (job, place), to the one that adopts them."""

    async def forget(self, job: str) -> bool:
        """Take a job out that nobody carries out, readable or not; False where there is none such."""

    async def fold(self) -> int:
        """Fold jobs that ended long ago into what a report tells of them; returns how many."""


class Clock(Protocol):
    """The time of day, in UTC, and waiting; tests bring their own."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...
