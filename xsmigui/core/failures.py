"""What can go wrong between us and a server, as values that every room understands.

The wire raises them; services turn them into problems (`core.catalogue`); nobody parses texts. They are not frozen:
Python itself sets the traceback of an exception that passes through a context manager.
"""

from dataclasses import dataclass, field

from xsmigui.core.redaction import redacted
from xsmigui.core.text import one_line


@dataclass(unsafe_hash=True)
class ServerFailure(Exception):
    """The server answered with an error: its code, its parameters and the call that it refused."""

    code: str
    params: tuple[str, ...] = ()
    call: str = ""

    def __str__(self) -> str:
        return one_line(redacted(f"{self.code} [{', '.join(self.params)}] ({self.call})"))

    @property
    def raw(self) -> str:
        """The error as the API spells it. For a reader see `core.catalogue.raw`, which leaves secrets out."""
        return f"{self.code}({', '.join(self.params)})" if self.params else self.code

    def without(self, *secrets: str) -> "ServerFailure":
        """The failure with these texts taken out of its parameters: servers repeat what they were sent."""
        params = self.params
        for secret in secrets:
            params = tuple(param.replace(secret, "…") for param in params)
        return ServerFailure(self.code, params, self.call)


@dataclass(unsafe_hash=True)
class Unreachable(Exception):
    """No answer: the connection could not be made, broke, or the deadline passed. `detail` is the library's text; `via`
    is the pool member that named this server as its coordinator."""

    url: str
    detail: str
    call: str = ""
    via: str = ""

    def __str__(self) -> str:
        return f"{self.url}: {self.detail}" + (f" ({self.call})" if self.call else "")


class NoCommonEncryption(Unreachable):
    """The server and this program have no version of TLS, or no cipher, in common."""


@dataclass(unsafe_hash=True)
class ProxyFailed(Unreachable):
    """The HTTP proxy in between does not answer, or does not connect to the server; `status` is its answer's, 0 where
    there was none. `proxy` holds no credentials, and is empty where what is set is no proxy; `knows_user` says that
    credentials were sent to it."""

    proxy: str = ""
    status: int = 0
    knows_user: bool = False


@dataclass(unsafe_hash=True)
class NotSpeaking(Exception):
    """Something answered that is no XenAPI server; `status` is its HTTP status, 0 where it was no HTTP."""

    url: str
    status: int
    detail: str = ""
    via: str = ""

    def __str__(self) -> str:
        return f"{self.url}: HTTP {self.status} {self.detail}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself, which nobody vouches for: subject and issuer (RFC 4514), and the first and
    the last day on which it is to be used (``2026-08-21``). All are empty if it cannot be read."""

    subject: str = ""
    issuer: str = ""
    since: str = ""
    until: str = ""


@dataclass(unsafe_hash=True)
class CertificateUnknown(Exception):
    """The server shows a certificate that nobody has trusted yet. `is_old` says that it allows old encryption only."""

    url: str
    fingerprint: str
    via: str = ""
    is_old: bool = False
    about: Certificate = field(default=Certificate(), compare=False)

    def __str__(self) -> str:
        return f"{self.url}: unknown certificate {self.fingerprint}"


@dataclass(unsafe_hash=True)
class CertificateChanged(Exception):
    """The server shows another certificate than the one that was trusted, or (`is_given`) whose fingerprint was given
    for this run."""

    url: str
    fingerprint: str
    trusted: str
    via: str = ""
    is_given: bool = False
    about: Certificate = field(default=Certificate(), compare=False)

    def __str__(self) -> str:
        return f"{self.url}: certificate {self.fingerprint} instead of {self.trusted}"


@dataclass(unsafe_hash=True)
class SessionLost(Exception):
    """The session ended: logged out elsewhere, expired, or the server was restarted."""

    url: str
    call: str = ""

    def __str__(self) -> str:
        return f"{self.url}: the session has ended"


WireError = Unreachable | NotSpeaking | CertificateUnknown | CertificateChanged | SessionLost | ServerFailure
WIRE_ERRORS = (Unreachable, NotSpeaking, CertificateUnknown, CertificateChanged, SessionLost, ServerFailure)
