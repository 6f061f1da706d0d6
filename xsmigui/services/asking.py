"""Asking servers for facts: each question of the migration layer as the calls that answer it.

A question changes nothing that lasts: `host.migrate_receive` leaves a session behind at the destination, which is ended
again as soon as the answer is there.
"""

import logging
from collections.abc import Callable
from typing import Final

from xsmigui.core.failures import WIRE_ERRORS, Unreachable
from xsmigui.core.migration.facts import Answer, CanBootHere, CanMigrate, OperationValid, Question
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _

log = logging.getLogger(__name__)

GATE_DEADLINE: Final = 30.0
MOTION_DEADLINE: Final = 120.0
"""Seconds. `VM.assert_can_migrate` imports the VM's metadata at the destination as a trial (xapi 6.2 #12c)."""

Gateways = Callable[[PoolId], Gateway | None]


class Asker:
    """Puts questions to the pools they belong to. Every outcome is an `Answer`, silence too."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def ask(self, question: Question) -> Answer:
        """The server's answer. A refusal is an answer; so is a connection that broke."""
        try:
            await self._put(question)
        except WIRE_ERRORS as failure:
            log.info("%s: %s", type(question).__name__, failure)
            return Answer(failure)
        return Answer()

    def _gateway(self, pool: PoolId) -> Gateway:
        gateway = self._gateways(pool)
        if gateway is None:
            raise Unreachable(_("the pool"), _("not connected"))
        return gateway

    async def _put(self, question: Question) -> None:
        source = self._gateway(question.pool)
        match question:
            case OperationValid():
                method = "VM.assert_operation_valid"
                await source.call(method, question.vm, question.operation, deadline=GATE_DEADLINE)
            case CanBootHere():
                await source.call("VM.assert_can_boot_here", question.vm, question.host, deadline=GATE_DEADLINE)
            case CanMigrate():
                await self._put_motion(question, source)

    async def _put_motion(self, question: CanMigrate, source: Gateway) -> None:
        target = self._gateway(question.target)
        received = await target.call(
            "host.migrate_receive", question.host, question.network, {}, deadline=MOTION_DEADLINE
        )
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
        finally:
            await target.end_session(received["session_id"])
