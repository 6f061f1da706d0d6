"""Logging in to a server: its password, its certificate, and the pool's other hosts where it does not answer."""

import logging
from collections.abc import Callable

from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import (
    WIRE_ERRORS,
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ServerFailure,
    Unreachable,
)
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address, Gateway, SecretStore, Trusted, TrustStore, Wire
from xsmigui.core.text import _
from xsmigui.services.members import Members
from xsmigui.services.server_states import ELSEWHERE, REJECTED, Decisions, Declined

log = logging.getLogger(__name__)


def leads_elsewhere(failure: Exception) -> bool:
    """Another host of the pool may answer in the place of one that failed so."""
    if isinstance(failure, ServerFailure):
        return failure.code in ELSEWHERE
    return isinstance(failure, (Unreachable, NotSpeaking))


class Login:
    """Logs in, and asks a person for what is missing. `members` returns the hosts known of a server's pool, by the
    server's URL; `is_new` whether the server is being added, so that its dialog shows a wrong password itself;
    `show` takes the URL, the link and its text while a person is asked."""

    def __init__(
        self,
        wire: Wire,
        trust: TrustStore,
        secrets: SecretStore,
        decisions: Decisions,
        members: Callable[[str], Members],
        is_new: Callable[[str], bool],
        show: Callable[[str, Link, str], None],
    ) -> None:
        self._wire = wire
        self._trust = trust
        self._secrets = secrets
        self._decisions = decisions
        self._members = members
        self._is_new = is_new
        self._show = show
        self.passwords: dict[str, str] = {}

    async def connect(self, address: Address, password: str | None = None, asks: bool = False) -> Gateway:
        """Log in at the address that is known, else where the pool's other hosts lead. Their certificates, where the
        pool has not said which they are, are asked about only if `asks`."""
        if password is None:
            password = self.passwords.get(address.url)
        try:
            return await self._login(address, password)
        except WIRE_ERRORS as failure:
            gateway = await self._connect_by_members(address, failure, password, asks)
            if gateway is None:
                raise
            return gateway

    async def _connect_by_members(
        self, address: Address, failure: Exception, password: str | None, asks: bool
    ) -> Gateway | None:
        """Log in at the first of the pool's other hosts that is the coordinator, or leads to it."""
        if not leads_elsewhere(failure):
            return None
        members = self._members(address.url)
        if password is None and members:
            password = await self._secrets.get(address)
        if password is None:
            return None
        trusted = self._trusted(address.url)
        dead = {address.url} | ({failure.url} if isinstance(failure, Unreachable) else set())
        for url in members:
            is_tried = url in dead
            while not is_tried:
                try:
                    gateway = await self._wire.login(Address(url, address.user), password, trusted, frozenset(dead))
                    self.passwords[address.url] = password
                    return gateway
                except WIRE_ERRORS as refusal:
                    log.info("%s: %s", url, refusal)
                    if isinstance(refusal, Unreachable):
                        dead.add(refusal.url)
                    is_tried = not (asks and await self._trusts(refusal))
        return None

    async def _trusts(self, failure: Exception) -> bool:
        """The operator trusts a certificate that was unknown."""
        if not isinstance(failure, CertificateUnknown) or not await self._decisions.trust(failure):
            return False
        self._trust.trust(failure.url, failure.fingerprint)
        return True

    def _trusted(self, server: str) -> Trusted:
        """What is trusted on the way to a server: at its own address what the operator trusts, at other hosts of its
        pool what the pool says, too."""

        def trusted(url: str, shown: str) -> str | None:
            told = self._members(server).get(url) if url != server else None
            return told or self._trust.trusted(url, shown)

        return trusted

    async def _login(self, address: Address, password: str | None) -> Gateway:
        """Log in, asking for what is missing. Raises `Declined` where it is not given."""
        kept: str | None = None
        if password is None:
            password = kept = await self._secrets.get(address)
        reason = _("Enter the password of {user} for {url}.", user=address.user, url=address.url)
        rejected: ServerFailure | None = None
        while True:
            if password is None:
                self._show(address.url, Link.asking, _("waiting for the password"))
                password = await self._decisions.password(address, reason)
                if password is None:
                    raise Declined(rejected)
                self._show(address.url, Link.connecting, "")
            try:
                gateway = await self._wire.login(address, password, self._trusted(address.url))
                self.passwords[address.url] = password
                if kept is not None and password != kept:  # the one that is kept no longer opens the server
                    try:
                        await self._secrets.put(address, password)
                    except BaseException:
                        await gateway.logout()
                        raise
                return gateway
            except (CertificateUnknown, CertificateChanged) as question:
                self._show(address.url, Link.asking, _("waiting for a decision about its certificate"))
                if not await self._decisions.trust(question):
                    raise Declined(question) from None
                self._trust.trust(question.url, question.fingerprint)
            except ServerFailure as failure:
                if failure.code != REJECTED or self._is_new(address.url):
                    raise
                rejected, reason, password = failure, sentence(failure)[0], None
