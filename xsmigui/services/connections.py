"""Connections to servers: opened once, kept alive, opened again by themselves.

Each server has a task that logs in, follows the events and starts over when the connection breaks: after 1, 2, 4 … 30
seconds. Where the address that is known does not answer, the pool's other hosts are asked (`services.members`): they
know their new coordinator, or have become it. What a person must decide (a password, a certificate) is asked for
through `Decisions`; a person's refusal ends the attempts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from xsmigui.core.catalogue import stated
from xsmigui.core.changes import Event
from xsmigui.core.failures import WIRE_ERRORS, SessionLost, Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Text, m_, render, sentences
from xsmigui.core.outline_nodes import Link, ServerView
from xsmigui.core.ports import Address, Clock, Gateway, SecretStore, TrustStore, Wire
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _
from xsmigui.services.feeding import Announcing, Follower
from xsmigui.services.login import Login
from xsmigui.services.members import Members, addresses, learn
from xsmigui.services.reach import Reach
from xsmigui.services.retrying import count_down
from xsmigui.services.server_states import (
    AlreadyConnected,
    Decisions,
    Declined,
    OtherPool,
    Server,
    Trouble,
    short_text,
    told_together,
)
from xsmigui.services.store import Store

log = logging.getLogger(__name__)


STEADY_AFTER: Final = timedelta(seconds=10)
"""A connection that held so long ends the growth of the delays: one that breaks as soon as all is loaded is no reason
to load everything again each second."""


MEMBERS_REFRESH_S: Final = 3600.0
"""Seconds until a pool is asked for its hosts' certificates again."""


Finder = Callable[[], Awaitable[Members]]
"""Looks for the hosts of a server's pool."""


class Connections:
    """All servers of the operator."""

    def __init__(
        self, store: Store, wire: Wire, trust: TrustStore, secrets: SecretStore, decisions: Decisions, clock: Clock
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._login = Login(
            wire,
            trust,
            secrets,
            decisions,
            clock,
            members=lambda url: self._servers[url].members if url in self._servers else {},
            find_members=self._find_members,
            is_new=lambda url: url not in self._tasks,
            show=self._set_link,
        )
        self._clock = clock
        self._servers: dict[str, Server] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hurry: dict[str, asyncio.Event] = {}
        self._listeners: list[Callable[[Server], None]] = []
        self._learning: dict[str, asyncio.Task[None]] = {}
        self._reach = Reach(clock)
        self._finders: dict[str, Finder] = {}

    # What others see.

    def servers(self) -> list[Server]:
        return list(self._servers.values())

    def views(self) -> list[ServerView]:
        """The servers as the tree wants them."""
        return [self.view(server) for server in self._servers.values()]

    def view(self, server: Server) -> ServerView:
        inventory = self._store.inventory(server.pool) if server.pool else None
        return ServerView(server.address.url, server.name, server.link, server.detail, inventory, server.short)

    def subscribe(self, listener: Callable[[Server], None]) -> Callable[[], None]:
        """Hear of every change of a server's state; a server that was removed comes with the link `closed`.
        The answer ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def gateway(self, pool: PoolId) -> Gateway | None:
        """The way to a pool; None while it is not connected."""
        return self._reach.gateway(pool)

    def server_of(self, pool: PoolId) -> Server | None:
        return next((s for s in self._servers.values() if s.pool == pool), None)

    def trouble(self, pool: PoolId) -> Trouble | None:
        """Why a pool is not connected at present; None if it is, or was never."""
        return self._reach.trouble(pool, self.server_of(pool))

    async def wait_for_gateway(self, pool: PoolId) -> Gateway:
        """The way to a pool, once it is connected (again)."""
        return await self._reach.wait_for(pool)

    # What the operator does.

    async def add(self, address: Address, password: str, keep: bool = True, finder: Finder | None = None) -> Server:
        """Connect to a new server and load it; over one of its pool's other hosts, if the `finder` knows them and it
        does not answer itself.

        Returns when everything is loaded. Raises the wire's errors, `Declined` or `AlreadyConnected` without leaving
        anything behind.
        """
        if address.url in self._tasks:
            await self.remove(address.url)
        self._set(Server(address, address.url, Link.connecting))
        if finder is not None:
            self._finders[address.url] = finder
        try:
            gateway = await self._login.connect(address, password, asks=True)
        except BaseException:
            if address.url not in self._tasks:
                self._drop(address.url)
            raise
        finally:
            self._finders.pop(address.url, None)
        url = gateway.url
        if url in self._tasks:  # by another of its members, or by the same address at the same time
            if url != address.url:
                self._drop(address.url)
            await gateway.logout()
            raise AlreadyConnected(self._servers[url].name)
        if url != address.url:
            self._drop(address.url)
            address = Address(url, address.user)
            self._set(Server(address, url, Link.loading))
        self._login.passwords[url] = password
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks[url] = asyncio.create_task(self._keep(address, gateway, ready), name=f"server {url}")
        try:
            await ready
        except BaseException:
            await self._stop(url)
            self._drop(url)
            raise
        if keep:
            await self._secrets.put(address, password)
        return self._servers[url]

    def remember(
        self, address: Address, name: str, connect: bool, members: Members | None = None, password: str | None = None
    ) -> None:
        """A server of earlier times: shown at once, and connected in the background if it was when we ended. One that
        the operator has added meanwhile stays as it is. `members` are the pool's hosts as they were known then; without
        a `password` the keyring is asked."""
        if address.url in self._servers:
            return
        if password is not None:
            self._login.passwords[address.url] = password
        link = Link.connecting if connect else Link.closed
        self._set(Server(address, name or address.url, link, members=members or {}))
        if connect:
            self.open(address.url)

    def password(self, url: str) -> str | None:
        """The password that a server was last connected with, for the process that goes on in our place."""
        return self._login.passwords.get(url)

    def open(self, url: str) -> None:
        """Connect a known server in the background, or try again now where it is waiting."""
        if url in self._hurry:
            self._hurry[url].set()
        elif url not in self._tasks and url in self._servers:
            address = self._servers[url].address
            self._tasks[url] = asyncio.create_task(self._keep(address, None, None), name=f"server {url}")

    async def close(self, url: str) -> None:
        """Disconnect, and keep the server in the list."""
        await self._stop(url)
        server = self._servers.get(url)
        if server is not None:
            if server.pool:
                self._store.remove(server.pool)
            self._set(Server(server.address, server.name, Link.closed, members=server.members))

    async def remove(self, url: str) -> None:
        """Disconnect and forget the server, its password too."""
        await self._stop(url)
        server = self._servers.get(url)
        if server is not None:
            if server.pool:
                self._store.remove(server.pool)
            self._drop(url)
            await self._secrets.forget(server.address)

    async def shut_down(self) -> None:
        """Log out everywhere."""
        await asyncio.gather(*(self._stop(url) for url in {*self._tasks, *self._learning}))

    # How it is done.

    async def _find_members(self, url: str) -> Members:
        """The hosts of a pool that were not known before, asked for once."""
        finder = self._finders.pop(url, None)
        members = await finder() if finder is not None else {}
        if members and url in self._servers:
            self._set(replace(self._servers[url], members=members))
        return members

    async def _stop(self, url: str) -> None:
        found = [self._tasks.pop(url, None), self._learning.pop(url, None)]
        tasks = [task for task in found if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _keep(self, address: Address, gateway: Gateway | None, ready: "asyncio.Future[None] | None") -> None:
        """Log in (unless that is done), follow the events, and start over when that breaks."""
        attempt = 0
        url = address.url
        while True:
            follower = Follower(self, url)
            begun = self._clock.now()
            try:
                if gateway is None:
                    self._set_link(url, Link.connecting)
                    gateway = await self._login.connect(address)
                await self._follow(gateway, follower, ready)
                return
            except AlreadyConnected as refusal:
                self._fail(url, ready, refusal, m_("already connected"))
                return
            except Declined as refusal:
                why = "" if refusal.failure is None else sentences(*stated(refusal.failure))
                self._fail(url, ready, refusal, told_together(m_("not connected"), why), refusal.failure)
                return
            except Exception as error:
                text = self._reason(url, error)
                self._because(url, text, error)
                if ready is not None and not ready.done():
                    self._fail(url, ready, error, text)
                    return
                if follower.pool is not None and self._clock.now() - begun >= STEADY_AFTER:
                    attempt = 0
                await self._pause(url, text, attempt)
                attempt += 1
            gateway, ready = None, None

    def _reason(self, url: str, error: Exception) -> Text:
        """Why a connection ended. What nobody foresaw ends it like a broken socket: it is opened again."""
        if isinstance(error, WIRE_ERRORS):
            log.warning("%s: %s", url, error)
            return stated(error)[0]
        log.exception("%s", url)
        return m_("internal error: {error}", error=type(error).__name__)

    def _look_for_members(self, url: str, pool: PoolId) -> None:
        """Ask the pool for its hosts, unless that is being done or they are known."""
        gateway, inventory, server = self.gateway(pool), self._store.inventory(pool), self._servers.get(url)
        if gateway is None or inventory is None or server is None:
            return
        if url in self._learning and not self._learning[url].done():
            if set(addresses(inventory, gateway.url).values()) == set(server.members):
                return
            self._learning[url].cancel()
        self._learning[url] = asyncio.create_task(self._learn(url, pool, gateway), name=f"members of {url}")

    async def _learn(self, url: str, pool: PoolId, gateway: Gateway) -> None:
        """Keep what the pool says of its hosts; again from time to time, since certificates are renewed."""
        while self.gateway(pool) is gateway and (inventory := self._store.inventory(pool)) is not None:
            try:
                members = await learn(gateway, inventory)
            except WIRE_ERRORS as failure:
                log.info("%s: %s", url, failure)
            else:
                server = self._servers.get(url)
                if server is not None:
                    # What does not answer now, because its pool is about to break, is trusted as before.
                    known = {host: shown or server.members.get(host, "") for host, shown in members.items()}
                    self._set(replace(server, members=known))
            await self._clock.sleep(MEMBERS_REFRESH_S)

    async def _follow(self, gateway: Gateway, follower: Follower, ready: "asyncio.Future[None] | None") -> None:
        """Follow until it breaks. The session is ended only where the server can still hear it."""
        try:
            self._set_link(follower.url, Link.loading)
            await gateway.follow(Announcing(follower, gateway, ready))
        except (Unreachable, SessionLost) as error:
            try:
                self._lost(follower)
            finally:
                await (gateway.logout() if isinstance(error, OtherPool) else gateway.drop())
            raise
        except BaseException:
            try:
                self._lost(follower)
            finally:
                await gateway.logout()
            raise

    def wake(self) -> None:
        """Whoever waited for a pool goes on."""
        self._reach.wake()

    def _lost(self, follower: Follower) -> None:
        if follower.pool is not None:
            self._reach.lost(follower.pool)
            if follower.url in self._learning:
                self._learning[follower.url].cancel()
            self._store.disconnected(follower.pool)

    def _because(self, url: str, reason: Text, failure: Exception) -> None:
        server = self._servers.get(url)
        if server is not None and server.pool is not None:
            self._reach.because(server.pool, render(reason), failure)

    async def _pause(self, url: str, why: Text, attempt: int) -> None:
        """Count down to the next attempt; `open` cuts it short."""
        hurry = self._hurry[url] = asyncio.Event()

        def show(left: int) -> None:
            told = told_together(m_("trying again in {n} s", n=left), why)
            self._set_link(url, Link.waiting, told, m_("retry {n} s", n=left))

        try:
            await count_down(self._clock, hurry, attempt, show)
        finally:
            del self._hurry[url]

    def expect_alone(self, url: str, inventory: Inventory, gateway: Gateway) -> None:
        other = self.server_of(inventory.id)
        if other is not None and other.address.url != url:
            raise AlreadyConnected(other.name)
        if gateway.url != url and self._servers[url].pool not in (None, inventory.id):
            raise OtherPool(gateway.url, _("another pool answers at this address"), via=url)

    def loaded(self, url: str, inventory: Inventory, gateway: Gateway) -> None:
        pool, server = inventory.id, self._servers[url]
        self._reach.opened(pool, gateway)
        old, members = gateway.is_old, server.members
        self._set(Server(server.address, inventory.name, Link.connected, "", pool, old, members=members))
        self._store.put(inventory.over_old_encryption() if old else inventory)
        self._look_for_members(url, pool)

    def changed(self, url: str, pool: PoolId, events: list[Event]) -> None:
        """What a server's events tell of its pool."""
        self._store.apply(pool, events)
        if any(event.cls == "host" for event in events):
            self._look_for_members(url, pool)

    def _set_link(self, url: str, link: Link, told: Text = "", brief: Text = "") -> None:
        server = self._servers.get(url)
        if server is not None:
            self._set(replace(server, link=link, told=told, brief=brief or short_text(link)))

    def _set(self, server: Server) -> None:
        if self._servers.get(server.address.url) != server:
            self._servers[server.address.url] = server
            for listener in tuple(self._listeners):
                listener(server)

    def _drop(self, url: str) -> None:
        self._login.passwords.pop(url, None)
        server = self._servers.pop(url, None)
        if server is not None:
            for listener in tuple(self._listeners):
                listener(Server(server.address, server.name, Link.closed))

    def _fail(
        self,
        url: str,
        ready: "asyncio.Future[None] | None",
        error: Exception,
        text: Text,
        failure: Exception | None = None,
    ) -> None:
        """Nobody tries any more. `failure` is what stands behind the error."""
        self._tasks.pop(url, None)
        self._because(url, text, failure or error)
        self._set_link(url, Link.failed, text)
        if ready is not None and not ready.done():
            ready.set_exception(error)
