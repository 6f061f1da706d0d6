"""How long a job is waited for that nobody watches: what counts as silence, as standing still, and as moving."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.holding import PATIENCE
from tests.local.test_journal import a_job
from xsmigui.core.jobs import Job, State, Step, VmJob
from xsmigui.core.messages import m_
from xsmigui.services.patience import Hopeless, until_hopeless
from xsmigui.services.server_states import Trouble

SECONDS = 60.0
ROOM = m_("Waiting for room: {reason}", reason="NFS is full.")


class Clock:
    """Each second passes at once; `after` some of them something happens."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.after: dict[float, object] = {}

    def now(self) -> datetime:
        return datetime(2026, 11, 28, 20, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        happens = self.after.get(self.seconds)
        if callable(happens):
            happens()
        await asyncio.sleep(0)


class Jobs:
    """The jobs of a process, as patience sees them."""

    def __init__(self, *jobs: Job) -> None:
        self.found = {job.id: job for job in jobs}
        self.others = False
        self.troubled: Trouble | None = None

    def get(self, job: str) -> Job:
        return self.found[job]

    @property
    def running(self) -> list[Job]:
        return [job for job in self.found.values() if not job.has_ended]

    def trouble(self, job: str) -> Trouble | None:
        return self.troubled

    def others_leave(self, job: str) -> bool:
        return self.others


def job_of(*parts: VmJob, name: str = "one") -> Job:
    return replace(a_job(name), vms=parts)


def vm(**fields: object) -> VmJob:
    return replace(a_job().vms[0], **fields)


def moving(**fields: object) -> VmJob:
    """A migration whose task is known."""
    calls = len(a_job().vms[0].move.calls)
    return vm(**{"state": State.running, "step": Step.disks, "begun": calls, "task": "OpaqueRef:1"} | fields)


def done() -> VmJob:
    return vm(state=State.done, step=Step.ended)


async def ends(jobs: Jobs, clock: Clock | None = None) -> Hopeless:
    found = until_hopeless(jobs, "one", clock or Clock(), SECONDS)  # type: ignore[arg-type]
    return await asyncio.wait_for(found, PATIENCE)


async def goes_on(jobs: Jobs, clock: Clock | None = None, seconds: float = 5 * SECONDS) -> None:
    clock = clock or Clock()
    over = asyncio.Event()
    clock.after[seconds] = over.set
    waiting = asyncio.ensure_future(until_hopeless(jobs, "one", clock, SECONDS))  # type: ignore[arg-type]
    stop = asyncio.ensure_future(over.wait())
    await asyncio.wait((waiting, stop), return_when=asyncio.FIRST_COMPLETED)
    assert not waiting.done(), waiting.result()
    for each in (waiting, stop):
        each.cancel()
    await asyncio.gather(waiting, stop, return_exceptions=True)


async def test_what_moves_is_waited_for_as_long_as_it_takes() -> None:
    await goes_on(Jobs(job_of(moving())))


@pytest.mark.parametrize("status", [ROOM, ""])
async def test_what_waits_while_nothing_moves_has_a_bound(status: object) -> None:
    clock = Clock()
    why = await ends(Jobs(job_of(done(), vm(status=status))), clock)
    assert (why.code, why.refused, clock.seconds) == ("stalled", False, SECONDS - 1)
    assert why.reason.startswith("Nothing has moved for 1 minute. ")
    assert why.reason.endswith("Waiting for room: NFS is full." if status else "The rest waits for its turn.")


async def test_checks_in_between_do_not_begin_it_anew() -> None:
    """A VM that waits for room is checked every few seconds, and is under way for that moment."""
    clock, jobs = Clock(), Jobs(job_of(vm(status=ROOM)))
    checking = job_of(vm(state=State.running, step=Step.checking))
    for second in range(5, 200, 10):
        clock.after[float(second)] = lambda: jobs.found.update(one=checking)
        clock.after[float(second + 2)] = lambda: jobs.found.update(one=job_of(vm(status=ROOM)))
    assert (await ends(jobs, clock)).code == "stalled"


async def test_a_first_check_takes_its_time() -> None:
    await goes_on(Jobs(job_of(vm(state=State.running, step=Step.checking))))


async def test_it_waits_for_its_own_others_and_for_other_jobs_here() -> None:
    await goes_on(Jobs(job_of(moving(), vm(status=ROOM))))
    await goes_on(Jobs(job_of(vm(status=ROOM)), job_of(moving(), name="two")))


async def test_it_waits_for_the_storage_migrations_of_other_clients() -> None:
    jobs = Jobs(job_of(vm()))
    jobs.others = True
    clock = Clock()
    clock.after[300.0] = lambda: setattr(jobs, "others", False)
    assert (await ends(jobs, clock)).code == "stalled"
    assert clock.seconds >= 300 + SECONDS - 1


async def test_it_waits_for_the_time_that_was_set() -> None:
    clock = Clock()
    early = job_of(vm())
    plan = replace(early.plan, not_before=clock.now() + timedelta(hours=1))
    jobs = Jobs(replace(early, plan=plan))
    assert (await ends(jobs, clock)).code == "stalled"
    assert clock.seconds >= 3600 + SECONDS - 1


async def test_what_has_no_sight_of_its_servers_is_silence() -> None:
    why = await ends(Jobs(job_of(moving(state=State.lost, status="It goes on there."), vm(status=ROOM))))
    assert (why.code, why.reason) == ("no-answer", "No answer for 1 minute. It goes on there.")


async def test_what_is_on_hold_ends_at_once_and_beside_what_waits_after_a_while() -> None:
    clock = Clock()
    assert (await ends(Jobs(job_of(done(), vm(held=True))), clock)).code == "on-hold"
    assert clock.seconds == 0
    assert (await ends(Jobs(job_of(vm(held=True), vm(status=ROOM))))).code == "stalled"


async def test_a_server_that_was_given_up() -> None:
    jobs = Jobs(job_of(moving()))
    jobs.troubled = Trouble("The certificate has changed.", 1.0, given_up=True)
    why = await ends(jobs)
    assert (why.code, why.refused, why.reason) == ("no-connection", True, "The certificate has changed.")
    jobs.troubled = Trouble("Nobody answers.", SECONDS, given_up=False)
    assert (await ends(jobs)).code == "no-answer"
