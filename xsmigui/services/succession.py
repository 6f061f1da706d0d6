"""What a process is given that goes on with the jobs of this one: its servers with their passwords, and which jobs.

It goes through a pipe, never through a file, a command line or the environment.
"""

from typing import Final

import msgspec

from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address, Clock
from xsmigui.services.connections import Connections
from xsmigui.services.jobs import Jobs
from xsmigui.services.server_states import Server

CONNECT_WITHIN_S: Final = 60.0
"""Seconds that the new process has to connect what was connected."""

_LOOK_INTERVAL_S: Final = 0.2


class InheritedServer(msgspec.Struct, frozen=True):
    """A server as the process before has it. `is_connected`: it must be connected before that one may end."""

    url: str
    user: str
    name: str
    members: dict[str, str]
    is_connected: bool
    password: str | None = None

    def __repr__(self) -> str:
        return f"InheritedServer({self.url!r})"


class Inheritance(msgspec.Struct, frozen=True):
    """All of it; `jobs` are ids, `limit` the number of storage migrations that may leave a pool at once."""

    servers: tuple[InheritedServer, ...]
    jobs: tuple[str, ...]
    limit: int

    def encode(self) -> bytes:
        """As one line."""
        return msgspec.json.encode(self) + b"\n"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the new process says, as one line: it is ready to take over, or why it is not."""

    ready: bool
    reason: str = ""

    def encode(self) -> bytes:
        return msgspec.json.encode(self) + b"\n"


def decode(line: bytes) -> Inheritance:
    """Raises `ValueError`, without what was read."""
    try:
        return msgspec.json.decode(line, type=Inheritance)
    except msgspec.DecodeError:
        raise ValueError("not an inheritance") from None


def decode_answer(line: bytes) -> Answer:
    """Raises `ValueError`."""
    return msgspec.json.decode(line, type=Answer)


def inheritance(connections: Connections, jobs: Jobs) -> Inheritance:
    """What the process is to be given that goes on in our place: the servers of the jobs that have not ended."""
    running = jobs.running
    pools = {pool.uuid for job in running for pool in (job.plan.source, job.plan.target)}
    servers = [server for server in connections.servers() if server.pool in pools]
    return Inheritance(
        tuple(_given(server, connections.password(server.address.url)) for server in servers),
        tuple(job.id for job in running),
        jobs.limit,
    )


def _given(server: Server, password: str | None) -> InheritedServer:
    address = server.address
    is_connected = server.link is Link.connected
    return InheritedServer(address.url, address.user, server.name, dict(server.members), is_connected, password)


class NotConnected(Exception):
    """A server that was connected in the process before cannot be connected here; the text says which, and why."""


async def connect(connections: Connections, servers: tuple[InheritedServer, ...], clock: Clock) -> None:
    """Connect what the process before had connected, and keep trying the rest. Raises `NotConnected`."""
    for each in servers:
        connections.remember(Address(each.url, each.user), each.name, True, each.members, each.password)
    needed = [each for each in servers if each.is_connected]
    waited = 0.0
    while waiting := [each for each in needed if not _is_connected(connections, each)]:
        for each in waiting:
            server = next((s for s in connections.servers() if s.address.url == each.url), None)
            if server is not None and server.link in (Link.failed, Link.closed):
                raise NotConnected(f"{each.name}: {server.detail}")
        if waited >= CONNECT_WITHIN_S:
            raise NotConnected(waiting[0].name)
        await clock.sleep(_LOOK_INTERVAL_S)
        waited += _LOOK_INTERVAL_S


def _is_connected(connections: Connections, wanted: InheritedServer) -> bool:
    """At its address, or at the member that coordinates its pool by now."""
    urls = {wanted.url, *wanted.members}
    return any(s.link is Link.connected and s.address.url in urls for s in connections.servers())
