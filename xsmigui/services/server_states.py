"""How servers stand: what others see of a connection, what a person decides about it, and why it ends."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from xsmigui.core.failures import (
    CertificateChanged,
    CertificateUnknown,
    ServerFailure,
    Unreachable,
)
from xsmigui.core.messages import Text, listed, m_, render
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address
from xsmigui.core.refs import PoolId
from xsmigui.services.members import Members

REJECTED: Final = "SESSION_AUTHENTICATION_FAILED"


ELSEWHERE: Final = ("HOST_STILL_BOOTING", "HOST_IS_SLAVE", "HOST_UNKNOWN_TO_MASTER")
"""Refusals of a server that is not, or not yet, its pool's coordinator."""


class Declined(Exception):
    """Nobody wanted to go on: the certificate is not trusted, or no password was given. `failure` is what was asked
    about."""

    def __init__(self, failure: "CertificateUnknown | CertificateChanged | ServerFailure | None" = None) -> None:
        super().__init__(*([] if failure is None else [failure]))
        self.failure = failure


class AlreadyConnected(Exception):
    """The server belongs to a pool that is connected already; the argument is the pool's name."""


class OtherPool(Unreachable):
    """What a pool's member led to belongs to another pool."""


class Decisions(Protocol):
    """What only a person can decide."""

    async def password(self, address: Address, message: str) -> str | None:
        """The password for this server; `message` says why it is asked for. None: don't connect."""

    async def trust(self, failure: CertificateUnknown | CertificateChanged) -> bool:
        """Whether to trust this certificate from now on."""


@dataclass(frozen=True, slots=True)
class Server:
    """A connection as others see it."""

    address: Address
    name: str
    link: Link
    told: Text = ""
    pool: PoolId | None = None
    is_old: bool = False
    """It allows old encryption only."""
    brief: Text = ""
    members: Members = field(default_factory=dict, hash=False)
    """The pool's hosts, once they are known."""

    @property
    def detail(self) -> str:
        """How it stands, in the reader's language of this moment."""
        return render(self.told)

    @property
    def short(self) -> str:
        """The same in a word or two."""
        return render(self.brief)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A pool that is not connected: why (`failure`, in words `reason`), for how many seconds, and whether nobody tries
    any more. `hosts` are its other hosts."""

    reason: str
    seconds: float
    given_up: bool
    hosts: Members = field(default_factory=dict)
    failure: Exception | None = None


def short_text(link: Link) -> Text:
    return {
        Link.connecting: m_("connecting…"),
        Link.loading: m_("loading…"),
        Link.asking: m_("waiting for your decision"),
        Link.failed: m_("not connected"),
    }.get(link, "")


def told_together(*parts: Text) -> Text:
    """``trying again in 7 s · https://host does not answer``"""
    return listed([part for part in parts if part], mark=" · ")
