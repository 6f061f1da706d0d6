"""Commands from end to end: the question, who is left out, a later beginning, reports, and the line that resumes."""

import io
import json
import os
import shlex
import signal
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from tests.simulated import Simulated
from tests.test_cli import Run, at, eventually, held, migrate, only, why
from xsmigui import cli
from xsmigui.simulator.failures import Failure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_question_shows_what_preflight_shows(
    shared_site: Simulated, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    selection = ["--vm", "web-01", "--vm", "intranet-old", "--to", "Lisboa"]
    status, shown, _err = run("preflight", *at(*shared_site.pools), *selection)
    assert (status, "note" in shown) == (0, True)
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    monkeypatch.setattr("getpass.getpass", lambda _prompt, _stream: "secret")
    arguments = migrate(shared_site, *selection)
    arguments.remove("--password-stdin")
    assert cli.main(arguments) == 5
    asked = capsys.readouterr().err
    assert [line for line in shown.splitlines() if line not in asked.splitlines()] == []
    assert asked.rstrip().endswith("Nothing was started.")


def test_what_cannot_move_is_left_out_and_told(site: Simulated, run: Run) -> None:
    both = ["--vm", "web-01", "--vm", "backup-cbt", "--to", "Lisboa", "--yes"]
    status, out, _err = run(*migrate(site, *both), "--json")
    assert (status, only(out)["job"]) == (1, None)
    status, out, err = run(*migrate(site, *both, "--leave-out-blocked"), "--json")
    document = only(out)
    assert (status, document["state"]) == (0, "done"), err
    assert [vm["name"] for vm in document["vms"]] == ["web-01"]
    (left,) = document["left"]
    assert left["name"] == "backup-cbt"
    assert "R53" in [p["rule"] for p in left["problems"]]
    assert "Left out: backup-cbt." in err
    assert site.call(site["Madrid"], "VM.get_by_name_label", "backup-cbt")
    assert not site.call(site["Lisboa"], "VM.get_by_name_label", "backup-cbt")


def test_preflight_tells_what_would_be_left_out(shared_site: Simulated, run: Run) -> None:
    arguments = ["--vm", "web-01", "--vm", "backup-cbt", "--to", "Lisboa", "--leave-out-blocked"]
    status, out, _err = run("preflight", *at(*shared_site.pools), *arguments, "--json")
    document = only(out)
    assert (status, document["possible"]) == (0, True)
    assert [move["vm"]["name"] for move in document["plan"]["moves"]] == ["web-01"]
    assert [vm["name"] for vm in document["left"]] == ["backup-cbt"]
    status, out, _err = run("preflight", *at(*shared_site.pools), *arguments)
    assert "backup-cbt is left out:\nR53 prevents the move" in out


def test_an_interface_without_a_network_is_a_reason(shared_site: Simulated, run: Run) -> None:
    """What blocks a VM is told whatever it is about: a disk, an interface."""
    arguments = ["--vm", "web-01", "--vm", "erp-test", "--to", "Lisboa", "--leave-out-blocked"]
    document = only(run("preflight", *at(*shared_site.pools), *arguments, "--json")[1])
    (left,) = document["left"]
    assert [p["rule"] for p in left["problems"]] == ["R80"]


def test_where_nobody_can_move_nothing_is_left_out(shared_site: Simulated, run: Run) -> None:
    arguments = ["--vm", "backup-cbt", "--to", "Lisboa", "--leave-out-blocked", "--yes"]
    status, out, _err = run(*migrate(shared_site, *arguments), "--json")
    document = only(out)
    assert (status, document["job"], document["reason"], document["left"]) == (1, None, "refused", [])


def test_a_plan_is_carried_out_without_what_cannot_move(site: Simulated, run: Run, tmp_path: Path) -> None:
    both = ["--vm", "web-01", "--vm", "web-02", "--to", "Lisboa"]
    path = tmp_path / "plan.json"
    path.write_text(run("preflight", *at(*site.pools), *both, "--json")[1])
    (ref,) = site.call(site["Madrid"], "VM.get_by_name_label", "web-02")
    site.run(lambda: site["Madrid"].pool.db.set("VM", ref, blocked_operations={"migrate_send": "backup"}))
    arguments = ["migrate", *at(*site.pools), "--plan", str(path), "--yes", "--json"]
    assert run(*arguments)[0] == 1
    status, out, err = run(*arguments, "--leave-out-blocked")
    document = only(out)
    assert (status, [vm["name"] for vm in document["vms"]]) == (0, ["web-01"]), err
    assert [vm["name"] for vm in document["left"]] == ["web-02"]


def test_a_later_beginning(site: Simulated, run: Run) -> None:
    time = (datetime.now().astimezone() + timedelta(seconds=1.5)).isoformat()
    arguments = ["--vm", "web-01", "--to", "Madrid", "--host", "madrid-02", "--yes", "--not-before", time]
    status, out, err = run(*migrate(site, *arguments), "--json")
    assert (status, only(out)["state"]) == (0, "done"), err
    assert "Waiting until" in err


@pytest.mark.parametrize("time", ["soon", "2020-01-01T00:00"])
def test_no_time_to_begin_at(shared_site: Simulated, run: Run, time: str) -> None:
    arguments = ["--vm", "web-01", "--to", "Lisboa", "--yes", "--not-before", time]
    status, out, err = run(*migrate(shared_site, *arguments), "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert "--not-before" in err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself")
def test_interrupted_while_it_waits_nothing_was_started(
    site: Simulated, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xsmigui.cli import starting

    waiting, until = threading.Event(), starting.until

    async def seen(*arguments: object) -> None:
        waiting.set()
        await until(*arguments)  # type: ignore[arg-type]

    def interrupt() -> None:
        waiting.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(starting, "until", seen)
    killer = threading.Thread(target=interrupt, name="killer")
    killer.start()
    arguments = ["--vm", "web-01", "--to", "Lisboa", "--yes", "--not-before", "2099-01-01T00:00"]
    status, out, err = run(*migrate(site, *arguments), "--json")
    killer.join()
    document = only(out)
    assert (status, document["job"], document["reason"]) == (130, None, "interrupted")
    assert "Nothing was started." in err
    assert only(run("jobs", "--json")[1]) == {"jobs": []}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself")
def test_the_printed_line_resumes_when_it_is_pasted(site: Simulated, run: Run, home: Path) -> None:
    stopped, release = held(site, 4)

    def interrupt() -> None:
        stopped.wait(PATIENCE)
        eventually(lambda: site.run(lambda: any(w for w in site["Madrid"].pool.tasks.running)))
        os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=interrupt, name="killer")
    killer.start()
    names = ["--vm", "web-01", "--vm", "web-02", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes"]
    status, out, err = run(*migrate(site, *names), "--json")
    killer.join()
    release()
    line = only(out)["resume"]
    assert (status, f"  {line}" in err.splitlines()) == (130, True)
    (home / "trusted-certificates.json").unlink()  # another user of the journal has not trusted anything yet
    status, out, err = run(*shlex.split(line)[1:], "--json")
    document = only(out)
    assert (status, document["state"]) == (0, "done"), err
    assert {vm["name"] for vm in document["vms"]} == {"web-01", "web-02"}


def test_the_report_of_a_job_of_the_journal(site: Simulated, run: Run, tmp_path: Path) -> None:
    arguments = ["--vm", "web-01", "--to", "Madrid", "--host", "madrid-02", "--yes"]
    job = only(run(*migrate(site, *arguments), "--json")[1])["job"]
    status, out, _err = run("jobs", "--show", job, "--report", str(tmp_path / "reports"), "--json")
    assert (status, only(out)["job"]) == (0, job)
    assert json.loads((tmp_path / "reports" / f"{job}.json").read_text())["job"] == job
    assert "web-01" in (tmp_path / "reports" / f"{job}.html").read_text()
    (tmp_path / "file").write_text("")
    status, _out, err = run("jobs", "--show", job, "--report", str(tmp_path / "file"))
    assert (status, "The report was not written" in err) == (2, True)
    assert run("jobs", "--report", str(tmp_path))[0] == 2


def test_a_name_that_several_vms_have_lists_them(site: Simulated, run: Run) -> None:
    lisboa = site["Lisboa"]
    (ref,) = site.call(lisboa, "VM.get_by_name_label", "web-lx-02")
    site.run(lambda: lisboa.pool.db.set("VM", ref, name_label="web-01"))
    status, out, err = run("preflight", *at(*site.pools), "--vm", "web-01", "--to", "Lisboa", "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert "running on madrid-01" in err
    assert f"{site.call(lisboa, 'VM.get_uuid', ref)}  web-01, in Lisboa, running on lisboa-02" in err


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_bars_and_a_file_sees_lines(site: Simulated, home: Path, terminal: bool) -> None:
    """The real program, its stderr at a terminal or not; stdout is one document either way."""
    import pty
    import subprocess

    master, slave = pty.openpty()
    environment = {**os.environ, "XSMIGUI_HOME": str(home), "LANGUAGE": "en", "TERM": "xterm", "COLUMNS": "110"}
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    environment.pop("NO_COLOR", None)
    arguments = migrate(site, "--vm", "web-01", "--to", "Madrid", "--host", "madrid-02", "--yes", "--json")
    seen = bytearray()

    def watch() -> None:
        with suppress(OSError):  # EIO: the last one who had it open is gone
            while data := os.read(master, 65536):
                seen.extend(data)

    watcher = threading.Thread(target=watch, name="watcher")
    watcher.start()
    with subprocess.Popen(
        [sys.executable, "-m", "xsmigui", *arguments],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave if terminal else subprocess.PIPE,
    ) as started:  # fmt: skip
        os.close(slave)
        out, err = started.communicate(b"secret\n", timeout=PATIENCE)
    watcher.join()
    os.close(master)
    assert (started.returncode, only(out.decode())["state"]) == (0, "done")
    if terminal:
        shown = seen.decode()
        assert "web-01 → madrid-02" in shown
        assert "━" in shown
        assert "done, and verified" in shown
        assert "\x1b[" in shown
    else:
        lines = err.decode().splitlines()
        assert lines[-1] == "web-01 → madrid-02: done, and verified"
        assert b"\x1b" not in err


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("Xenops_interface.Xenopsd_error(S(Domain_not_built))", "had not built the VM yet"),
        ('Stunnel.Stunnel_verify_error("certificate has expired")', "host.refresh_server_certificate for every host"),
    ],
)
def test_what_went_wrong_begins_with_where_the_vm_is(site: Simulated, run: Run, inside: str, words: str) -> None:
    site.run(lambda: site["Madrid"].pool.faults.add("VM.migrate_send", failure=Failure("INTERNAL_ERROR", inside)))
    status, out, _err = run(*migrate(site, "--vm", "web-01", "--to", "Lisboa", "--yes"), "--json")
    (vm,) = only(out)["vms"]
    assert status == 4
    assert vm["message"].startswith("web-01 is in Madrid, running on madrid-01. ")
    assert words in vm["message"]
    assert inside not in vm["message"]
    assert vm["problems"][0]["raw"] == f"INTERNAL_ERROR({inside})"


def test_a_lost_connection_is_no_refusal(site: Simulated, run: Run) -> None:
    """The host may be in maintenance mode or not: nobody refused. The job that asks for it can be resumed."""
    lisboa = site["Lisboa"]
    site.run(lambda: lisboa.pool.faults.add("host.disable", drop=True, times=99))
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes", "--json", "--patience", "0.1")
    document = only(out)
    assert (status, document["state"], document["code"]) == (130, "interrupted", "no-answer"), err
    assert document["job"] in document["resume"]
    assert document["resume"] in err


@pytest.mark.parametrize(
    "params",
    [
        ("VM.metadata_export", "OpaqueRef:vm"),
        ("Host.vm_start", "OpaqueRef:host"),
        ("SR", "OpaqueRef:sr", "scan", "OpaqueRef:task"),
    ],
)
@pytest.mark.parametrize("command", ["preflight", "migrate", "evacuate"])
def test_a_momentary_lock_is_no_refusal(site: Simulated, run: Run, command: str, params: tuple[str, ...]) -> None:
    """Of the VM, of a host, of an SR: whatever stands in the way of a question for a moment."""
    pool = site["Madrid"]
    locked = Failure("OTHER_OPERATION_IN_PROGRESS", *params)
    planted = site.run(lambda: pool.pool.faults.add("VM.assert_can_migrate", times=2, failure=locked))
    arguments = ["--vm", "web-01", "--to", "Lisboa", "--sr", "NFS Lisboa"]
    if command == "evacuate":
        arguments = ["--host", "madrid-02", "--leave-out-blocked"]
    status, out, err = run(
        command, *at(*site.pools), *arguments, *([] if command == "preflight" else ["--yes"]), "--json"
    )
    assert planted.seen > 2
    document = only(out)
    if command == "evacuate":
        assert document["vms"]
        assert not any("busy" in vm["reason"] for vm in document["left"]), document["left"]
    elif command == "preflight":
        assert not [problem for problem in document["problems"] if problem["severity"] == "block"]
        assert status == 0, err
    else:
        assert (status, document["state"]) == (0, "done"), err
