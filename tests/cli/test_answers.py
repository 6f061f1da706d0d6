"""With --json there is one document on stdout, however a command ends, and its state is that of the exit status."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.test_waiting import when
from tests.simulated import Simulated
from tests.test_cli import Run, at, lisboa_02, only, why
from xsmigui import cli
from xsmigui.core.preferences import Server
from xsmigui.local.settings import SettingsFile
from xsmigui.simulator.failures import Failure


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate", "--bogus", "--json"],
        ["inventory", "--js"],
        ["evacuate", "--server", "x", "--json"],
        ["inventory", "--server", "two words", "--password-stdin", "--json"],
        ["jobs", "--show", "nobody", "--json"],
        ["jobs", "--resume", "nobody", "--json", "--password-stdin"],
        ["jobs", "--retry", "nobody", "--json", "--password-stdin"],
        ["jobs", "--report", "x", "--json"],
        ["inventory", "--server", "x", "--fingerprint", "12", "--password-stdin", "--json"],
        ["inventory", "--server", "x", "--proxy", "socks5://x", "--password-stdin", "--json"],
    ],
)
def test_wrong_arguments(run: Run, arguments: list[str]) -> None:
    status, out, err = run(*arguments)
    assert (status, why(out)) == (2, "bad-arguments")
    document = only(out)
    assert (document["state"], document["code"]) == ("failed", "bad-arguments")
    assert document["error"]
    assert " ".join(document["error"].split()) in " ".join(err.split())


def test_without_json_nothing_is_on_stdout(run: Run) -> None:
    for arguments in (["migrate", "--bogus"], ["jobs", "--show", "nobody"], ["jobs", "--forget", "nobody"]):
        status, out, err = run(*arguments)
        assert (status in (2, 5), out) == (True, "")
        assert err


def test_who_could_not_be_connected_is_in_it(shared_site: Simulated, run: Run) -> None:
    pool = shared_site["Madrid"]
    status, out, _err = run("inventory", *at(pool), "--server", "https://127.0.0.1:1", "--json")
    assert (status, why(out)) == (3, "no-connection")
    assert "https://127.0.0.1:1" in only(out)["error"]
    status, out, _err = run("evacuate", *at(pool), "--host", "madrid-01", "--yes", "--json", stdin="wrong\n")
    assert (status, why(out), pool.url in only(out)["error"]) == (3, "no-connection", True)


def test_an_error_of_the_program_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_options: object) -> int:
        raise ZeroDivisionError("of our own")

    monkeypatch.setattr(cli, "show_jobs", broken)
    monkeypatch.setattr(cli.log, "exception", lambda *_arguments: None)  # what is looked at here is said, not logged
    status, out, _err = run("jobs", "--json")
    assert (status, why(out)) == (4, "error")
    assert "of our own" in only(out)["error"]


def test_a_question_that_is_not_agreed_to(run: Run) -> None:
    status, out, _err = run("jobs", "--forget", "20260302-081500-9c1f", "--json")
    assert (status, why(out), only(out)["state"]) == (5, "not-agreed", "cancelled")


def test_without_a_home(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "xsmigui", "jobs", "--json"], capture_output=True, text=True, check=False,
        env={**os.environ, "XSMIGUI_HOME": str(tmp_path / "file" / "below"), "LANGUAGE": "en"},
    )  # fmt: skip
    assert (ended.returncode, json.loads(ended.stdout)["reason"]) == (2, "bad-arguments")


# A coordinator that is dead before a command begins.


def gone(site: Simulated) -> None:
    site.fault(site["Madrid"], "lose_host", host="madrid-01")
    site.fault(site["Madrid"], "move_coordinator", host="madrid-02")


def test_hosts_that_the_journal_knows_are_asked(site: Simulated, run: Run) -> None:
    madrid = site["Madrid"]
    trust = ["--server", madrid.url, "--trust-on-first-use", "--password-stdin"]
    arguments = ["--vm", "monitoring", "--to", "Madrid", "--sr", "iSCSI Madrid", "--yes"]
    assert run("migrate", *trust, *arguments)[0] == 0
    gone(site)
    status, out, err = run("inventory", *trust, "--json")
    assert (status, [pool["name"] for pool in only(out)["pools"]]) == (0, ["Madrid"]), err
    assert f"{madrid.url} does not answer" in err
    (others,) = (
        line for line in err.splitlines() if line.startswith("Other hosts of the pool, which are asked as well:")
    )
    assert all(url in others for url in madrid.member_urls)


class Silent:
    """Accepts connections at an address, and never says anything; `accepted` are those."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("https://").rsplit(":", 1)
        self.accepted: list[socket.socket] = []
        self._listener = socket.create_server((host, int(port)))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.accepted.append(self._listener.accept()[0])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for each in self.accepted:
            each.close()


def test_a_coordinator_that_accepts_and_is_silent_is_waited_for_once(site: Simulated, run: Run) -> None:
    """Its pool's other hosts are asked beside it, and it is not asked again."""
    madrid = site["Madrid"]
    trust = ["--server", madrid.url, "--trust-on-first-use", "--password-stdin"]
    arguments = ["--vm", "monitoring", "--to", "Madrid", "--sr", "iSCSI Madrid", "--yes"]
    assert run("migrate", *trust, *arguments)[0] == 0
    gone(site)
    silent = Silent(madrid.url)
    try:
        status, out, err = run("inventory", *trust, "--json")
    finally:
        silent.close()
    assert (status, [pool["name"] for pool in only(out)["pools"]]) == (0, ["Madrid"]), err
    assert f"{madrid.url} has not answered yet." in err
    assert len(silent.accepted) == 1


@pytest.mark.parametrize("given", [False, True])
def test_hosts_that_the_window_knows_are_asked_and_known_by_their_certificates(
    site: Simulated, run: Run, home: Path, given: bool
) -> None:
    madrid = site["Madrid"]
    shown = site.run(lambda: {h: c.fingerprint for h, c in madrid.pool.certificates.items()})
    (coordinator,) = [h for h in shown if h == site.run(lambda: madrid.pool.master)]
    others = [fingerprint for host, fingerprint in shown.items() if host != coordinator]
    members = {madrid.url: madrid.fingerprint} | dict(zip(madrid.member_urls, others, strict=True))
    SettingsFile(home).remember(Server(madrid.url, members=members))
    gone(site)
    trust = ["--fingerprint", madrid.fingerprint] if given else []
    status, out, err = run("inventory", "--server", madrid.url, "--password-stdin", *trust, "--json")
    # A fingerprint that is given is an assertion: no other certificate is accepted, whoever remembers it.
    assert (status, "Other hosts of the pool" in err) == (3 if given else 0, True), err
    assert ("pools" in only(out)) is not given


def test_nobody_knows_other_hosts(shared_site: Simulated, run: Run) -> None:
    status, _out, err = run("inventory", "--server", "https://127.0.0.1:1", "--password-stdin")
    assert (status, "Other hosts" in err, err.count("does not answer")) == (3, False, 1)


def test_interrupted_while_the_host_is_being_changed(site: Simulated, run: Run) -> None:
    """Whether it was is seen when the job that does it is resumed."""
    lisboa = site["Lisboa"]
    seen = site.run(lambda: lisboa.pool.faults.add("host.disable", delay=3600.0))
    thread = when(site, lambda: seen.seen, lambda: os.kill(os.getpid(), signal.SIGINT))
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes", "--json")
    thread.join()
    document = only(out)
    assert (status, document["state"], document["code"]) == (130, "interrupted", "interrupted")
    assert document["job"] in document["resume"]
    assert document["resume"] in err
    assert [vm["name"] for vm in document["vms"]] == ["lisboa-02"]


# What breaks after the job.


def emptied(site: Simulated, run: Run) -> None:
    """lisboa-02, with a VM that was shut down for its maintenance."""
    lisboa, host = site["Lisboa"], lisboa_02(site)
    vm = site.vm(lisboa, "dns-lx")
    site.call(lisboa, "VM.clean_shutdown", vm)
    uuid = site.run(lambda: lisboa.pool.db.get("VM", vm, "uuid"))
    site.call(lisboa, "host.add_to_other_config", host, "MAINTENANCE_MODE_EVACUATED_VMS_HALTED", uuid)
    assert run("evacuate", *at(lisboa), "--host", "lisboa-02", "--yes")[0] == 0


@pytest.mark.parametrize(("method", "nth"), [("VM.start_on", 1), ("host.remove_from_other_config", 2)])
def test_a_connection_that_breaks_after_the_job(site: Simulated, run: Run, method: str, nth: int) -> None:
    """The VMs that have come back are in the document, whatever becomes of the rest."""
    emptied(site, run)
    lisboa = site["Lisboa"]
    site.run(lambda: lisboa.pool.faults.add(method, nth=nth, times=0, drop=True))
    arguments = [*at(lisboa), "--host", "lisboa-02", "--leave", "--yes", "--json"]
    status, out, err = run("evacuate", *arguments, "--patience", "0.1")
    document = only(out)
    assert (status, document["state"], document["code"]) == (3, "failed", "no-connection"), err
    assert document["job"]
    assert [(vm["name"], vm["state"]) for vm in document["vms"]] == [("web-lx-02", "done")]
    assert document["error"] in err
    site.fault(lisboa, "clear")
    status, out, err = run("evacuate", *arguments)  # as it says
    assert (status, only(out)["state"]) == (0, "done"), err
    vm = site.vm(lisboa, "dns-lx")
    assert site.run(lambda: lisboa.pool.db.get("VM", vm, "power_state")) == "Running"


def test_what_is_refused_after_the_job(site: Simulated, run: Run) -> None:
    emptied(site, run)
    lisboa = site["Lisboa"]
    failure = Failure("RBAC_PERMISSION_DENIED", "host.remove_from_other_config", "no")
    site.run(lambda: lisboa.pool.faults.add("host.remove_from_other_config", nth=2, times=0, failure=failure))
    status, out, _err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--leave", "--yes", "--json")
    document = only(out)
    assert (status, document["state"], document["code"]) == (4, "failed", "error")
    assert [vm["state"] for vm in document["vms"]] == ["done"]


def test_interrupted_after_the_job(site: Simulated, run: Run) -> None:
    emptied(site, run)
    lisboa = site["Lisboa"]
    seen = site.run(lambda: lisboa.pool.faults.add("VM.start_on", delay=3600.0))
    thread = when(site, lambda: seen.seen, lambda: os.kill(os.getpid(), signal.SIGINT))
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--leave", "--yes", "--json")
    thread.join()
    document = only(out)
    assert (status, document["state"], document["code"]) == (130, "interrupted", "interrupted")
    assert [vm["state"] for vm in document["vms"]] == ["done"]
    assert document["reason"] in err


def test_a_pool_that_was_connected_anew_meanwhile(site: Simulated, run: Run) -> None:
    """The job outlasts it, and so does what follows."""
    emptied(site, run)
    lisboa = site["Lisboa"]
    seen = site.run(lambda: lisboa.pool.faults.add("VM.pool_migrate", delay=0.5))
    thread = when(site, lambda: seen.seen, lambda: site.fault(lisboa, "hang_up"))
    status, out, err = run("evacuate", *at(lisboa), "--host", "lisboa-02", "--leave", "--yes", "--json")
    thread.join()
    assert (status, only(out)["started"]) == (0, ["dns-lx"]), err
