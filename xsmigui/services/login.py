"""Logging in to a server: its password, its certificate, and the pool's other hosts where it does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from xsmigui.core.catalogue import sentence, stated
from xsmigui.core.failures import (
    WIRE_ERRORS,
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ServerFailure,
    Unreachable,
)
from xsmigui.core.messages import Text, m_
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address, Clock, Gateway, SecretStore, Trusted, TrustStore, Wire
from xsmigui.core.text import _
from xsmigui.services.members import Members
from xsmigui.services.server_states import ELSEWHERE, REJECTED, Decisions, Declined

log = logging.getLogger(__name__)

HEAD_START_S: Final = 3.0
"""Seconds that a server has for itself; then the other hosts of its pool are asked beside it."""


def leads_elsewhere(failure: Exception) -> bool:
    """Another host of the pool may answer in the place of one that failed so."""
    if isinstance(failure, ServerFailure):
        return failure.code in ELSEWHERE
    return isinstance(failure, (Unreachable, NotSpeaking))


class Login:
    """Logs in, and asks a person for what is missing. `members` returns the hosts known of a server's pool, by the
    server's URL, and `find_members` looks for them where none are; `is_new` says whether the server is being added, so
    that its dialog shows a wrong password itself; `show` takes the URL, the link and its text while it takes longer."""

    def __init__(
        self,
        wire: Wire,
        trust: TrustStore,
        secrets: SecretStore,
        decisions: Decisions,
        clock: Clock,
        members: Callable[[str], Members],
        find_members: Callable[[str], Awaitable[Members]],
        is_new: Callable[[str], bool],
        show: Callable[[str, Link, Text], None],
    ) -> None:
        self._wire = wire
        self._trust = trust
        self._secrets = secrets
        self._decisions = decisions
        self._clock = clock
        self._members = members
        self._find_members = find_members
        self._is_new = is_new
        self._show = show
        self.passwords: dict[str, str] = {}

    async def connect(self, address: Address, password: str | None = None, asks: bool = False) -> Gateway:
        """Log in at the address that is known, else where the pool's other hosts lead. Their certificates, where the
        pool has not said which they are, are asked about only if `asks`."""
        return await self._login(address, self.passwords.get(address.url) if password is None else password, asks)

    async def _reach(self, address: Address, password: str, asks: bool) -> Gateway:
        """Log in at the address; where it does not answer, over the pool's other hosts. They are asked all at once, and
        beside a server that is silent, so that a dead coordinator is waited for once and its pool not one host after
        the other. Raises what the address itself answered."""
        own = asyncio.ensure_future(self._wire.login(address, password, self._trusted(address.url)))
        hosts: dict[str, asyncio.Future[Gateway]] = {}
        gateway: Gateway | None = None
        try:
            await self._head_start(own)
            if not own.done() or _leads_elsewhere(own):
                hosts = await self._others(address, password, own)
                gateway = await _first_of(own, list(hosts.values()))
                if gateway is None and asks:
                    gateway = await self._with_new_trust(address, password, own, hosts)
            gateway = gateway or await own
            return gateway
        finally:
            await _let_go([own, *hosts.values()], gateway)

    async def _head_start(self, own: "asyncio.Future[Gateway]") -> None:
        clock = asyncio.ensure_future(self._clock.sleep(HEAD_START_S))
        try:
            await asyncio.wait((own, clock), return_when=asyncio.FIRST_COMPLETED)
        finally:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)

    async def _others(
        self, address: Address, password: str, own: "asyncio.Future[Gateway]"
    ) -> "dict[str, asyncio.Future[Gateway]]":
        """A login under way at each of the pool's other hosts, by its URL. None leads back to the coordinator that
        `own` has found silent, or still waits for."""
        members = self._members(address.url) or await self._find_members(address.url)
        dead = frozenset({address.url, *_silent([own])})
        urls = [url for url in members if url not in dead]
        if urls:
            failure = own.exception() if own.done() else None
            silence = m_("{url} has not answered yet.", url=address.url)
            text = stated(failure)[0] if isinstance(failure, WIRE_ERRORS) else silence
            self._show(address.url, Link.connecting, text)
        trusted = self._trusted(address.url)
        logins = {url: self._wire.login(Address(url, address.user), password, trusted, dead) for url in urls}
        return {url: asyncio.ensure_future(login) for url, login in logins.items()}

    async def _with_new_trust(
        self,
        address: Address,
        password: str,
        own: "asyncio.Future[Gateway]",
        hosts: "Mapping[str, asyncio.Future[Gateway]]",
    ) -> Gateway | None:
        """Log in over the first host that leads somewhere once the operator, who is asked, trusts a certificate."""
        trusted, dead = self._trusted(address.url), frozenset({address.url, *_silent([own, *hosts.values()])})
        asked: set[str] = set()
        for url, host in hosts.items():
            question = host.exception()
            while isinstance(question, CertificateUnknown) and question.url not in asked:
                asked.add(question.url)
                if not await self._decisions.trust(question):
                    break
                self._trust.trust(question.url, question.fingerprint)
                try:
                    return await self._wire.login(Address(url, address.user), password, trusted, dead)
                except WIRE_ERRORS as refusal:
                    log.info("%s: %s", url, refusal)
                    question = refusal
        return None

    def _trusted(self, server: str) -> Trusted:
        """What is trusted on the way to a server: at its own address what the operator trusts, at other hosts of its
        pool what the pool says, too."""

        def trusted(url: str, shown: str) -> str | None:
            told = self._members(server).get(url) if url != server else None
            return told or self._trust.trusted(url, shown)

        return trusted

    async def _login(self, address: Address, password: str | None, asks: bool) -> Gateway:
        """Log in, asking for what is missing. Raises `Declined` where it is not given."""
        kept: str | None = None
        if password is None:
            password = kept = await self._secrets.get(address)
        reason = _("Enter the password of {user} for {url}.", user=address.user, url=address.url)
        rejected: ServerFailure | None = None
        while True:
            if password is None:
                self._show(address.url, Link.asking, m_("waiting for the password"))
                password = await self._decisions.password(address, reason)
                if password is None:
                    raise Declined(rejected)
                self._show(address.url, Link.connecting, "")
            try:
                gateway = await self._reach(address, password, asks)
                self.passwords[address.url] = password
                if kept is not None and password != kept:  # the one that is kept no longer opens the server
                    try:
                        await self._secrets.put(address, password)
                    except BaseException:
                        await gateway.logout()
                        raise
                return gateway
            except (CertificateUnknown, CertificateChanged) as question:
                self._show(address.url, Link.asking, m_("waiting for a decision about its certificate"))
                if not await self._decisions.trust(question):
                    raise Declined(question) from None
                self._trust.trust(question.url, question.fingerprint)
            except ServerFailure as failure:
                if failure.code != REJECTED or self._is_new(address.url):
                    raise
                rejected, reason, password = failure, sentence(failure)[0], None


def _leads_elsewhere(login: "asyncio.Future[Gateway]") -> bool:
    failure = login.exception()
    return isinstance(failure, Exception) and leads_elsewhere(failure)


def _silent(logins: "Sequence[asyncio.Future[Gateway]]") -> set[str]:
    """The hosts that these logins have found without an answer."""
    failures = [login.exception() for login in logins if login.done()]
    return {failure.url for failure in failures if isinstance(failure, Unreachable)}


async def _first_of(own: "asyncio.Future[Gateway]", hosts: "Sequence[asyncio.Future[Gateway]]") -> Gateway | None:
    """The first that is logged in, the server itself before others; None if there is none. What the server itself
    refuses for good ends the search."""
    left = {own, *hosts}
    while left:
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if own in done and not _leads_elsewhere(own):
            return own.result()
        for host in (each for each in hosts if each in done):
            failure = host.exception()
            if failure is None:
                return host.result()
            if not isinstance(failure, WIRE_ERRORS):
                raise failure
            log.info("%s", failure)
    return None


async def _let_go(logins: "Sequence[asyncio.Future[Gateway]]", kept: Gateway | None) -> None:
    """End all but the one that is kept."""
    for login in logins:
        login.cancel()
    for result in await asyncio.gather(*logins, return_exceptions=True):
        if result is not kept and not isinstance(result, BaseException):
            await result.logout()
