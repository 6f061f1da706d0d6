"""In which order a job looks, writes, calls and tells: its intentions are on disk before a call leaves, answers before
the next look, and the end before anybody hears of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from tests.local.test_journal import a_job
from xsmigui.core.failures import ServerFailure
from xsmigui.core.jobs import Job, State, VmJob
from xsmigui.core.jobs import Step as Phase
from xsmigui.core.migration.steps import ANSWER, Done, Note, Request, Step, Wait
from xsmigui.core.problems import Problem
from xsmigui.core.records import Task
from xsmigui.services.carrier import Carrier
from xsmigui.services.carrying import Context, Ended

CREATE = Request("VDI.create", ({},), "create", then={"status": ANSWER})
AGAIN = Request("VDI.set_name_label", ("d", "x"), "name")
COPY = Request("VDI.copy", ("d",), "copy", is_task=True, then={"status": "copied"})


class Site:
    """Everything around a carrier: what happens there stands in `seen`, in its order. A job on disk is written as the
    method that it waits for (with its task), its state where it has ended, and its status."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.refuses = ""

    # The gateways, and the one gateway.

    def gateway(self, _pool: object) -> "Site":
        return self

    async def call(self, method: str, *_params: Any, **_options: Any) -> str:
        self.seen.append(f"call {method}")
        if method == self.refuses:
            raise ServerFailure("VDI_MISSING", ("d",), method)
        return "answer"

    async def wait_for_task(self, _ref: str, _heard: object = None) -> Task:
        return Task(status="success")

    # The clock.

    def now(self) -> datetime:
        return datetime(2026, 11, 26, tzinfo=UTC)

    async def sleep(self, _seconds: float) -> None:
        pass

    # The journal, and those who hear of the job.

    async def keep(self, job: VmJob) -> None:
        pending = f"{job.pending.method} {job.pending.task}".strip() if job.pending is not None else "nothing"
        self.seen.append(f"on disk: {job.state if job.ended else pending}, {job.status or '-'}")

    def report(self, job: VmJob) -> None:
        if job.ended:
            self.seen.append(f"told: {job.state}")

    def inventory(self, _pool: object) -> None:
        return None


class Scripted(Carrier):
    """Does what the script says."""

    def __init__(self, site: Site, *script: Step) -> None:
        job: Job = a_job()
        job = replace(job, vms=(replace(job.vms[0], begun=len(job.plan.moves[0].calls)),))
        around: Any = site
        super().__init__(Context(job, 0, around, around, around, around, around, site.report, site.keep))
        self._site, self._script = site, list(script)

    async def _begin(self) -> None:
        raise AssertionError

    async def _look(self) -> Step:
        self._site.seen.append("look")
        return self._script.pop(0) if self._script else Done()

    def _phase(self, request: Request) -> Phase:
        return Phase.preparing

    def _progressed(self, task: Task) -> None:
        pass

    async def _give_up(self, why: Problem) -> None:
        raise Ended(State.failed, "refused", (why,))

    async def _finish(self) -> None:
        await self._end(State.done, "all is well")


END = ["look", "on disk: done, all is well", "told: done"]
COPIES = ["look", "on disk: VDI.copy, Copy.", "call Async.VDI.copy", "on disk: VDI.copy answer, Copy."]
FAILED = ["on disk: failed, refused", "told: failed"]


@pytest.mark.parametrize(("script", "seen"), [
    ((), END),
    ((CREATE,), ["look", "on disk: VDI.create, Create.", "call VDI.create", "on disk: nothing, answer", *END]),
    ((Note({"status": "noted"}),), ["look", "on disk: nothing, noted", *END]),
    ((Note({}),), ["look", *END]),
    ((COPY,), [*COPIES, *END]),
    ((COPY, Wait("", "answer")), [*COPIES, "look", "on disk: nothing, copied", "call task.destroy", *END]),
    ((AGAIN, AGAIN),
     ["look", "on disk: VDI.set_name_label, Name.", "call VDI.set_name_label", "on disk: nothing, Name.", "look",
      *FAILED]),
])  # fmt: skip
async def test_what_is_written_before_what_is_done(script: tuple[Step, ...], seen: list[str]) -> None:
    site = Site()
    await Scripted(site, *script).run()
    assert site.seen == seen


async def test_a_refusal_is_on_disk_before_the_next_look() -> None:
    site = Site()
    site.refuses = "VDI.create"
    await Scripted(site, CREATE).run()
    assert site.seen == ["look", "on disk: VDI.create, Create.", "call VDI.create", "on disk: nothing, Create.", *END]
