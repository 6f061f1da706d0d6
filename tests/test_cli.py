"""The command line: one JSON document on stdout, exit statuses, plans, passwords, certificates, interruption."""

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from gettext import NullTranslations
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.holding import PATIENCE
from tests.simulated import ServedPool, Simulated
from xsmigui import cli
from xsmigui.core import text
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.faults import Dropped


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as own:
        yield own


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as own:
        yield own


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The log and the language of this process, after the command line has set its own."""
    monkeypatch.setenv("LANGUAGE", "en")
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in [h for h in root.handlers if h not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    text.use(NullTranslations())


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command with the passwords on stdin: status, stdout, stderr."""

    def command(*arguments: str, stdin: str = "secret\n") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        status = cli.main(list(arguments))
        out = capsys.readouterr()
        return status, out.out, out.err

    return command


def at(*pools: ServedPool, trust: bool = True) -> list[str]:
    arguments = []
    for pool in pools:
        arguments += ["--server", pool.url]
    arguments.append("--password-stdin")
    if trust:
        for pool in pools:
            arguments += ["--fingerprint", pool.fingerprint]
    return arguments


def only(out: str) -> Any:
    """The one document on stdout."""
    assert out.count("\n") == 1
    assert out.endswith("\n")
    return json.loads(out)


def why(out: str) -> Any:
    """Why the one document on stdout has no job."""
    document = only(out)
    assert document["job"] is None
    return document["reason"]


# inventory


def test_inventory(shared_site: Simulated, run: Run) -> None:
    status, out, err = run("inventory", *at(*shared_site.pools), "--json")
    assert (status, err) == (0, "")
    pools = {p["name"]: p for p in only(out)["pools"]}
    assert pools.keys() == {"Madrid", "Lisboa"}
    madrid = pools["Madrid"]
    assert madrid.keys() >= {"name", "uuid", "url", "version", "hosts", "vms", "srs"}
    assert madrid["url"] == shared_site["Madrid"].url
    host = next(h for h in madrid["hosts"] if h["name"] == "madrid-01")
    assert host.keys() >= {"name", "uuid", "enabled", "live", "memory_free"}
    assert (host["enabled"], host["live"]) == (True, True)
    vm = next(v for v in madrid["vms"] if v["name"] == "web-01")
    assert vm.keys() >= {"name", "uuid", "power_state", "host", "home_server", "disks", "networks"}
    assert vm["power_state"] == "Running"
    assert vm["disks"][0].keys() >= {"uuid", "name", "sr", "size"}
    sr = next(s for s in madrid["srs"] if s["name"] == "NFS Madrid")
    assert sr.keys() >= {"name", "uuid", "type", "shared", "size", "free", "hosts"}
    assert sr["shared"] is True


def test_inventory_for_a_person(shared_site: Simulated, run: Run) -> None:
    status, out, _err = run("inventory", *at(shared_site["Lisboa"]))
    assert status == 0
    assert json.loads(out)["pools"][0]["name"] == "Lisboa"
    assert out.count("\n") > 10


# Connecting.


def test_an_unknown_certificate_is_refused(shared_site: Simulated, run: Run, home: Path) -> None:
    pool = shared_site["Madrid"]
    status, out, err = run("inventory", *at(pool, trust=False), "--json")
    assert (status, why(out)) == (3, "no-connection")
    assert "--fingerprint" in err
    assert "--trust-on-first-use" in err
    status, _out, _err = run("inventory", *at(pool, trust=False), "--fingerprint", "ab" * 32, "--json")
    assert status == 3
    plain = pool.fingerprint.replace(":", "").upper()
    assert run("inventory", *at(pool, trust=False), "--fingerprint", plain, "--json")[0] == 0
    assert run("inventory", *at(pool, trust=False), "--json")[0] == 0  # trusted by now
    assert json.loads((home / "trusted-certificates.json").read_bytes()) == {pool.url: pool.fingerprint}


def test_trust_on_first_use_and_a_certificate_that_changes(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    assert run("inventory", *at(pool, trust=False), "--trust-on-first-use", "--json")[0] == 0
    site.fault(pool, "exchange_certificate")
    status, out, err = run("inventory", *at(pool, trust=False), "--trust-on-first-use", "--json")
    assert (status, why(out)) == (3, "no-connection")
    assert pool.url in err


def test_wrong_password(shared_site: Simulated, run: Run) -> None:
    status, out, err = run("inventory", *at(shared_site["Madrid"]), "--json", stdin="hunter2\n")
    assert (status, why(out)) == (3, "no-connection")
    assert err.strip()
    assert "hunter2" not in err


def test_a_password_for_each_server(site: Simulated, run: Run) -> None:
    site.run(lambda: site["Lisboa"].pool.account("root", "other"))
    assert run("inventory", *at(*site.pools), "--json", stdin="secret\nother\n")[0] == 0
    assert run("inventory", *at(*site.pools), "--json", stdin="secret\n")[0] == 3
    for stdin in ("", "secret"):
        status, _out, err = run(
            "inventory", *at(*site.pools), *at(site["Madrid"], trust=False)[:2], "--json", stdin=stdin and "a\nb\n"
        )
        assert status == 2
        assert ("fewer passwords" if stdin else "no line") in err


def test_no_password_and_nobody_to_ask(shared_site: Simulated, run: Run) -> None:
    status, out, err = run("inventory", "--server", shared_site["Madrid"].url, "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert "--password-stdin" in err


def test_nobody_there(shared_site: Simulated, run: Run) -> None:
    pool = shared_site["Madrid"]
    status, out, err = run("inventory", *at(pool), "--server", "https://127.0.0.1:1", "--json")
    assert (status, why(out)) == (3, "no-connection")
    assert "127.0.0.1:1" in err


def test_two_members_of_one_pool_are_one_pool(shared_site: Simulated, run: Run) -> None:
    pool = shared_site["Madrid"]
    members = ["--server", pool.member_urls[0], "--server", pool.member_urls[1]]
    status, out, _err = run("inventory", *at(pool, trust=False), *members, "--trust-on-first-use", "--json")
    assert status == 0
    assert [p["name"] for p in only(out)["pools"]] == ["Madrid"]


# Arguments.


@pytest.mark.parametrize(
    "arguments",
    [
        ["inventory"],
        ["fly"],
        ["inventory", "--server", "https://x:99999999", "--password-stdin"],
        ["inventory", "--server", "ftp://x", "--password-stdin"],
        ["inventory", "--server", "x", "--fingerprint", "aa", "--trust-on-first-use"],
        ["--lang", "fr"],
    ],
)
def test_bad_arguments(run: Run, arguments: list[str]) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ([], "--vm"),
        (["--vm", "web-01"], "--to"),
        (["--vm", "nobody", "--to", "Lisboa"], "nobody"),
        (["--vm", "web-01", "--to", "Porto"], "Porto"),
        (["--vm", "web-01", "--to", "Lisboa", "--host", "madrid-01"], "madrid-01"),
        (["--vm", "web-01", "--to", "Lisboa", "--sr", "nowhere"], "nowhere"),
        (["--vm", "web-01", "--to", "Lisboa", "--disk", "x"], "--disk"),
        (["--vm", "web-01", "--to", "Lisboa", "--disk", "x=NFS Lisboa"], "x"),
        (["--vm", "web-01", "--to", "Lisboa", "--network", "=Guests"], "--network"),
        (["--vm", "web-01", "--to", "Lisboa", "--network", "0=nowhere"], "nowhere"),
        (["--vm", "web-01", "--to", "Lisboa", "--storage-network", "nowhere"], "nowhere"),
        (["--plan", "/nowhere.json"], "/nowhere.json"),
        (["--plan", "/nowhere.json", "--vm", "web-01"], "either"),
    ],
)
def test_bad_selections(shared_site: Simulated, run: Run, selection: list[str], message: str) -> None:
    status, out, err = run("preflight", *at(*shared_site.pools), *selection, "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert message in err


def test_help_and_version(run: Run) -> None:
    status, out, _err = run("--version")
    assert (status, out.split()[0]) == (0, "xsmigui")
    assert run("migrate", "--help")[0] == 0
    assert run("--lang", "es", "--help")[1] != run("--lang=en", "--help")[1]


def test_the_language(shared_site: Simulated, run: Run) -> None:
    arguments = ["preflight", *at(*shared_site.pools), "--vm", "nobody", "--to", "Lisboa"]
    assert run("--lang", "es", *arguments)[2] != run("--lang", "en", *arguments)[2]


# preflight


def test_preflight_between_pools_and_inside_one(shared_site: Simulated, run: Run) -> None:
    for to, options in (("Lisboa", []), ("Madrid", ["--host", "madrid-02"]), ("lisboa-02", ["--sr", "NFS Lisboa"])):
        status, out, _err = run("preflight", *at(*shared_site.pools), "--vm", "web-01", "--to", to, *options, "--json")
        document = only(out)
        assert status == 0, document
        assert document.keys() >= {"possible", "problems", "plan", "capacity"}
        assert document["possible"] is True
        assert document["plan"]["moves"][0]["vm"]["name"] == "web-01"
        for problem in document["problems"]:
            assert problem.keys() >= {"rule", "severity", "subject", "message", "hint", "fix", "source"}
            assert problem["severity"] in ("block", "warn", "info")
            assert problem["subject"].keys() == {"class", "uuid", "name"}
    assert len(shared_site.run(lambda: list(shared_site["Lisboa"].pool.sessions.live))) == 0


def test_changed_block_tracking_is_rule_53(shared_site: Simulated, run: Run) -> None:
    arguments = ["preflight", *at(*shared_site.pools), "--vm", "backup-cbt", "--to", "Lisboa"]
    status, out, _err = run(*arguments, "--json")
    document = only(out)
    assert (status, document["possible"], document["plan"]) == (1, False, None)
    (problem,) = [p for p in document["problems"] if p["rule"] == "R53"]
    assert (problem["severity"], problem["fix"]) == ("block", "disable-cbt")
    status, out, _err = run(*arguments)
    assert status == 1
    assert "R53" in out


def test_preflight_for_a_person(shared_site: Simulated, run: Run) -> None:
    status, out, _err = run("preflight", *at(*shared_site.pools), "--vm", "web-01", "--to", "Lisboa")
    assert status == 0
    assert "web-01" in out
    assert out.strip().endswith("It is possible.")


# migrate


def migrate(site: Simulated, *arguments: str) -> list[str]:
    return ["migrate", *at(*site.pools), *arguments]


def test_migrate(site: Simulated, run: Run, tmp_path: Path) -> None:
    arguments = ["--vm", "web-01", "--to", "Lisboa", "--sr", "NFS Lisboa", "--report", str(tmp_path / "r"), "--yes"]
    status, out, err = run(*migrate(site, *arguments), "--json")
    document = only(out)
    assert status == 0, document
    assert document["state"] == "done"
    (vm,) = document["vms"]
    assert vm.keys() >= {"uuid", "name", "state", "host", "disks", "verified", "problems"}
    assert (vm["name"], vm["state"], vm["verified"]) == ("web-01", "done", True)
    assert vm["host"].startswith("lisboa-")
    assert vm["disks"][0].keys() == {"old", "new", "sr"}
    assert vm["disks"][0]["sr"] == "NFS Lisboa"
    assert "copying disks" in err
    (report,) = (tmp_path / "r").glob("*.json")
    assert json.loads(report.read_bytes())["job"] == document["job"]
    (page,) = (tmp_path / "r").glob("*.html")
    told = page.read_text(encoding="utf-8")
    assert all(disk[which] in told for disk in vm["disks"] for which in ("old", "new"))
    assert "as planned" in told
    for pool in site.pools:
        assert site.run(lambda pool=pool: list(pool.pool.sessions.live)) == []


def test_migrate_for_a_person(site: Simulated, run: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    arguments = ["--vm", "web-01", "--to", "Madrid", "--host", "madrid-03", "--yes", "--report", str(blocked)]
    status, out, err = run(*migrate(site, *arguments))
    assert status == 0
    assert "web-01 → madrid-03: done, and verified." in out
    assert "The report was not written" in err


def test_a_plan_is_kept_and_carried_out(site: Simulated, run: Run, tmp_path: Path) -> None:
    """By itself, and as preflight prints it."""
    status, out, _err = run("preflight", *at(*site.pools), "--vm", "web-01", "--to", "Lisboa", "--json")
    assert status == 0
    plan, whole = tmp_path / "plan.json", tmp_path / "whole.json"
    plan.write_text(json.dumps(only(out)["plan"]))
    whole.write_text(out)
    for path in (plan, whole):
        status, again, _err = run("preflight", *at(*site.pools), "--plan", str(path), "--json")
        assert (status, only(again)["plan"]) == (0, only(out)["plan"])
    status, out, _err = run(*migrate(site, "--plan", str(plan), "--yes"), "--json")
    assert (status, only(out)["state"]) == (0, "done")
    status, out, err = run(*migrate(site, "--plan", str(plan), "--yes"), "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert "web-01" in err


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"plan": null}', '{"format": 1}', "\xff"])
def test_what_is_no_plan(shared_site: Simulated, run: Run, tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content.encode("latin-1"))
    status, out, err = run("preflight", *at(*shared_site.pools), "--plan", str(path), "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert "plan.json" in err


def test_a_plan_of_another_version(shared_site: Simulated, run: Run, tmp_path: Path) -> None:
    _status, out, _err = run("preflight", *at(*shared_site.pools), "--vm", "web-01", "--to", "Lisboa", "--json")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(only(out)["plan"] | {"format": 99}))
    status, out, err = run("preflight", *at(*shared_site.pools), "--plan", str(path), "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert "another version" in err


def test_refused_by_preflight(shared_site: Simulated, run: Run) -> None:
    status, out, err = run(*migrate(shared_site, "--vm", "backup-cbt", "--to", "Lisboa", "--yes"), "--json")
    document = only(out)
    assert (status, document["job"], document["vms"], document["reason"]) == (1, None, [], "refused")
    assert "R53" in [p["rule"] for p in document["problems"]]
    assert "R53" in err


def test_without_yes_and_without_a_terminal_nothing_is_started(shared_site: Simulated, run: Run) -> None:
    status, out, err = run(*migrate(shared_site, "--vm", "web-01", "--to", "Lisboa"), "--json")
    document = only(out)
    assert (status, document["job"], document["state"], document["reason"]) == (5, None, "cancelled", "not-agreed")
    assert "--yes" in err


@pytest.mark.parametrize(("answer", "expected"), [("no\n", 5), ("\n", 5), ("", 5), ("YES\n", 0), ("yes\n", 0)])
def test_asked_at_the_terminal(
    site: Simulated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, expected: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr("getpass.getpass", lambda _prompt, _stream: "secret")
    arguments = ["migrate", *at(*site.pools), "--vm", "web-01", "--to", "Madrid", "--host", "madrid-02"]
    arguments.remove("--password-stdin")
    assert cli.main(arguments) == expected
    assert "Start it?" in capsys.readouterr().err


def test_a_job_that_fails(site: Simulated, run: Run) -> None:
    refused = Failure("INTERNAL_ERROR", "no mood")
    site.run(lambda: site["Madrid"].pool.faults.add("VM.migrate_send", failure=refused))
    status, out, _err = run(*migrate(site, "--vm", "web-01", "--to", "Lisboa", "--yes"), "--json")
    document = only(out)
    assert (status, document["state"]) == (4, "failed")
    (vm,) = document["vms"]
    assert (vm["state"], vm["verified"]) == ("failed", False)
    assert vm["problems"][0]["raw"] == "INTERNAL_ERROR(no mood)"
    status, out, _err = run(*migrate(site, "--vm", "web-01", "--to", "Lisboa", "--yes"), "--json")
    assert status == 0  # nothing was left behind that would be in the way


def held(site: Simulated, free: int) -> tuple[threading.Event, Callable[[], None]]:
    """Simulated time that stands still after some pauses."""
    import asyncio

    stopped = threading.Event()
    clock, go = site.site.clock, {}

    def begin() -> None:
        go["event"] = asyncio.Event()
        inner, left = clock.sleep, [free]

        async def sleep(seconds: float) -> None:
            left[0] -= 1
            if left[0] < 0 and not go["event"].is_set():
                stopped.set()
                await go["event"].wait()
            await inner(seconds)

        clock.sleep = sleep  # type: ignore[method-assign]

    site.run(begin)
    return stopped, lambda: site.run(lambda: go["event"].set())


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_interrupted_the_server_goes_on(site: Simulated, run: Run) -> None:
    stopped, release = held(site, 4)

    def interrupt() -> None:
        stopped.wait(PATIENCE)
        eventually(lambda: site.run(lambda: any(w for w in site["Madrid"].pool.tasks.running)))
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt, name="killer")
    killer.start()
    arguments = ["--vm", "web-01", "--vm", "web-02", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes"]
    status, out, err = run(*migrate(site, *arguments), "--json")
    killer.join()
    document = only(out)
    assert (status, document["state"]) == (130, "interrupted")
    assert {vm["name"] for vm in document["vms"]} == {"web-01", "web-02"}
    assert not any(vm["verified"] for vm in document["vms"])
    assert "These continue on the servers (Madrid → Lisboa): web-01 and web-02." in err
    release()
    eventually(lambda: site.call(site["Lisboa"], "VM.get_by_name_label", "web-01"))
    eventually(lambda: not site.call(site["Madrid"], "VM.get_by_name_label", "web-01"))


# As a process of its own.


def process(home: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "XSMIGUI_HOME": str(home), "LANGUAGE": "en"}
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    return subprocess.Popen(
        [sys.executable, "-m", "xsmigui", *arguments],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_process(site: Simulated, home: Path) -> None:
    with process(home, "preflight", *at(*site.pools), "--vm", "backup-cbt", "--to", "Lisboa", "--json") as started:
        out, err = started.communicate(b"secret\n", timeout=PATIENCE)
    assert started.returncode == 1, err
    assert "R53" in [p["rule"] for p in only(out.decode())["problems"]]
    assert (home / "xsmigui.log").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
def test_a_process_that_is_terminated(site: Simulated, home: Path) -> None:
    stopped, release = held(site, 4)
    with process(home, *migrate(site, "--vm", "web-01", "--to", "Lisboa", "--yes", "--json")) as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stopped.wait(PATIENCE)
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=PATIENCE)
    assert started.returncode == 130, err
    assert only(out.decode())["state"] == "interrupted"
    assert b"web-01" in err
    log = (home / "xsmigui.log").read_text()
    assert "secret" not in log
    release()
    eventually(lambda: site.call(site["Lisboa"], "VM.get_by_name_label", "web-01"))


# The journal.


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_and_taken_up(site: Simulated, run: Run, home: Path) -> None:
    """SIGKILL of the real program while the server works: the next one sees it, and brings it to its end."""
    stopped, release = held(site, 4)
    with process(home, *migrate(site, "--vm", "web-01", "--to", "Lisboa", "--yes", "--json")) as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stopped.wait(PATIENCE)
        eventually(lambda: [t for t in jobs_of(run) if t["vms"][0]["state"] == "running"])
        (job,) = jobs_of(run)
        assert run("jobs", "--resume", job["job"], *at(*site.pools))[0] == 2  # another carries it out
        started.kill()
        started.communicate(timeout=PATIENCE)
    (job,) = jobs_of(run)
    assert (job["finished"], job["vms"][0]["name"]) == (False, "web-01")
    assert "unfinished" in run("jobs")[1]
    release()
    status, out, err = run("jobs", "--resume", job["job"], *at(*site.pools), "--json")
    assert status == 0, err
    (vm,) = only(out)["vms"]
    assert (vm["state"], vm["verified"]) == ("done", True)
    assert vm["disks"][0]["old"] != vm["disks"][0]["new"]
    status, out, _err = run("jobs", "--show", job["job"], "--json")
    shown = only(out)
    assert (status, shown["state"], shown["finished"]) == (0, "done", True)
    assert [entry["state"] for entry in shown["history"]][-1] == "done"
    assert vm["disks"][0]["new"] in run("jobs", "--show", job["job"])[1]
    status, _out, err = run("jobs", "--resume", job["job"], *at(*site.pools))
    assert status == 2
    assert "no unfinished job" in err


def jobs_of(run: Run) -> Any:
    status, out, err = run("jobs", "--json")
    assert status == 0, err
    return only(out)["jobs"]


def test_the_journal_of_nothing(run: Run) -> None:
    assert jobs_of(run) == []
    assert run("jobs", "--show", "nothing")[0] == 2
    assert run("jobs", "--resume", "nothing")[0] == 2  # no servers were given


def test_an_unfinished_job_is_given_up(site: Simulated, run: Run, home: Path) -> None:
    stopped, release = held(site, 4)
    arguments = ["--vm", "web-01", "--vm", "web-02", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes", "--json"]
    with process(home, *migrate(site, *arguments)) as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stopped.wait(PATIENCE)
        eventually(lambda: [t for t in jobs_of(run) if {vm["state"] for vm in t["vms"]} == {"running"}])
        started.kill()
        started.communicate(timeout=PATIENCE)
    (job,) = jobs_of(run)
    asked = site.run(lambda: site["Madrid"].pool.faults.add("task.cancel", nth=1_000_000))

    def release_when_asked() -> None:
        eventually(lambda: asked.seen >= len(job["vms"]))
        release()

    releasing = threading.Thread(target=release_when_asked)
    releasing.start()
    status, out, _err = run("jobs", "--revert", job["job"], *at(*site.pools), "--json")
    releasing.join()
    document = only(out)
    assert (status, document["state"]) == (0, "done")  # what was asked for
    assert {vm["state"] for vm in document["vms"]} == {"cancelled"}
    assert site.call(site["Madrid"], "VM.get_by_name_label", "web-01")
    assert not site.call(site["Lisboa"], "VM.get_by_name_label", "web-01")


# Single disks.


def disk_of(site: Simulated, vm: str) -> dict[str, Any]:
    """The record of a VM's first disk."""
    madrid = site["Madrid"]
    vbds = site.call(madrid, "VM.get_VBDs", site.call(madrid, "VM.get_by_name_label", vm)[0])
    records = [site.call(madrid, "VBD.get_record", vbd) for vbd in vbds]
    first = min((r for r in records if r["type"] == "Disk"), key=lambda r: r["userdevice"])
    return dict(site.call(madrid, "VDI.get_record", first["VDI"]))


@pytest.mark.parametrize("vm", ["monitoring", "web-01", "intranet-old", "erp-test", "test-suspended"])
def test_a_disk_moves_and_its_vm_stays(site: Simulated, run: Run, vm: str) -> None:
    madrid = site["Madrid"]
    ref = site.call(madrid, "VM.get_by_name_label", vm)[0]
    before = site.call(madrid, "VM.get_record", ref)
    disk = disk_of(site, vm)
    source = site.call(madrid, "SR.get_name_label", disk["SR"])
    goal = next(name for name in ("NFS Madrid", "iSCSI Madrid") if name != source)
    command = ["move-disk", *at(madrid), "--vdi", disk["uuid"], "--sr", goal, "--json"]
    status, out, _err = run(*command)
    assert (status, only(out)["state"]) == (5, "cancelled")  # nobody said yes
    status, out, err = run(*command, "--yes")
    assert status == 0, err
    (told,) = only(out)["vms"]
    assert (told["name"], told["verified"]) == (vm, True)
    moved = next(d for d in told["disks"] if d["old"] == disk["uuid"])
    assert (moved["sr"], moved["new"] != moved["old"]) == (goal, True)
    after = site.call(madrid, "VM.get_record", ref)
    kept = ("power_state", "resident_on", "affinity", "blocked_operations")
    assert {key: before[key] for key in kept} == {key: after[key] for key in kept}
    now = disk_of(site, vm)
    assert (now["uuid"], now["name_label"], now["virtual_size"]) == (
        moved["new"], disk["name_label"], disk["virtual_size"],
    )  # fmt: skip
    assert site.call(madrid, "SR.get_name_label", now["SR"]) == goal
    status, out, _err = run(*command[:-1], "--json", "--yes")
    assert status == 2  # the old uuid is gone, or is a kept source


def test_disks_that_cannot_move(site: Simulated, run: Run) -> None:
    madrid = site["Madrid"]
    tracked = disk_of(site, "backup-cbt")
    status, out, _err = run(
        "move-disk", *at(madrid), "--vdi", tracked["uuid"], "--sr", "iSCSI Madrid", "--yes", "--json"
    )
    assert status == 1
    assert "R53" in [p["rule"] for p in only(out)["problems"]]
    iso = site.call(madrid, "VDI.get_by_name_label", "ubuntu-24.04-live-server-amd64.iso")[0]
    uuid = site.call(madrid, "VDI.get_uuid", iso)
    status, _out, err = run("move-disk", *at(madrid), "--vdi", uuid, "--sr", "NFS Madrid", "--yes")
    assert status == 2
    assert "CD of an ISO library" in err
    running = disk_of(site, "web-01")
    status, _out, err = run(
        "move-disk", *at(madrid), "--vdi", running["uuid"], "--sr", "iSCSI Madrid", "--keep-source", "-1", "--yes"
    )
    assert status == 2
    status, _out, err = run(
        "move-disk", *at(madrid), "--vdi", tracked["uuid"], "--sr", "NFS Madrid", "--keep-source", "3", "--yes"
    )
    assert status == 2
    assert "keep-source" in err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("free", [0, 1, 3, 5, 7])
def test_killed_while_a_disk_moves(site: Simulated, run: Run, home: Path, free: int) -> None:
    """SIGKILL of the real program at one moment after the other: the VM has a whole disk all the time, the next program
    says how it ended, and one disk is left."""
    madrid, vm = site["Madrid"], "monitoring"
    disk = disk_of(site, vm)
    source = site.call(madrid, "SR.get_name_label", disk["SR"])
    goal = next(name for name in ("NFS Madrid", "iSCSI Madrid") if name != source)
    count = len(site.call(madrid, "VDI.get_all"))
    stopped, release = held(site, free)
    with process(home, "move-disk", *at(madrid), "--vdi", disk["uuid"], "--sr", goal, "--yes") as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stopped.wait(PATIENCE)
        eventually(lambda: [job for job in jobs_of(run) if job["vms"][0]["state"] == "running"])
        started.kill()
        started.communicate(timeout=PATIENCE)
    assert disk_of(site, vm)["virtual_size"] == disk["virtual_size"]
    release()
    (job,) = jobs_of(run)
    status, out, err = run("jobs", "--resume", job["job"], *at(madrid), "--json")
    assert status == 0, err
    (told,) = only(out)["vms"]
    assert (told["state"], told["verified"]) == ("done", True)
    now = disk_of(site, vm)
    assert now["uuid"] in [d["new"] for d in told["disks"]]
    assert site.call(madrid, "SR.get_name_label", now["SR"]) == goal
    eventually(lambda: len(site.call(madrid, "VDI.get_all")) == count)
    eventually(lambda: not site.call(madrid, "VM.get_record", site.vm(madrid, vm))["current_operations"])


OFFLINE = (
    "VM.add_to_other_config",
    "VM.set_blocked_operations",
    "VDI.add_to_other_config",
    "VDI.create",
    "VDI.copy",
    "SR.scan",
    "VBD.create",
    "VDI.set_name_label",
    "VBD.destroy",
    "VBD.set_userdevice",
    "VDI.add_tags",
    "VDI.remove_from_other_config",
    "VM.remove_from_other_config",
)


class Stop:
    """The simulator stands still at the first call of a kind, before it is carried out or (`after`) instead of
    answering it; `release` lets it go on."""

    def __init__(self, site: Simulated, method: str, after: bool) -> None:
        self.reached = threading.Event()
        self._site = site
        faults = site["Madrid"].pool.faults
        strike = faults.strike

        async def stopped(call: Any) -> None:
            await strike(call)
            if call.message.full == method and not self.reached.is_set():
                self._go = asyncio.Event()
                self.reached.set()
                if after:
                    call.cut = 0
                else:
                    await self._go.wait()
                    raise Dropped(method)

        faults.strike = stopped  # type: ignore[method-assign]

    def release(self) -> None:
        self._site.run(self._go.set)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("end", ["--resume", "--revert"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", OFFLINE)
def test_killed_while_a_disk_is_copied(
    site: Simulated, run: Run, home: Path, method: str, after: bool, end: str
) -> None:
    """SIGKILL of the real program around each kind of step of an offline move: the VM has its disk all the time; after
    finish, and after undo, it has exactly one in its position, and nothing of ours is left behind."""
    madrid, vm = site["Madrid"], "intranet-old"
    disk = disk_of(site, vm)
    count = len(site.call(madrid, "VDI.get_all"))
    stop = Stop(site, method, after)
    with process(
        home, "move-disk", *at(madrid), "--vdi", disk["uuid"], "--sr", "NFS Madrid", "--keep-source", "3", "--yes"
    ) as started:
        assert started.stdin is not None
        started.stdin.write(b"secret\n")
        started.stdin.close()
        started.stdin = None
        assert stop.reached.wait(PATIENCE)
        started.kill()
        started.communicate(timeout=PATIENCE)
    stop.release()
    assert disk_of(site, vm)["virtual_size"] == disk["virtual_size"]
    (job,) = jobs_of(run)
    status, out, err = run("jobs", end, job["job"], *at(madrid), "--json")
    if status == 2:  # it had ended by itself before it was killed
        assert jobs_of(run)[0]["finished"]
        assert method == "VM.remove_from_other_config"
        return
    (told,) = only(out)["vms"]
    now = disk_of(site, vm)
    vbds = [site.call(madrid, "VBD.get_record", v) for v in site.call(madrid, "VM.get_VBDs", site.vm(madrid, vm))]
    assert [v["userdevice"] for v in vbds if v["type"] == "Disk"] == ["0"]
    assert site.call(madrid, "VM.get_record", site.vm(madrid, vm))["blocked_operations"] == {}
    records = site.call(madrid, "VDI.get_all_records").values()
    assert not [
        r["name_label"] for r in records if "xsmigui-job" in r["other_config"] or "[incomplete" in r["name_label"]
    ]
    if end == "--resume":
        assert status == 0, err
        assert (told["state"], told["verified"]) == ("done", True)
        assert site.call(madrid, "SR.get_name_label", now["SR"]) == "NFS Madrid"
        assert (now["name_label"], now["virtual_size"]) == (disk["name_label"], disk["virtual_size"])
        assert len(records) == count + 1
        status, out, err = run("jobs", "--revert", job["job"], *at(madrid), "--json")  # long after it has ended
        assert status == 0, err
        assert disk_of(site, vm)["uuid"] == disk["uuid"]
        assert disk_of(site, vm)["name_label"] == disk["name_label"]
    else:
        assert told["state"] == "cancelled", told
        assert (now["uuid"], now["name_label"], now["other_config"]) == (
            disk["uuid"], disk["name_label"], disk["other_config"],
        )  # fmt: skip
        assert len(records) == count


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
def test_a_reader_that_has_seen_enough(site: Simulated, run: Run, home: Path) -> None:
    """``xsmigui jobs | head -1``: no traceback."""
    madrid = site["Madrid"]
    disk = disk_of(site, "intranet-old")
    status, _out, err = run("move-disk", *at(madrid), "--vdi", disk["uuid"], "--sr", "NFS Madrid", "--yes")
    assert status == 0, err
    (job,) = jobs_of(run)
    with process(home, "jobs", "--show", job["job"]) as started:
        assert started.stdout is not None
        started.stdout.close()
        started.stdout = None
        _out_bytes, said = started.communicate(timeout=PATIENCE)
    assert started.returncode == 0
    assert b"Traceback" not in (said or b"")
    assert b"Broken" not in (said or b"")
    lines = [
        line.split("  ", 1)[1]
        for line in run("jobs", "--show", job["job"])[1].splitlines()
        if line[:2] == "20" and "  " in line
    ]
    assert len(lines) > 20
    assert not [one for one, two in pairwise(lines) if one == two]


# evacuate


def test_a_host_is_emptied_for_its_maintenance_and_filled_again(site: Simulated, run: Run) -> None:
    lisboa = site["Lisboa"]
    host = site.run(lambda: next(r for r, h in lisboa.pool.db.table("host").items() if h["name_label"] == "lisboa-02"))

    def there() -> set[str]:
        rows = lisboa.pool.db.table("VM").values()
        return {v["name_label"] for v in rows if v["resident_on"] == host and not v["is_control_domain"]}

    before = site.run(there)
    assert before
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--at-once", "1", "--yes", "--json")
    assert status == 0, err
    document = only(out)
    assert document["state"] == "done"
    assert {vm["name"] for vm in document["vms"]} == before
    assert all(vm["verified"] and vm["host"] == "lisboa-01" for vm in document["vms"])
    assert "lisboa-02 is empty and in maintenance mode." in err
    assert site.run(there) == set()
    assert site.run(lambda: lisboa.pool.db.get("host", host, "enabled")) is False

    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes", "--json")
    document = only(out)
    assert (status, document["state"], document["reason"], document["vms"]) == (0, "done", "nothing-to-move", [])

    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--leave", "--yes", "--json")
    assert status == 0, err
    assert {vm["name"] for vm in only(out)["vms"]} == before
    assert site.run(there) == before
    assert site.run(lambda: lisboa.pool.db.get("host", host, "enabled")) is True


def lisboa_02(site: Simulated) -> str:
    db = site["Lisboa"].pool.db
    return site.run(lambda: next(r for r, h in db.table("host").items() if h["name_label"] == "lisboa-02"))


def kept_list(site: Simulated, key: str = "MIGRATED") -> set[str]:
    """The uuids that lisboa-02 remembers."""
    host = lisboa_02(site)
    config = site.run(lambda: site["Lisboa"].pool.db.get("host", host, "other_config"))
    return set(config.get(f"MAINTENANCE_MODE_EVACUATED_VMS_{key}", "").split(",")) - {""}


def test_the_maintenance_outlives_the_reboot(site: Simulated, run: Run) -> None:
    """Emptied, restarted (it comes back enabled), emptied once more, filled again; with one VM that was shut down."""
    lisboa, host = site["Lisboa"], lisboa_02(site)
    arguments = [*at(lisboa), "--host", "lisboa-02", "--yes", "--json"]
    status, out, err = run("evacuate", *arguments)
    assert status == 0, err
    moved = kept_list(site)
    assert len(moved) == 2
    site.call(lisboa, "host.reboot", host)
    assert site.run(lambda: lisboa.pool.db.get("host", host, "enabled")) is True
    status, out, err = run("evacuate", *arguments)
    assert (status, only(out)["vms"]) == (0, []), err
    assert kept_list(site) == moved
    site.call(lisboa, "host.reboot", host)
    status, out, err = run("evacuate", *arguments, "--leave")
    assert status == 0, err
    assert {vm["name"] for vm in only(out)["vms"]} == {"web-lx-02", "dns-lx"}
    config = site.run(lambda: lisboa.pool.db.get("host", host, "other_config"))
    assert not [key for key in config if key.startswith("MAINTENANCE_MODE")]


def test_what_fits_returns_and_the_rest_is_listed_with_its_reason(site: Simulated, run: Run) -> None:
    lisboa, host = site["Lisboa"], lisboa_02(site)
    db = lisboa.pool.db
    arguments = [*at(lisboa), "--host", "lisboa-02", "--json"]
    assert run("evacuate", *arguments, "--yes")[0] == 0
    whole = kept_list(site)

    def shrink() -> str:
        """Leave room for the smaller one; its name."""
        vms = {r: v for r, v in db.table("VM").items() if v["uuid"] in whole}
        small = min(vms, key=lambda r: vms[r]["memory_dynamic_min"])
        dom0 = [v for v in db.table("VM").values() if v["resident_on"] == host]
        used = sum(v["memory_dynamic_min"] + v["memory_overhead"] for v in (*dom0, vms[small]))
        metrics = db.get("host", host, "metrics")
        db.set("host_metrics", metrics, memory_total=used + db.get("host", host, "memory_overhead"))
        return str(vms[small]["name_label"])

    small = site.run(shrink)
    status, out, err = run("evacuate", *arguments, "--leave")  # nobody agrees: nothing changes
    assert (status, only(out)["state"]) == (5, "cancelled")
    assert "Cannot come back now:" in err
    assert "memory" in err
    assert kept_list(site) == whole
    assert site.run(lambda: db.get("host", host, "enabled")) is False

    status, out, err = run("evacuate", *arguments, "--leave", "--yes")
    document = only(out)
    assert [vm["name"] for vm in document["vms"]] == [small]
    assert status == 4
    (left,) = document["left"]
    assert "memory" in left["reason"]
    assert f"{left['name']} did not come back" in err
    assert kept_list(site) == {left["uuid"]}

    def grow() -> None:
        db.set("host_metrics", db.get("host", host, "metrics"), memory_total=64 << 30)

    site.run(grow)
    status, out, err = run("evacuate", *arguments, "--leave", "--yes")
    assert (status, [vm["name"] for vm in only(out)["vms"]]) == (0, [left["name"]]), err
    assert kept_list(site) == set()


def test_what_was_shut_down_is_started_again(site: Simulated, run: Run) -> None:
    """By whichever program: the list of those that were shut down is XenCenter's too."""
    lisboa, host = site["Lisboa"], lisboa_02(site)
    db = lisboa.pool.db
    vm = site.vm(lisboa, "dns-lx")
    site.call(lisboa, "VM.clean_shutdown", vm)
    uuid = site.run(lambda: db.get("VM", vm, "uuid"))
    site.call(lisboa, "host.add_to_other_config", host, "MAINTENANCE_MODE_EVACUATED_VMS_HALTED", uuid)
    assert run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes")[0] == 0
    web = site.vm(lisboa, "web-lx-02")
    site.call(lisboa, "VM.clean_shutdown", web)  # by somebody, after it was moved
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--leave", "--json")
    assert (status, only(out)["state"]) == (5, "cancelled")
    assert "These are started on lisboa-02: dns-lx." in err
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--leave", "--yes", "--json")
    assert status == 0, err
    document = only(out)
    assert (document["started"], document["no_longer_waiting"]) == (["dns-lx"], ["web-lx-02"])
    assert "somebody has started or stopped them since: web-lx-02." in err
    assert site.run(lambda: db.get("VM", web, "power_state")) == "Halted"
    assert site.run(lambda: db.get("VM", vm, "resident_on")) == host
    assert kept_list(site, "HALTED") == set()


def test_what_cannot_leave_is_left_out_when_told_so(site: Simulated, run: Run) -> None:
    madrid = site["Madrid"]
    arguments = [*at(madrid), "--host", "madrid-02", "--yes", "--json"]
    status, out, err = run("evacuate", *arguments, "--leave-out-blocked")
    document = only(out)
    assert (status, document["state"], document["reason"]) == (4, "failed", "not-empty")
    assert all(vm["state"] == "done" for vm in document["vms"])
    assert document["vms"]
    assert "Left out:" in err
    assert "locked-by-backup" in err
    assert "madrid-02 is not empty" in err
    left = {vm["name"] for vm in document["left"]}
    assert "locked-by-backup" in left
    assert not left & {vm["name"] for vm in document["vms"]}
    assert all(vm["reason"] for vm in document["left"])


def test_a_host_that_cannot_be_emptied_stays_as_it_is(site: Simulated, run: Run) -> None:
    madrid = site["Madrid"]
    status, out, err = run("evacuate", *at(madrid), "--host", "madrid-02", "--yes", "--json")
    assert status == 1
    document = only(out)
    assert (document["job"], document["state"], document["reason"]) == (None, "failed", "refused")
    assert "R07" in {p["rule"] for p in document["problems"] if p["severity"] == "block"}
    assert "locked-by-backup" in err
    rows = madrid.pool.db.table("host").values()
    assert site.run(lambda: all(h["enabled"] for h in rows))


def test_an_emptying_that_nobody_agrees_to(site: Simulated, run: Run) -> None:
    lisboa = site["Lisboa"]
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--json")
    document = only(out)
    assert (status, document["state"], document["reason"]) == (5, "cancelled", "not-agreed")
    assert "add --yes" in err
    assert site.run(lambda: all(h["enabled"] for h in lisboa.pool.db.table("host").values()))


def test_nothing_changes_without_agreement_where_nothing_moves(site: Simulated, run: Run) -> None:
    lisboa = site["Lisboa"]
    db = lisboa.pool.db
    host = site.run(lambda: next(r for r, h in db.table("host").items() if h["name_label"] == "lisboa-02"))

    def clear() -> None:
        for ref, vm in list(db.table("VM").items()):
            if vm["resident_on"] == host and not vm["is_control_domain"]:
                db.set("VM", ref, power_state="Halted", resident_on="OpaqueRef:NULL")

    site.run(clear)
    for more, enabled in (([], True), (["--leave"], False)):
        site.run(lambda enabled=enabled: db.set("host", host, enabled=enabled))
        status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", *more, "--json")
        assert (status, only(out)["state"]) == (5, "cancelled")
        assert "lisboa-02" in err
        assert "add --yes" in err
        assert site.run(lambda: db.get("host", host, "enabled")) is enabled


def test_maintenance_that_is_over_already_or_reached_already_asks_nothing(site: Simulated, run: Run) -> None:
    """Nothing to do is neither a no nor a refusal: nobody is asked, and nothing is called."""
    lisboa, host = site["Lisboa"], lisboa_02(site)
    db = lisboa.pool.db
    arguments = [*at(lisboa), "--host", "lisboa-02"]
    site.fault(lisboa, "refuse", method="host.enable", failure=["HOST_IN_EMERGENCY_MODE"])
    status, out, err = run("evacuate", *arguments, "--leave", "--json")
    document = only(out)
    assert (status, document["state"], document["reason"]) == (0, "done", "nothing-to-move"), err
    assert "lisboa-02 is not in maintenance mode, and no VM waits to return to it." in err
    assert run("evacuate", *arguments, "--leave", "--yes")[0] == 0

    def emptied() -> None:
        for ref, vm in list(db.table("VM").items()):
            if vm["resident_on"] == host and not vm["is_control_domain"]:
                db.set("VM", ref, power_state="Halted", resident_on="OpaqueRef:NULL")
        db.set("host", host, enabled=False, other_config={"MAINTENANCE_MODE": "true"})

    site.run(emptied)
    site.fault(lisboa, "refuse", method="host.disable", failure=["HOST_IN_EMERGENCY_MODE"])
    status, out, err = run("evacuate", *arguments, "--json")
    document = only(out)
    assert (status, document["state"], document["reason"]) == (0, "done", "nothing-to-move"), err
    assert "lisboa-02 is empty and in maintenance mode." in err


def test_a_server_that_will_not_disable_its_host(site: Simulated, run: Run) -> None:
    lisboa = site["Lisboa"]
    site.fault(lisboa, "refuse", method="host.disable", failure=["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"])
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes", "--json")
    assert (status, only(out)["state"]) == (1, "failed")
    assert "vailab" in err
    rows = lisboa.pool.db.table("VM").values()
    assert site.run(lambda: all(not v["current_operations"] for v in rows))


def test_a_host_that_is_down_is_not_emptied(site: Simulated, run: Run) -> None:
    lisboa = site["Lisboa"]
    site.fault(lisboa, "lose_host", host="lisboa-02")
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes", "--json")
    assert (status, only(out)["state"]) == (1, "failed")
    assert "cannot be reached" in err


@pytest.mark.parametrize(
    "wrong",
    [["--host", "nowhere"], ["--host", "lisboa-02", "--at-once", "0"], ["--host", "lisboa-02", "--network", "no"]],
)
def test_what_evacuate_does_not_understand(shared_site: Simulated, run: Run, wrong: list[str]) -> None:
    status, out, err = run("evacuate", *at(shared_site["Lisboa"]), *wrong)
    assert (status, out) == (2, "")
    assert err
