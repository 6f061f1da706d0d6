"""What a carrier is given, how it ends, and what it makes of a server's answers."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from xsmigui.core.failures import ServerFailure
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.messages import Text, render
from xsmigui.core.migration.draft import Claim
from xsmigui.core.ports import Clock, Gateway
from xsmigui.core.problems import Problem
from xsmigui.core.records import Task
from xsmigui.core.refs import PoolId
from xsmigui.services.asking import Asker
from xsmigui.services.server_states import Trouble
from xsmigui.services.store import Store
from xsmigui.services.watching import Watches

PASSING: Final = ("HOST_STILL_BOOTING", "HOST_IS_SLAVE", "HOST_OFFLINE", "CANNOT_CONTACT_HOST")
"""What servers answer while they start up or change their roles: asked again."""


_VALUE: Final = re.compile(r"<value>(.*?)</value>", re.DOTALL)


class Gateways(Protocol):
    """The ways to the pools, as `services.connections` keeps them."""

    def gateway(self, pool: PoolId) -> Gateway | None: ...

    async def wait_for_gateway(self, pool: PoolId) -> Gateway: ...

    def trouble(self, pool: PoolId) -> Trouble | None: ...


def passes(failure: Exception) -> bool:
    """The failure is the connection's or that of a server in between, and says nothing about what was asked."""
    return not isinstance(failure, ServerFailure) or failure.code in PASSING


@dataclass(frozen=True, slots=True)
class Context:
    """What a carrier works with: the whole job and the place of its VM in it, and the rooms around it. `report` hears
    of every change; `keep` returns when a change is on disk."""

    job: Job
    place: int
    store: Store
    gateways: Gateways
    asker: Asker
    clock: Clock
    watches: Watches
    report: Callable[[VmJob], None]
    keep: Callable[[VmJob], Awaitable[None]]
    ahead: Callable[[], tuple[Claim, ...]] = tuple
    """What those will still take that are ahead of it in the queue."""


class Ended(Exception):
    """The job's part has ended otherwise than by success."""

    def __init__(self, state: State, status: Text, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(render(status))
        self.state, self.status, self.problems = state, status, problems


def result_of(task: Task) -> str:
    """The value in a task's result (XML-RPC's spelling of it)."""
    found = _VALUE.search(task.result)
    return found.group(1).strip() if found else task.result.strip()
