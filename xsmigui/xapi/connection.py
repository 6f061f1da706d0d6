"""One logged-in server: login with trust and redirection, calls on the session, tasks awaited, logout."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from xsmigui import __version__
from xsmigui.core.addresses import BadAddress, beside, normal_url
from xsmigui.core.changes import Event
from xsmigui.core.failures import (
    WIRE_ERRORS,
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ProxyFailed,
    ServerFailure,
    SessionLost,
    Unreachable,
)
from xsmigui.core.ports import Address, FeedListener, Trusted
from xsmigui.core.proxies import Proxy, ProxyOf, no_proxy
from xsmigui.core.records import Task
from xsmigui.xapi import tls
from xsmigui.xapi.decoding import converted
from xsmigui.xapi.feed import Feed
from xsmigui.xapi.jsonrpc import JsonCodec
from xsmigui.xapi.transport import Transport
from xsmigui.xapi.xmlrpc import XmlCodec

log = logging.getLogger(__name__)

API_VERSION: Final = "2.21"
LOGIN_DEADLINE: Final = 30.0

MEMBERS: Final = 3
"""Members that may name another coordinator, one after the other, until their word is no longer followed: they disagree
while the role moves."""

LOOK_AGAIN: Final = 5.0
"""Seconds without a word of a task until it is looked at: one that came and went between two answers of `event.from` is
never told of."""


class Connection:
    """A session with the coordinator of a pool. Its reference is a secret: it is in no text, log or exception."""

    def __init__(self, transport: Transport, session: str, shown: tls.Shown, worker: ThreadPoolExecutor) -> None:
        self._transport = transport
        self._session = session
        self._worker = worker
        self._waiting: dict[str, list[asyncio.Queue[Task | None]]] = {}
        self._shown = shown
        self._rights: list[frozenset[str] | None] = []
        self._asking_rights = asyncio.Lock()
        self._feed: Feed | None = None

    @property
    def url(self) -> str:
        return self._transport.url

    @property
    def fingerprint(self) -> str:
        return self._shown.fingerprint

    @property
    def is_old(self) -> bool:
        return self._shown.is_old

    async def call(self, method: str, *params: Any, deadline: float = 60.0) -> Any:
        try:
            return await self._transport.call(method, [self._session, *params], deadline)
        except ServerFailure as failure:
            raise self._told(failure) from None
        except CertificateChanged:
            await self._transport.close()  # the sockets that are left would hide it from whoever follows the events
            raise

    def _told(self, failure: ServerFailure) -> Exception:
        """The failure without secrets; a session that ended is its own type."""
        if failure.code == "SESSION_INVALID":
            if failure.params[:1] == (self._session,):
                return SessionLost(self.url, failure.call)
            return ServerFailure(failure.code, (), failure.call)
        return failure

    async def permissions(self) -> frozenset[str] | None:
        """A session keeps the rights that it got at its login (xapi 24.10 xapi_session.ml), so they are asked once."""
        async with self._asking_rights:
            if not self._rights:
                self._rights.append(await self._asked_rights())
        return self._rights[0]

    async def _asked_rights(self) -> frozenset[str] | None:
        if await self.call("session.get_is_local_superuser", self._session):
            return None
        names = await self.call("session.get_rbac_permissions", self._session)
        if not isinstance(names, list):
            raise NotSpeaking(self.url, 200, "no list of permissions")
        return frozenset(str(name).lower() for name in names)

    async def follow(self, listener: FeedListener) -> None:
        self._feed = Feed(self._transport, self._session, listener, self._heard)
        try:
            await self._feed.run()
        except ServerFailure as failure:
            raise self._told(failure) from None
        finally:
            self._feed = None
            for queues in self._waiting.values():
                for queue in queues:
                    queue.put_nowait(None)

    async def catch_up(self, within: float) -> bool:
        return self._feed is not None and await self._feed.catch_up(within)

    def _heard(self, event: Event) -> None:
        """The feed saw a task."""
        for queue in self._waiting.get(event.ref, ()):
            queue.put_nowait(cast("Task | None", event.record))

    async def wait_for_task(self, ref: str, on_progress: Callable[[Task], None] | None = None) -> Task:
        """The task's last record. It is heard of through the feed; one direct look at first and wherever the feed has
        nothing to say (it ended, or the row is gone) closes the gaps. Progress may run backwards: disks
        and memory each count from 0 to 1 (xapi 24.10).

        Raises:
            ServerFailure: HANDLE_INVALID, where somebody destroyed the task.
            SessionLost, Unreachable: the connection broke; the task goes on in the server.
        """
        queue: asyncio.Queue[Task | None] = asyncio.Queue()
        self._waiting.setdefault(ref, []).append(queue)
        try:
            task: Task | None = None
            while True:
                if task is None:
                    task = converted(await self.call("task.get_record", ref), Task)
                if on_progress is not None:
                    on_progress(task)
                if task.status not in ("pending", "cancelling"):
                    return task
                try:
                    async with asyncio.timeout(LOOK_AGAIN):
                        task = await queue.get()
                except TimeoutError:
                    task = None
        finally:
            self._waiting[ref].remove(queue)
            if not self._waiting[ref]:
                del self._waiting[ref]

    async def end_session(self, reference: str) -> None:
        try:
            await self._transport.call("session.logout", [reference], 5.0)
        except WIRE_ERRORS as error:
            log.debug("logout at %s: %s", self.url, type(error).__name__)

    async def logout(self) -> None:
        await self.end_session(self._session)
        await self.drop()

    async def drop(self) -> None:
        """Close the sockets without a word to the server (which does not answer)."""
        try:
            await self._transport.close()
        finally:
            self._worker.shutdown(wait=False)


class XapiWire:
    """Opens connections: the `Wire` of `core.ports`, through the proxies that `proxy_of` names."""

    def __init__(self, prefer_xml: bool = False, proxy_of: ProxyOf = no_proxy) -> None:
        self._prefer_xml = prefer_xml
        self._proxy_of = proxy_of

    async def login(
        self, address: Address, password: str, trusted: Trusted, dead: frozenset[str] = frozenset()
    ) -> Connection:
        """Log in at the coordinator, following HOST_IS_SLAVE. Certificates are compared before the password is sent,
        the coordinator's own as well. What fails behind a member names both."""
        url = normal_url(address.url)
        seen = [url]
        while True:
            try:
                return await self._login_at(url, address.user, password, trusted)
            except ServerFailure as failure:
                if failure.code != "HOST_IS_SLAVE" or not failure.params:
                    raise
                try:
                    coordinator = beside(url, failure.params[0])
                except BadAddress:
                    raise failure from None
                if coordinator in seen or len(seen) > MEMBERS:
                    raise Unreachable(coordinator, f"it names {url} in turn", failure.call, seen[0]) from None
                if coordinator in dead:
                    raise Unreachable(coordinator, "it did not answer", failure.call, url) from None
                log.info("%s is a pool member; its coordinator is %s", url, coordinator)
                url = coordinator
                seen.append(url)
            except (Unreachable, NotSpeaking, CertificateUnknown, CertificateChanged) as failure:
                failure.via = seen[-2] if len(seen) > 1 else ""
                raise

    def _through(self, url: str) -> Proxy | None:
        try:
            return self._proxy_of(url)
        except BadAddress as error:
            raise ProxyFailed(url, str(error)) from None

    async def _login_at(self, url: str, user: str, password: str, trusted: Trusted) -> Connection:
        proxy = self._through(url)
        shown = await tls.look_at(url, proxy)
        tls.check(url, shown, trusted(url, shown.fingerprint))
        worker = ThreadPoolExecutor(1, thread_name_prefix="decode")
        params = [user, password, API_VERSION, f"xsmigui {__version__}"]
        transport: Transport | None = None
        try:
            if not self._prefer_xml:
                transport = Transport(url, shown, worker, JsonCodec(), proxy)
                try:
                    return Connection(transport, await self._session(transport, params), shown, worker)
                except NotSpeaking:
                    await transport.close()
                    log.info("%s has no JSON-RPC; trying XML-RPC", url)
            transport = Transport(url, shown, worker, XmlCodec(), proxy)
            return Connection(transport, await self._session(transport, params), shown, worker)
        except BaseException:
            try:
                if transport is not None:
                    await transport.close()
            finally:
                worker.shutdown(wait=False)
            raise

    async def _session(self, transport: Transport, params: list[str]) -> str:
        session = await transport.call("session.login_with_password", params, LOGIN_DEADLINE)
        if not isinstance(session, str) or not session:
            raise NotSpeaking(transport.url, 200, "no session")
        return session
