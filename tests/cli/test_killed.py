"""SIGKILL of the real program once for each kind of motion that the server carries out; the next one ends it.

Disks that the program copies, and those of running VMs, are killed in `tests.test_cli`."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from tests.simulated import Simulated
from tests.test_cli import Run, at, eventually, held, jobs_of, only, process
from xsmigui.local.journal import JournalFile

KINDS: dict[str, list[str]] = {
    "live": ["migrate", "--vm", "web-01", "--to", "Madrid", "--host", "madrid-02"],
    "with its disks": ["migrate", "--vm", "monitoring", "--to", "Madrid", "--host", "madrid-01", "--sr", "NFS Madrid"],
    "halted, away": ["migrate", "--vm", "intranet-old", "--to", "Lisboa", "--prove"],
    "suspended, away": ["migrate", "--vm", "test-suspended", "--to", "Lisboa"],
    "copy": ["migrate", "--vm", "intranet-old", "--to", "Lisboa", "--copy"],
    "evacuation": ["evacuate", "--host", "lisboa-02"],
    "return": ["evacuate", "--host", "lisboa-02", "--leave"],
}


async def has_task(home: Path) -> bool:
    """The journal knows the server's task: a copy that was started without an answer leaves no sign that it is ours."""
    journal = JournalFile(home)
    try:
        vms = [vm for job in await journal.all() for vm in job.vms]
        return any(vm.task and not vm.state.has_ended for vm in vms)
    finally:
        await journal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_the_server_works(site: Simulated, run: Run, home: Path, kind: str) -> None:
    """The server stands still in the middle of it. What is on the disks is judged at the end, as in every test."""
    command, *selection = KINDS[kind]
    pools = site.pools if command == "migrate" else [site["Lisboa"]]
    if kind == "return":
        assert run("evacuate", *at(*pools), "--host", "lisboa-02", "--yes", "--json")[0] == 0
    known = {job["job"] for job in jobs_of(run)}
    stopped, release = held(site, 2)
    with process(home, command, *at(*pools), *selection, "--yes", "--json") as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stopped.wait(PATIENCE)
        eventually(lambda: [job for job in jobs_of(run) if job["vms"][0]["state"] == "running"])
        if kind == "copy":
            eventually(lambda: asyncio.run(has_task(home)))
        started.kill()
        started.communicate(timeout=PATIENCE)
    release()
    (job,) = (job for job in jobs_of(run) if job["job"] not in known and not job["finished"])
    _status, out, err = run("jobs", "--resume", job["job"], *at(*pools), "--json")
    ended = only(out)
    assert {vm["state"] for vm in ended["vms"]} == {"done"}, err
    assert all(vm["verified"] for vm in ended["vms"])
