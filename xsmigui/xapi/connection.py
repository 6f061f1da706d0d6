"""One logged-in server: login with trust and redirection, calls on the session, tasks awaited, logout."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast
from urllib.parse import urlsplit

from xsmigui import __version__
from xsmigui.core.addresses import normal_url
from xsmigui.core.changes import Event
from xsmigui.core.failures import WIRE_ERRORS, NotSpeaking, ServerFailure, SessionLost
from xsmigui.core.ports import Address, FeedListener
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

LOOK_AGAIN: Final = 5.0
"""Seconds without a word of a task until it is looked at: one that came and went between two answers of `event.from` is
never told of."""


class Connection:
    """A session with the coordinator of a pool. Its reference is a secret: it is in no text, log or exception."""

    def __init__(self, transport: Transport, session: str, fingerprint: str, worker: ThreadPoolExecutor) -> None:
        self._transport = transport
        self._session = session
        self._worker = worker
        self._waiting: dict[str, list[asyncio.Queue[Task | None]]] = {}
        self._fingerprint = fingerprint

    @property
    def url(self) -> str:
        return self._transport.url

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    async def call(self, method: str, *params: Any, deadline: float = 60.0) -> Any:
        try:
            return await self._transport.call(method, [self._session, *params], deadline)
        except ServerFailure as failure:
            raise self._told(failure) from None

    def _told(self, failure: ServerFailure) -> Exception:
        """The failure without secrets; a session that ended is its own type."""
        if failure.code == "SESSION_INVALID":
            if failure.params[:1] == (self._session,):
                return SessionLost(self.url, failure.call)
            return ServerFailure(failure.code, (), failure.call)
        return failure

    async def permissions(self) -> frozenset[str] | None:
        if await self.call("session.get_is_local_superuser", self._session):
            return None
        return frozenset(str(name).lower() for name in await self.call("session.get_rbac_permissions", self._session))

    async def follow(self, listener: FeedListener) -> None:
        try:
            await Feed(self._transport, self._session, listener, self._heard).run()
        except ServerFailure as failure:
            raise self._told(failure) from None
        finally:
            for queues in self._waiting.values():
                for queue in queues:
                    queue.put_nowait(None)

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
        await self._transport.close()
        self._worker.shutdown(wait=False)


class XapiWire:
    """Opens connections: the `Wire` of `core.ports`."""

    def __init__(self, prefer_xml: bool = False) -> None:
        self._prefer_xml = prefer_xml

    async def login(self, address: Address, password: str, trusted: Callable[[str], str | None]) -> Connection:
        """Log in at the coordinator, following HOST_IS_SLAVE once. Certificates are compared before the password is
        sent, the coordinator's own as well."""
        url = normal_url(address.url)
        try:
            return await self._login_at(url, address.user, password, trusted)
        except ServerFailure as failure:
            if failure.code != "HOST_IS_SLAVE" or not failure.params:
                raise
            coordinator = normal_url(f"{urlsplit(url).scheme}://{failure.params[0]}")
            log.info("%s is a pool member; its coordinator is %s", url, coordinator)
        return await self._login_at(coordinator, address.user, password, trusted)

    async def _login_at(self, url: str, user: str, password: str, trusted: Callable[[str], str | None]) -> Connection:
        fingerprint = await tls.fingerprint_of(url)
        tls.check(url, fingerprint, trusted(url))
        worker = ThreadPoolExecutor(1, thread_name_prefix="decode")
        params = [user, password, API_VERSION, f"xsmigui {__version__}"]
        transport: Transport | None = None
        try:
            if not self._prefer_xml:
                transport = Transport(url, fingerprint, worker, JsonCodec())
                try:
                    session = await transport.call("session.login_with_password", params, LOGIN_DEADLINE)
                    return Connection(transport, session, fingerprint, worker)
                except NotSpeaking:
                    await transport.close()
                    log.info("%s has no JSON-RPC; trying XML-RPC", url)
            transport = Transport(url, fingerprint, worker, XmlCodec())
            session = await transport.call("session.login_with_password", params, LOGIN_DEADLINE)
            return Connection(transport, session, fingerprint, worker)
        except BaseException:
            if transport is not None:
                await transport.close()
            worker.shutdown(wait=False)
            raise
