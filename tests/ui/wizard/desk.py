"""A wizard on a built site, with servers that answer as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.core.site import TwoPools
from tests.holding import until
from xsmigui.core.changes import Event
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.facts import Answer, Question
from xsmigui.core.migration.fixing import next_step
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.steps import Request
from xsmigui.core.problems import Page
from xsmigui.local.clock import SystemClock
from xsmigui.local.paths import resources
from xsmigui.services.desk import Desk as Verbs
from xsmigui.services.drafting import Drafting
from xsmigui.services.store import Store
from xsmigui.ui.icons import Icons
from xsmigui.ui.wizard.wizard import MigrateWizard


class Oracle:
    """Answers questions. While `gate` is closed nobody hears an answer."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.say: Callable[[Question], Answer] = lambda _question: Answer()
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        await self.gate.wait()
        return self.say(question)


class Wire:
    """A gateway that keeps what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.then: Callable[[], None] = lambda: None

    async def call(self, method: str, *params: Any, deadline: float = 0) -> None:
        self.calls.append((method, *params))
        self.then()


class FixJobs:
    """The jobs, as far as a wizard sees them: fixes, each of one call."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._job: Job | None = None

    def start(self, plan: Plan) -> Job:
        vms = tuple(VmJob(move=move, state=State.done) for move in plan.moves)
        self._job = Job(id="fix", plan=plan, created=datetime(2026, 11, 28, tzinfo=UTC), vms=vms)
        return self._job

    async def wait(self, _job: str) -> Job:
        assert self._job is not None
        (move,) = self._job.plan.moves
        assert move.fix is not None
        step = next_step(move.fix, (), {move.vm.ref: {"cbt_enabled": True}})
        assert isinstance(step, Request)
        await self._wire.call(step.method, *step.params)
        return self._job


class Desk:
    """A wizard with everything that it stands on."""

    def __init__(self, site: TwoPools, *vms: str, **fields: Any) -> None:
        self.site = site
        self.store = Store()
        for pool in (site.madrid, site.lisboa):
            self.store.put(pool.inventory())
        self.oracle, self.wire = Oracle(), Wire()
        self.planned: list[Plan] = []
        self.heard: list[BaseException] = []
        draft = Draft(site.madrid.id, tuple(vms), **fields)  # type: ignore[arg-type]
        self.drafting = Drafting(self.store, self.oracle, SystemClock(), draft)  # type: ignore[arg-type]
        jobs = FixJobs(self.wire)
        self.wizard = MigrateWizard(
            None,
            self.drafting,
            self.store,
            jobs,  # type: ignore[arg-type]
            Verbs(self.store, self.wire, self.oracle, SystemClock(), jobs),  # type: ignore[arg-type]
            Icons(resources() / "icons"),
            self.heard.append,
        )
        self.wizard.planned.connect(self.planned.append)
        self.wizard.show()

    @property
    def page(self) -> Page:
        return self.wizard.page

    def front(self) -> Any:
        """The page in front."""
        return self.wizard.pages[self.wizard.page]

    async def answered(self) -> None:
        await until(lambda: not self.wizard.is_busy)

    async def go_to(self, page: Page) -> None:
        """Press Next until this page is in front."""
        while self.page is not page:
            await until(lambda: self.wizard.next.isEnabled())
            self.wizard.next.click()

    def publish(self, *refs: str) -> None:
        """The servers tell of what the builders hold now; without names, everything."""
        for pool in (self.site.madrid, self.site.lisboa):
            inventory = pool.inventory()
            if not refs:
                self.store.put(inventory)
            known = self.store.inventory(inventory.id)
            assert known is not None
            events = []
            for ref in refs:
                cls = ref.split("/")[1]
                if ref in inventory.tables[cls] or ref in known.tables[cls]:
                    events.append(Event(cls, ref, inventory.tables[cls].get(ref)))
            self.store.apply(inventory.id, events)

    def steps(self) -> list[str]:
        return [self.wizard.steps.item(n).text() for n in range(self.wizard.steps.count())]

    def close(self) -> None:
        if not self.heard:
            self.wizard.reject()
        assert not self.heard
