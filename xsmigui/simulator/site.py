"""A site: all pools of one process. They share a clock and can reach each other, so VMs can move between them."""

from __future__ import annotations

from xsmigui.simulator.clock import Clock
from xsmigui.simulator.content import Contents
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.pool import Pool


class Site:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pools: list[Pool] = []
        self.contents = Contents()

    def add(self, pool: Pool) -> Pool:
        pool.site = self
        pool.contents = self.contents
        self.pools.append(pool)
        return pool

    def by_session(self, session: str) -> Pool:
        """The pool that a receive map's session belongs to; SESSION_INVALID where no pool knows it."""
        for pool in self.pools:
            if session in pool.sessions.live:
                return pool
        raise Failure("SESSION_INVALID", session)
