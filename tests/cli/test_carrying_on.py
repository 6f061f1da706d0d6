"""`jobs --carry-on`: everything that is unfinished goes on without a window, and can be taken over."""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.holding import PATIENCE
from tests.local.test_journal import a_job
from tests.simulated import Simulated
from tests.test_cli import Run, at, eventually, held, jobs_of, migrate, only, process
from xsmigui.cli import carrying_on
from xsmigui.cli.carrying_on import waiting_for
from xsmigui.core.journal import Waiting
from xsmigui.local import handover
from xsmigui.local.journal import JournalFile
from xsmigui.local.trust import TrustFile
from xsmigui.services.server_states import Trouble
from xsmigui.services.succession import Inheritance, InheritedServer

TWO = ["--vm", "web-01", "--vm", "web-02", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes", "--json"]


def killed(site: Simulated, run: Run, home: Path) -> Any:
    """Two VMs of which one moves when the program is killed. What is returned lets simulated time go on."""
    stopped, release = held(site, 4)
    with process(home, *migrate(site, *TWO)) as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stopped.wait(PATIENCE)
        eventually(lambda: [job for job in jobs_of(run) if job["vms"][0]["state"] == "running"])
        started.kill()
        started.communicate(timeout=PATIENCE)
    return release


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_everything_unfinished_is_brought_to_its_end(site: Simulated, run: Run, home: Path) -> None:
    release = killed(site, run, home)
    release()
    status, out, err = run("jobs", "--carry-on", *at(*site.pools), "--json")
    assert status == 0, err
    (job,) = only(out)["jobs"]
    assert [(vm["state"], vm["verified"]) for vm in job["vms"]] == [("done", True)] * 2
    assert "2 VMs are carried on." in err
    status, out, err = run("jobs", "--carry-on", *at(*site.pools), "--json")
    assert (status, only(out)) == (0, {"jobs": []})
    assert "Nothing is unfinished." in err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_interrupted_it_says_what_is_left_and_how_it_is_taken_up(
    site: Simulated, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = killed(site, run, home)
    say = carrying_on.say

    def interrupting(text: str) -> None:
        say(text)
        if "carried on" in text:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(carrying_on, "say", interrupting)
        status, out, err = run("jobs", "--carry-on", *at(*site.pools), "--json")
    (job,) = only(out)["jobs"]
    assert (status, job["code"], job["reason"]) == (130, "interrupted", "Interrupted.")
    assert job["resume"] in err
    release()
    assert run("jobs", "--carry-on", *at(*site.pools))[0] == 0


def test_nothing_is_unfinished_and_no_server_is_needed(run: Run) -> None:
    assert run("jobs", "--carry-on") == (0, "", "Nothing is unfinished.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_the_servers_are_those_of_the_jobs(site: Simulated, run: Run, home: Path) -> None:
    release = killed(site, run, home)
    release()
    arguments = [word for pool in site.pools for word in ("--fingerprint", pool.fingerprint)]
    status, out, err = run("jobs", "--carry-on", "--password-stdin", *arguments)
    assert status == 0, err
    assert "done" in out


@pytest.mark.parametrize("line", ["", "{}\n", "[1]\n", '{"servers":[{"password":"hush"}]}\n'])
def test_what_is_no_inheritance_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, line: str) -> None:
    with process(home, "jobs", "--carry-on", "--handed-over") as started:
        out, err = started.communicate(line.encode(), timeout=PATIENCE)
    assert (started.returncode, out) == (2, b"")
    assert err == b"--handed-over is for the program itself.\n"


def inherited(site: Simulated, *jobs: str, password: str = "secret") -> bytes:
    servers = tuple(InheritedServer(p.url, p.user, p.name, {}, True, password) for p in site.pools)
    return Inheritance(servers, jobs, 3).encode()


def trusted(site: Simulated, home: Path) -> None:
    for pool in site.pools:
        TrustFile(home).trust(pool.url, pool.fingerprint)


def test_a_refused_password_is_said_before_the_window_ends(site: Simulated, home: Path) -> None:
    trusted(site, home)
    with process(home, "jobs", "--carry-on", "--handed-over") as started:
        out, _err = started.communicate(inherited(site, password="wrong"), timeout=PATIENCE)
    assert started.returncode == 3
    answer = json.loads(out)
    assert not answer["ready"]
    assert "password" in answer["reason"]
    assert "wrong" not in (home / "xsmigui.log").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_it_goes_on_and_gives_the_jobs_away_on_request(site: Simulated, run: Run, home: Path) -> None:
    release = killed(site, run, home)
    trusted(site, home)
    (job,) = jobs_of(run)
    with process(home, "jobs", "--carry-on", "--handed-over") as started:
        assert started.stdin is not None
        assert started.stdout is not None
        started.stdin.write(inherited(site, job["job"]))
        started.stdin.flush()
        assert json.loads(started.stdout.readline()) == {"ready": True}
        eventually(lambda: list(home.glob(f"journal-*.{handover.GIVES}")))
        (owner,) = {path.stem.removeprefix("journal-") for path in home.glob(f"journal-*.{handover.GIVES}")}
        handover.put(home, owner, handover.ASKED)
        out, err = started.communicate(timeout=PATIENCE)
        assert (started.returncode, out, err) == (0, b"", b"")
    assert handover.queue(home, owner, datetime.now(UTC)) is not None
    assert "secret" not in "".join(path.read_text(errors="replace") for path in home.iterdir() if path.is_file())
    release()
    assert run("jobs", "--carry-on", *at(*site.pools))[0] == 0
    assert not list(home.glob("journal-*"))


WAITS = Waiting(("Madrid",), datetime(2026, 12, 5, 12, 0, tzinfo=UTC))


def test_servers_that_are_waited_for_are_named(run: Run, home: Path) -> None:
    """Nobody should find out after days that a process without a window waits for a server that is gone."""
    journal, job = JournalFile(home), a_job()

    async def wait(waits: Waiting | None) -> None:
        await journal.write(job, 0)
        journal.give_on_request()
        journal.wait_for(waits)

    asyncio.run(wait(WAITS))
    status, out, err = run("jobs")
    assert status == 0
    assert f"{job.id} continues without a window and {WAITS.sentence()}." in out + err
    assert "waits for Madrid, which does not answer, until 2026-12-05 12:00" in out + err
    status, out, _err = run("jobs", "--json")
    (found,) = json.loads(out)["jobs"]
    assert found["waits"] == {"servers": ["Madrid"], "until": "2026-12-05T12:00:00+00:00"}
    asyncio.run(wait(None))
    status, out, err = run("jobs")
    assert "waits for" not in out + err
    asyncio.run(journal.close())
    assert not list(home.glob("journal-*"))


class Cut:
    """Jobs whose pools are not connected, as they stand for `waiting_for`."""

    def __init__(self, **pools: tuple[str, ...]) -> None:
        self.pools = pools

    def get(self, job: str) -> SimpleNamespace:
        return SimpleNamespace(has_ended=job == "ended")

    def out_of_reach(self, job: str) -> tuple[str, ...]:
        return self.pools[job]

    def trouble(self, job: str) -> Trouble | None:
        return Trouble("no answer", 100.0, False) if self.pools[job] else None


def test_the_end_of_the_wait_stays_while_it_is_for_the_same_servers() -> None:
    now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    cut: Any = Cut(one=("Madrid", "Lisboa"), two=("Madrid",), three=(), ended=("Sevilla",))
    names = ["one", "two", "three", "ended"]
    first = waiting_for(cut, names, now, 3600.0)
    assert first == Waiting(("Madrid", "Lisboa"), now + timedelta(seconds=3500))
    assert waiting_for(cut, names, now + timedelta(seconds=60), 3600.0, first) is first
    cut.pools["one"] = ()
    assert waiting_for(cut, names, now, 3600.0, first) == Waiting(("Madrid",), now + timedelta(seconds=3500))
    cut.pools["two"] = ()
    assert waiting_for(cut, names, now, 3600.0, first) is None
