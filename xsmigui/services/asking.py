"""Asking servers for facts: each question of the migration layer as the calls that answer it.

A question changes nothing that lasts: `host.migrate_receive` leaves a session behind at the destination, which is ended
again as soon as the answer is there.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from xsmigui.core.failures import WIRE_ERRORS, ServerFailure, Unreachable
from xsmigui.core.migration.facts import (
    PASSING,
    Answer,
    CanBootHere,
    CanMigrate,
    MayCall,
    OperationValid,
    Question,
    WriteRate,
)
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _

log = logging.getLogger(__name__)

GATE_DEADLINE: Final = 30.0
MOTION_DEADLINE: Final = 120.0
"""Seconds. `VM.assert_can_migrate` imports the VM's metadata at the destination as a trial
(xapi_vm_migrate.ml, inter_pool_metadata_transfer)."""

LOOKS_AT_A_LOCK: Final = 6
LOCK_PAUSE: Final = 0.5
"""How often, and after how many seconds each, a question is asked again that another operation stood in the way of."""

STRONGEST: Final = "pool-admin"

Gateways = Callable[[PoolId], Gateway | None]

Keep = Callable[[CanMigrate, dict[str, Any]], bool]
"""Is given the answer of `host.migrate_receive`; True if the caller uses it and ends its session."""


class Asker:
    """Puts questions to the pools they belong to. Every outcome is an `Answer`, silence too."""

    def __init__(self, gateways: Gateways, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._gateways = gateways
        self._sleep = sleep

    async def ask(self, question: Question, keep: Keep | None = None) -> Answer:
        """The server's answer. A refusal is an answer; so is a connection that broke. `keep` may take over what was
        opened for the question, whose session is ended otherwise."""
        try:
            if isinstance(question, WriteRate):
                return Answer(value=await self._rate(question))
            await self._put_until_free(question, keep)
        except WIRE_ERRORS as failure:
            log.info("%s: %s", type(question).__name__, failure)
            if isinstance(question, MayCall) and isinstance(failure, ServerFailure):
                return Answer(failure, roles=await self._roles(question.pool, failure.params))
            return Answer(failure)
        return Answer()

    async def _put_until_free(self, question: Question, keep: Keep | None) -> None:
        """Servers before xapi 25.20 refuse a question while another client asks theirs; it is asked again then."""
        for _attempt in range(LOOKS_AT_A_LOCK - 1):
            try:
                return await self._put(question, keep)
            except ServerFailure as failure:
                if not is_passing(question, failure):
                    raise
                await self._sleep(LOCK_PAUSE)
        await self._put(question, keep)

    async def _roles(self, pool: PoolId, methods: tuple[str, ...]) -> tuple[str, ...]:
        """The roles that allow all these methods, as the server knows them; none if it does not tell. Those that are
        its own are given to nobody (`is_internal`, xapi 22.5 datamodel.ml)."""
        gateway = self._gateway(pool)
        try:
            found = [set(await gateway.call("role.get_by_permission_name_label", name.lower())) for name in methods]
            able = set.intersection(*found) if found else set()
            records = [await gateway.call("role.get_record", ref) for ref in sorted(able)]
        except WIRE_ERRORS as failure:
            log.info("roles: %s", failure)
            return ()
        names = [str(record["name_label"]) for record in records if not record.get("is_internal")]
        return tuple(sorted(names, key=lambda name: (name not in STRONGEST, name)))

    async def _rate(self, question: WriteRate) -> float | None:
        """Bytes a second; None if the server does not measure (it answers ``NaN`` in the first seconds)."""
        source, rate = self._gateway(question.pool), 0.0
        for device in question.devices:
            told = await source.call("VM.query_data_source", question.vm, f"vbd_{device}_write", deadline=GATE_DEADLINE)
            try:
                number = float(told)
            except (TypeError, ValueError, OverflowError):
                return None
            if not math.isfinite(number):
                return None
            rate += max(0.0, number)
        return rate

    def _gateway(self, pool: PoolId) -> Gateway:
        gateway = self._gateways(pool)
        if gateway is None:
            raise Unreachable(_("the pool"), _("not connected"))
        return gateway

    async def _put(self, question: Question, keep: Keep | None) -> None:
        source = self._gateway(question.pool)
        match question:
            case OperationValid():
                method = "VM.assert_operation_valid"
                await source.call(method, question.vm, question.operation, deadline=GATE_DEADLINE)
            case MayCall():
                await self._put_rights(question, source)
            case CanBootHere():
                await source.call("VM.assert_can_boot_here", question.vm, question.host, deadline=GATE_DEADLINE)
            case CanMigrate():
                await self._put_motion(question, source, keep)

    async def _put_rights(self, question: MayCall, source: Gateway) -> None:
        """Servers that do not tell the session's rights refuse later, if they must."""
        try:
            allowed = await source.permissions()
        except ServerFailure as failure:
            log.info("permissions: %s", failure)
            return
        lacking = [name for name in question.methods if allowed is not None and name.lower() not in allowed]
        if lacking:
            raise ServerFailure("RBAC_PERMISSION_DENIED", tuple(lacking), "session.get_rbac_permissions")

    async def _put_motion(self, question: CanMigrate, source: Gateway, keep: Keep | None) -> None:
        target = self._gateway(question.target)
        received = await receive(target, question.host, question.network, {})
        is_kept = False
        try:
            await source.call(
                "VM.assert_can_migrate",
                question.vm,
                received,
                True,
                dict(question.vdi_map),
                dict(question.vif_map),
                dict(question.options),
                deadline=MOTION_DEADLINE,
            )
            is_kept = keep is not None and keep(question, received)
        except ServerFailure as failure:
            raise without_secrets(failure, received) from None
        finally:
            if not is_kept:
                await target.end_session(received["session_id"])


def is_passing(question: Question, failure: ServerFailure) -> bool:
    """What stood in the way passes by itself: `metadata_export`, which every question about another pool begins with,
    or any operation that an older server does not wait for. The two forms of the code name the operation in their first
    or their third parameter (before and since xapi 25.27)."""
    if failure.code != "OTHER_OPERATION_IN_PROGRESS":
        return False
    names = " ".join(failure.params[:1] + failure.params[2:3])
    return isinstance(question, CanMigrate) or PASSING in names


async def receive(target: Gateway, *params: object) -> dict[str, Any]:
    """The answer of `host.migrate_receive`, whose session the caller must end. Where nobody waits for it any more, it
    is awaited all the same, and its session ended at once."""
    asked = asyncio.ensure_future(target.call("host.migrate_receive", *params, deadline=MOTION_DEADLINE))
    try:
        received: dict[str, Any] = await asyncio.shield(asked)
    except asyncio.CancelledError:
        try:
            await target.end_session((await asked)["session_id"])
        except WIRE_ERRORS as failure:
            log.info("host.migrate_receive: %s", failure)
        raise
    return received


def without_secrets(failure: ServerFailure, received: dict[str, Any]) -> ServerFailure:
    """The failure without the session that `host.migrate_receive` opened, which servers put into their texts."""
    secret = str(received["session_id"])
    return ServerFailure(failure.code, tuple(p.replace(secret, "…") for p in failure.params), failure.call)
