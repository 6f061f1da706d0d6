"""Sentences of docs/architecture.md that are compared with what the program does."""

import asyncio
import inspect
import re
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from tests.services.engine import engine
from tests.services.motions import MOTIONS, Calls, Motion, changes
from tests.services.test_exchange import quiet
from tests.services.test_short_stop import ONE
from tests.services.test_short_stop import plan_of as short_stop
from tests.simulated import Simulated
from xsmigui.core.jobs import State
from xsmigui.services import carrier
from xsmigui.xapi.connection import Connection

__all__ = ["quiet"]

pytestmark = pytest.mark.usefixtures("quiet")

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8").split())


def methods(heading: str) -> set[str]:
    """The calls that the document names after these words."""
    found = re.search(re.escape(heading) + r": ([^:]*?)\. ", TEXT)
    assert found is not None, heading
    return set(re.findall(r"`(\w+\.\w+)`", found[1]))


SENT = methods("VMs that the server moves")
COPIED = methods("Disks that this program copies")
STOPPED = COPIED | methods("With a short stop besides")
TIDY = {"task.destroy"}

WHAT = {
    "live": (MOTIONS["live"], SENT),
    "away, halted": (MOTIONS["away, halted"], SENT),
    "copied, kept": (MOTIONS["copied, kept"], COPIED),
    "copied, removed": (MOTIONS["copied, removed"], COPIED),
    "short stop": (Motion(("Madrid",), ONE, short_stop), STOPPED),
}


@pytest.mark.parametrize("name", WHAT)
async def test_a_job_calls_what_the_document_names(site: Simulated, name: str) -> None:
    motion, named = WHAT[name]
    async with engine(site, *motion.pools) as made:
        plan = await motion.plan(made)
        calls = Calls(site)
        job = await asyncio.wait_for(made.jobs.wait(made.jobs.start(plan).id), PATIENCE)
        assert job.state is State.done, [vm.message for vm in job.vms]
    called = {method.removeprefix("Async.") for _pool, method, _nth in calls.made if changes(method)}
    called -= {"VM.query_data_source"}  # a look, by its name no getter
    assert called <= named | TIDY, called - named
    if name == "short stop":
        assert called >= STOPPED - COPIED


def test_the_deadlines() -> None:
    assert f"{carrier.START_DEADLINE_S:.0f} s where it reads or only starts a task" in TEXT
    assert f"{carrier.CALL_DEADLINE_S:.0f} s where it works on an SR" in TEXT
    assert inspect.signature(Connection.call).parameters["deadline"].default == carrier.START_DEADLINE_S
