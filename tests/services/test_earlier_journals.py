"""Journals that earlier versions of this program have written are read, and their unfinished jobs come to their end.

`tests/data/journals/817709c` was made by that commit in the scenario of two pools; the references and uuids of what is
not copied or created are the same today.
"""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.holding import PATIENCE, Hold, until
from tests.services.engine import Engine, engine
from tests.services.test_exchange import disks_of, marked, rows, vm_of
from tests.simulated import Simulated
from xsmigui.core.jobs import Job, State
from xsmigui.core.migration.kept import kept_sources, revert_plan
from xsmigui.local.journal import JournalFile
from xsmigui.local.journalfile import FILE

SAMPLES = Path(__file__).parents[1] / "data" / "journals"
NULL = "OpaqueRef:NULL"
VM = "erp-test"
STATES = {
    "waiting": [State.running],
    "copying": [State.running],
    "migrating": [State.running],
    "moved-and-kept": [State.done],
    "migrated": [State.done, State.done],
}
OPERATIONS = (
    "start", "start_on", "migrate_send", "snapshot", "clone", "copy", "export", "revert", "destroy",
    "make_into_template", "provision",
)  # fmt: skip
"""What that version blocked."""


@asynccontextmanager
async def left(site: Simulated, home: Path, sample: str) -> AsyncIterator[Engine]:
    """The program at the journal of that commit, its references changed to those of today."""
    shutil.copy(SAMPLES / "817709c" / f"{sample}.sqlite3", home / FILE)
    known = json.loads((SAMPLES / "817709c" / f"{sample}.json").read_text())
    today = {what: ref for ref, what in references(site).items()}
    rewrite(home, {ref: today.get(tuple(what), ref) for ref, what in known.items()})
    async with engine(site, home=home) as made:
        yield made


def references(site: Simulated) -> dict[str, tuple[str, str, str]]:
    """Pool, class and uuid of everything in the site, by its reference."""
    found = {}
    for served in site.pools:
        for cls in ("pool", "host", "VM", "VDI", "SR", "network", "VIF", "VBD", "PBD"):
            rows = site.run(lambda served=served, cls=cls: dict(served.pool.db.table(cls)))
            found |= {ref: (served.name, cls, row["uuid"]) for ref, row in rows.items()}
    return found


async def the_job(two: Engine) -> Job:
    (job,) = await two.journal.all()
    return job


def recreate(site: Simulated, job: Job) -> None:
    """What that version had put on the server by the time it was killed."""
    reason = f"xsmigui: its virtual disks are being moved (job {job.id})"
    for operation in OPERATIONS:
        site.call(site["Madrid"], "VM.add_to_blocked_operations", job.vms[0].move.vm.ref, operation, reason)


def room_for_the_copy(site: Simulated, job: Job) -> str:
    """The mark and the empty disk that it had made for the first copy."""
    first = job.vms[0].replacements[0]
    madrid = site["Madrid"]
    site.call(madrid, "VDI.add_to_other_config", first.old, "xsmigui-job", job.id)
    name = f"[incomplete copy] {first.name} (xsmigui {job.id} {first.vdi['uuid'][:8]})"
    record: dict[str, Any] = {
        "name_label": name,
        "name_description": first.vdi["name_description"],
        "SR": first.sr,
        "virtual_size": first.vdi["virtual_size"],
        "type": "user",
        "sharable": False,
        "read_only": False,
        "other_config": {"xsmigui-job": job.id},
        "xenstore_data": {},
        "sm_config": {},
        "tags": [],
    }
    return str(site.call(madrid, "VDI.create", record))


def rewrite(home: Path, changes: dict[str, str]) -> None:
    """The journal, with references that are others in this site."""
    db = sqlite3.connect(home / FILE)
    with db:
        for table, column in (("vm", "document"), ("job", "plan")):
            for old, new in [pair for pair in changes.items() if pair[0] != pair[1]]:
                db.execute(f"update {table} set {column} = cast(replace({column}, ?, ?) as blob)", (old, new))
    db.close()


async def finished(two: Engine, job: Job) -> None:
    two.jobs.proceed(job.id)
    (vm,) = (await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)).vms
    assert (vm.state, vm.verified) == (State.done, True), vm.message
    assert [disk["SR"] for disk in disks_of(two).values()] == [it.sr for it in vm.replacements]
    assert marked(two) == []
    assert vm_of(two)["blocked_operations"] == {}


@pytest.mark.parametrize("sample", STATES)
async def test_read(tmp_path: Path, sample: str) -> None:
    shutil.copy(SAMPLES / "817709c" / f"{sample}.sqlite3", tmp_path / FILE)
    journal = JournalFile(tmp_path)
    (job,) = await journal.all()
    assert [vm.state for vm in job.vms] == STATES[sample]
    assert await journal.unreadable() == []
    assert len(await journal.history(job.id)) >= 5
    over = job.has_ended
    assert [found.id for found in await journal.adopt()] == ([] if over else [job.id])
    await journal.close()


async def test_before_the_first_copy(site: Simulated, tmp_path: Path) -> None:
    """Only its blocks are set. Nobody has watched for long: it waits until the operator continues it."""
    async with left(site, tmp_path, "waiting") as two:
        recreate(site, await the_job(two))
        (job,) = await two.jobs.take_up()
        assert [(vm.state, vm.held) for vm in job.vms] == [(State.waiting, True)]
        await finished(two, job)


@pytest.mark.parametrize("task", ["runs", "ended", "lost", "never arrived"])
async def test_while_the_first_disk_was_copied(site: Simulated, tmp_path: Path, task: str) -> None:
    async with left(site, tmp_path, "copying") as two:
        job = await the_job(two)
        recreate(site, job)
        first = job.vms[0].replacements[0]
        copy = room_for_the_copy(site, job)
        changes = {first.new: copy}
        hold = None
        if task != "never arrived":
            hold = Hold(site)
            ref = site.call(site["Madrid"], "Async.VDI.copy", first.old, NULL, NULL, copy)
            if task != "lost":
                changes[job.vms[0].task] = str(ref)
            if task != "runs":
                hold.release()
                await until(lambda: not site.run(lambda: site["Madrid"].pool.tasks.running))
        rewrite(tmp_path, changes)
        (job,) = await two.jobs.take_up()
        assert job.vms[0].held
        two.jobs.proceed(job.id)
        if hold is not None:
            hold.release()
        await finished(two, job)


async def test_while_it_was_migrated(site: Simulated, tmp_path: Path) -> None:
    """Its task is not there any more, and the VM is where it was: nobody says that it has moved."""
    async with left(site, tmp_path, "migrating") as two:
        (job,) = await two.jobs.take_up()
        await until(lambda: "may still start" in two.vm(job).message or two.vm(job).state.has_ended)
        if not two.vm(job).state.has_ended:
            two.jobs.cancel(job.id)
        (vm,) = (await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)).vms
        assert vm.state in (State.interrupted, State.failed)
        assert not vm.verified
        assert two.has("Madrid", "web-01")


async def test_it_has_migrated_meanwhile(site: Simulated, tmp_path: Path) -> None:
    """The server went on while nobody followed; its task is gone."""
    async with left(site, tmp_path, "migrating") as two:
        job = await the_job(two)
        receive, send, *_rest = job.vms[0].move.calls
        answer = site.call(site["Lisboa"], receive.method, *receive.params)
        site.call(site["Madrid"], send.method, send.params[0], answer, *send.params[2:])
        await until(lambda: two.has("Lisboa", "web-01") and not two.has("Madrid", "web-01"))
        (job,) = await two.jobs.take_up()
        (vm,) = (await asyncio.wait_for(two.jobs.wait(job.id), PATIENCE)).vms
        assert (vm.state, vm.verified) == (State.done, False), vm.message
        assert "Could not read: whether it is the VM that was sent." in vm.message  # found by its uuid alone


async def test_sources_that_it_has_kept_go_back(site: Simulated, tmp_path: Path) -> None:
    """Its notes have no uuid of their own."""
    madrid = site["Madrid"]
    async with left(site, tmp_path, "moved-and-kept") as two:
        job = await the_job(two)
        before = {place: disk["uuid"] for place, disk in disks_of(two).items()}
        assert list(before.values()) == [it.vdi["uuid"] for it in job.vms[0].replacements]
        kept = rows(two, "VDI")
        for it in job.vms[0].replacements:
            place = it.vbd["userdevice"]
            new = str(site.call(madrid, "VDI.copy", it.old, it.sr, NULL, NULL))
            uuid = site.call(madrid, "VDI.get_uuid", new)
            site.call(madrid, "VDI.set_name_label", new, it.vdi["name_label"])
            mine = next(ref for ref in kept[it.old]["VBDs"])
            site.call(madrid, "VBD.destroy", mine)
            site.call(madrid, "VBD.create", it.vbd | {"VDI": new})
            note = (
                f'{{"job": "{job.id}", "vm": "{job.vms[0].move.vm.uuid}", "position": "{place}", "by": "{uuid}",'
                f' "name": "{it.vdi["name_label"]}", "until": "2026-12-05"}}'
            )
            site.call(madrid, "VDI.add_to_other_config", it.old, "xsmigui-kept", note)
            site.call(madrid, "VDI.add_tags", it.old, "xsmigui: kept source")
            site.call(madrid, "VDI.set_name_label", it.old, f"{it.vdi['name_label']} [moved on 2026-11-28, kept]")
        await until(lambda: len(kept_sources(two.inventory("Madrid"))) == 2)
        found = kept_sources(two.inventory("Madrid"))
        assert {each.note.job for each in found} == {job.id}
        vm = await two.run(revert_plan(two.inventory("Madrid"), [each.ref for each in found]), 60)
        assert (vm.state, vm.verified) == (State.done, False), vm.message
        assert "No checksum was made of the kept source" in vm.message
        assert {place: disk["uuid"] for place, disk in disks_of(two).items()} == before
        assert marked(two) == []
