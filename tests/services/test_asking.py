"""Questions to servers: a passing lock is asked again; the server names the roles that would do."""

from typing import Any

import pytest

from tests.core.migration.rules.cases import Case
from tests.core.migration.rules.test_every_rule import scene
from tests.judged import Way
from tests.simulator.inside import Client
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.facts import CanMigrate, MayCall, OperationValid, Question
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, VmRef
from xsmigui.services.asking import LOOKS_AT_A_LOCK, Asker, is_passing

HERE, THERE = PoolId("here"), PoolId("there")
CAN = CanMigrate(HERE, VmRef("vm"), THERE, HostRef("h"), NetworkRef("n"), (), (), ())
VALID = OperationValid(HERE, VmRef("vm"), "migrate_send")
OLD = ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("VM.metadata_export", "OpaqueRef:vm"))
NEW = ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("VM", "OpaqueRef:vm", "metadata_export", "OpaqueRef:task"))
SNAPSHOT = ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("VM", "OpaqueRef:vm", "snapshot", "OpaqueRef:task"))


class Busy:
    """A server that refuses the first questions."""

    def __init__(self, failure: ServerFailure, times: int) -> None:
        self.failure, self.times = failure, times
        self.asked = 0

    async def call(self, method: str, *params: Any, deadline: float = 60.0) -> Any:
        if method == "host.migrate_receive":
            return {"session_id": "OpaqueRef:secret"}
        self.asked += 1
        if self.asked <= self.times:
            raise self.failure

    async def end_session(self, reference: str) -> None:
        return None


async def answer(server: Busy, question: Question) -> tuple[Exception | None, list[float]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    asker = Asker(lambda _pool: server, sleep)  # type: ignore[arg-type, return-value]
    return (await asker.ask(question)).failure, slept


@pytest.mark.parametrize(
    ("question", "failure", "passes"),
    [
        (CAN, OLD, True),
        (CAN, NEW, True),
        (CAN, SNAPSHOT, True),  # servers before 25.20 do not wait for anything
        (CAN, ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("VM.snapshot", "OpaqueRef:vm")), True),
        (CAN, ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("host", "OpaqueRef:h", "vm_migrate", "OpaqueRef:t")), True),
        (CAN, ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("Host.vm_start", "OpaqueRef:h")), True),
        (CAN, ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("SR", "OpaqueRef:sr", "scan", "OpaqueRef:t")), True),
        (CAN, ServerFailure("OTHER_OPERATION_IN_PROGRESS", ("SR.scan", "OpaqueRef:sr")), True),
        (CAN, ServerFailure("OTHER_OPERATION_IN_PROGRESS"), True),
        (VALID, OLD, True),
        (VALID, NEW, True),
        (VALID, SNAPSHOT, False),
        (CAN, ServerFailure("HOST_DISABLED", ("OpaqueRef:h",)), False),
    ],
)
async def test_what_passes_is_asked_again(question: Question, failure: ServerFailure, passes: bool) -> None:
    assert is_passing(question, failure) is passes
    refused, slept = await answer(Busy(failure, 2), question)
    assert (refused is None) is passes
    assert len(slept) == (2 if passes else 0)


async def test_what_does_not_pass_is_a_refusal_in_the_end() -> None:
    server = Busy(NEW, 1000)
    refused, slept = await answer(server, CAN)
    assert isinstance(refused, ServerFailure)
    assert (server.asked, len(slept)) == (LOOKS_AT_A_LOCK, LOOKS_AT_A_LOCK - 1)


@pytest.mark.parametrize(
    ("methods", "roles"),
    [
        (("VM.migrate_send",), ("pool-admin", "pool-operator", "vm-power-admin")),
        (("VM.migrate_send", "host.disable"), ("pool-admin", "pool-operator")),
        (("VM.start_on",), ("pool-admin", "pool-operator", "vm-power-admin")),
        (("SR.scan",), ("pool-admin", "pool-operator", "vm-power-admin")),
        (("host.enable", "VM.start"), ("pool-admin", "pool-operator")),
        (("pool.set_default_SR", "VDI.copy"), ("pool-admin", "pool-operator")),
        (("VDI.copy", "VBD.create"), ("pool-admin", "pool-operator", "vm-admin", "vm-power-admin")),
        (("VM.clean_shutdown",), ("pool-admin", "pool-operator", "vm-admin", "vm-operator", "vm-power-admin")),
    ],
)
async def test_r08_names_the_roles_that_the_server_names(methods: tuple[str, ...], roles: tuple[str, ...]) -> None:
    made = await scene(Case())
    way = next(iter(made.judge.ways.values()))
    client = Client(way.pool)
    way.pool.account("reader", "secret", "read-only")
    client.session = await client.raw("session.login_with_password", "reader", "secret", "1.1", "test")
    reader = Way(client)
    found = await Asker(lambda _pool: reader).ask(MayCall(PoolId(way.pool.row["uuid"]), methods))  # type: ignore[arg-type, return-value]
    assert found.roles == roles


async def test_r08_a_server_that_does_not_tell_names_none() -> None:
    class Silent:
        async def permissions(self) -> frozenset[str]:
            return frozenset()

        async def call(self, method: str, *params: Any, deadline: float = 60.0) -> Any:
            raise ServerFailure("MESSAGE_METHOD_UNKNOWN", (method,))

    found = await Asker(lambda _pool: Silent()).ask(MayCall(HERE, ("VM.migrate_send",)))  # type: ignore[arg-type, return-value]
    assert isinstance(found.failure, ServerFailure)
    assert found.roles == ()
