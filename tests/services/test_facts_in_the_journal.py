"""What a job leaves in the journal is in no language: whoever reads it later reads it in the language of then."""

from pathlib import Path

import pytest

from tests.services.engine import engine
from tests.services.test_exchange import own_plan
from tests.simulated import Simulated
from tests.spanish import in_spanish
from xsmigui.core.jobs import State
from xsmigui.simulator.failures import Failure


@pytest.mark.parametrize("kind", ["copied", "sent", "refused"])
async def test_written_under_spanish_read_under_english(site: Simulated, tmp_path: Path, kind: str) -> None:
    async with engine(site, home=tmp_path) as two:
        with in_spanish():
            if kind == "copied":
                plan = await own_plan(two)
            else:
                plan = await two.plan("web-01", to="Lisboa", sr="NFS Lisboa")
            if kind == "refused":
                faults = site["Madrid"].pool.faults
                site.run(lambda: faults.add("VM.migrate_send", nth=1, failure=Failure("INTERNAL_ERROR", "no mood")))
            job = two.jobs.start(plan)
            ended = await two.jobs.wait(job.id)
            spanish = ended.vms[0].message
    async with engine(site, home=tmp_path) as two:
        (read,) = await two.journal.all()
        history = await two.journal.history(job.id)
    assert read.state is (State.failed if kind == "refused" else State.done)
    assert read.vms == ended.vms
    assert read.vms[0].message != spanish
    assert all(not isinstance(entry.status, str) or not entry.status for entry in history)
    assert any(entry.message for entry in history)
    assert not [p for p in read.vms[0].problems if isinstance(p.finding, str)]
