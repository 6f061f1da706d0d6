"""The command line does not wait for ever: it says why it ends, what goes on where, and the line that takes it up."""

import json
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulated import Simulated
from tests.test_cli import Run, as_it_was, at, only, run, site
from tests.twenty import NAMES, twenty
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.site import Site

__all__ = ["as_it_was", "run", "site"]

MOVE = ["--vm", "web-01", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes", "--json"]


def when(site: Simulated, condition: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as the simulator shows a condition."""

    def wait() -> None:
        over = threading.Event()
        while not over.wait(0.02) and not site.run(condition):
            pass
        act()

    thread = threading.Thread(target=wait, name="when", daemon=True)
    thread.start()
    return thread


def stuck(site: Simulated) -> Any:
    return site.run(lambda: site["Madrid"].pool.faults.add("VM.migrate_send", stuck=True))


def release(site: Simulated) -> None:
    site.fault(site["Madrid"], "release")


def resumed(err: str, run: Run, stdin: str = "secret\n") -> tuple[int, str, str]:
    """What the printed line does when it is pasted, as it is."""
    (line,) = (line for line in err.splitlines() if line.startswith("  ") and " jobs --re" in line)
    words = shlex.split(line)
    return run(*words[words.index("jobs") :], stdin=stdin)


def test_a_certificate_that_is_renewed_in_mid_migration(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    held = stuck(site)

    def renew() -> None:
        site.fault(pool, "exchange_certificate")
        site.fault(pool, "hang_up")

    thread = when(site, lambda: held.seen, renew)
    status, out, err = run("migrate", *at(*site.pools), *MOVE)
    thread.join()
    document = only(out)
    assert (status, document["state"], document["code"]) == (3, "interrupted", "no-connection")
    assert "presents the certificate" in err
    assert pool.fingerprint in err
    assert "web-01" in err
    assert document["resume"] in err
    new = site.run(lambda: pool.pool.certificates[pool.pool.master].fingerprint)
    assert new in err
    release(site)
    assert "If the new certificate is right" in err
    status, out, err = resumed(err, run)
    assert (status, "web-01" in out) == (0, True), err


@pytest.mark.parametrize("trust", ["--trust-on-first-use", "remembered"])
def test_after_a_renewed_certificate_the_line_names_those_of_all_servers(site: Simulated, run: Run, trust: str) -> None:
    """Where one fingerprint is given each server's must be; and it cannot be combined with --trust-on-first-use."""
    pool, member = site["Madrid"], site["Lisboa"].member_urls[0]
    servers = ["--server", pool.url, "--server", member, "--password-stdin"]
    if trust == "remembered":
        assert run("inventory", *servers, "--trust-on-first-use")[0] == 0
    held = stuck(site)

    def renew() -> None:
        site.fault(pool, "exchange_certificate")
        site.fault(pool, "hang_up")

    thread = when(site, lambda: held.seen, renew)
    status, _out, err = run("migrate", *servers, *([trust] if trust != "remembered" else []), *MOVE)
    thread.join()
    assert status == 3
    release(site)
    status, out, err = resumed(err, run)
    assert (status, "web-01" in out) == (0, True), err


def test_a_certificate_that_is_renewed_while_the_connection_holds(site: Simulated, run: Run) -> None:
    """Only further sockets meet the new one: the old ones must not hide it."""
    pool = site["Madrid"]
    held = stuck(site)
    over = threading.Event()

    def renew() -> None:
        site.fault(pool, "exchange_certificate")
        while not over.wait(0.05):  # whichever is idle at a moment
            for door in site._servers._of(pool.pool, pool.pool.master):  # type: ignore[union-attr]
                site.run(lambda door=door: _abort_some(door))

    thread = when(site, lambda: held.seen, renew)
    status, _out, err = run("migrate", *at(*site.pools), *MOVE)
    over.set()
    thread.join()
    assert status == 3
    assert "presents the certificate" in err
    release(site)


def _abort_some(door: Any) -> None:
    """All sockets but the one on which events are waited for."""
    for handler in list(door.runner.server.connections):
        if handler.transport is not None and not getattr(handler, "_current_request", None):
            handler.transport.abort()


def test_a_password_that_is_rotated_in_mid_migration(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    held = stuck(site)

    def rotate() -> None:
        site.run(lambda: pool.pool.account("root", "new one"))
        site.run(lambda: [pool.pool.sessions.end(ref) for ref in list(pool.pool.sessions.live)] and None)

    thread = when(site, lambda: held.seen, rotate)
    status, out, err = run("migrate", *at(*site.pools), *MOVE)
    thread.join()
    assert (status, only(out)["state"]) == (3, "interrupted")
    assert "password" in err
    assert "web-01" in err
    release(site)
    names = {pool.url: pool.name for pool in site.pools}
    stdin = "".join("new one\n" if names[pool.url] == "Madrid" else "secret\n" for pool in site.pools)
    status, out, err = resumed(err, run, stdin=stdin)
    assert (status, "web-01" in out) == (0, True), err


@pytest.mark.parametrize(
    "failure",
    [Failure("INTERNAL_ERROR", "Not_found"), Failure("SOMETHING_NEW", "x"), Failure("RBAC_PERMISSION_DENIED", "x")],
)
def test_unforeseen_answers_about_a_migration(site: Simulated, run: Run, failure: Failure) -> None:
    pool = site["Madrid"]
    held = stuck(site)

    def break_it() -> None:
        site.run(lambda: pool.pool.faults.add("task.get_record", times=0, failure=failure))
        site.run(lambda: pool.pool.faults.add("VM.get_record", times=0, failure=failure))
        site.fault(pool, "hang_up")

    thread = when(site, lambda: held.seen, break_it)
    status, out, err = run("migrate", *at(*site.pools), *MOVE, "--patience", "0.05")
    thread.join()
    assert (status, only(out)["state"]) == (130, "interrupted")
    assert "No answer for" in err
    assert "--resume" in err
    release(site)


def test_a_pool_that_stays_away(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    held = stuck(site)
    thread = when(site, lambda: held.seen, lambda: [site.fault(pool, "lose_host", host=f"madrid-0{n}") for n in "123"])
    status, out, err = run("migrate", *at(*site.pools), *MOVE, "--patience", "0.05")
    thread.join()
    document = only(out)
    assert (status, document["state"], document["code"]) == (130, "interrupted", "no-answer")
    assert document["reason"] in err
    assert "Madrid → Lisboa" in err
    assert pool.member_urls[0] in err


def test_a_turn_that_does_not_come(site: Simulated, run: Run) -> None:
    """The host says that it runs as many as it allows, and nothing is seen that could make room."""
    pool = site["Madrid"]
    hosts = site.run(lambda: dict.fromkeys(pool.pool.db.table("host"), 3))
    site.run(lambda: pool.pool.storage_motions.update(hosts))
    status, out, err = run("migrate", *at(*site.pools), *MOVE, "--patience", "0.05")
    document = only(out)
    assert (status, document["state"], document["code"]) == (130, "interrupted", "stalled")
    assert document["reason"] == "Nothing has moved for 1 minute. The rest waits for its turn."
    assert "This was not started: web-01." in err
    assert document["resume"] in err
    site.run(lambda: pool.pool.storage_motions.clear())
    status, out, err = resumed(err, run)
    assert (status, "web-01" in out) == (0, True), err


def test_a_start_whose_answer_was_lost_is_silence_too(site: Simulated, run: Run) -> None:
    site.run(lambda: site["Madrid"].pool.faults.add("VM.migrate_send", drop=True))
    status, out, err = run("migrate", *at(*site.pools), *MOVE, "--patience", "0.05")
    assert (status, only(out)["state"]) == (130, "interrupted")
    assert "No answer for" in err
    assert "may still start" in err
    assert "web-01" in err


@pytest.mark.parametrize("failure", [Failure("INTERNAL_ERROR", "Not_found"), Failure("SOMETHING_NEW", "x")])
def test_an_unforeseen_answer_that_lasts_is_no_failure(
    site: Simulated, run: Run, failure: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xsmigui.services.sending.BUSY_TRIES", 2)
    pool = site["Madrid"]
    held = stuck(site)

    def break_it() -> None:
        site.run(lambda: pool.pool.faults.add("task.get_record", times=0, failure=failure))
        site.run(lambda: pool.pool.faults.add("VM.get_record", times=0, failure=failure))
        site.fault(pool, "hang_up")

    thread = when(site, lambda: held.seen, break_it)
    status, out, err = run("migrate", *at(*site.pools), *MOVE)
    thread.join()
    document = only(out)
    assert (status, document["state"], document["code"]) == (130, "interrupted", "unclear")
    assert document["resume"] in err
    site.fault(pool, "clear")
    release(site)
    status, out, err = resumed(err, run)
    assert (status, "web-01" in out) == (0, True), err


def test_a_job_knows_its_servers(site: Simulated, run: Run) -> None:
    """Sentences name `xsmigui jobs --resume ID` alone."""
    pool = site["Madrid"]
    held = stuck(site)

    def rotate() -> None:
        site.run(lambda: pool.pool.account("root", "new one"))
        site.run(lambda: [pool.pool.sessions.end(ref) for ref in list(pool.pool.sessions.live)] and None)

    thread = when(site, lambda: held.seen, rotate)
    status, out, _err = run("migrate", *at(*site.pools), *MOVE)
    thread.join()
    assert status == 3
    site.run(lambda: pool.pool.account("root", "secret"))
    release(site)
    status, out, err = run("jobs", "--resume", only(out)["job"], "--password-stdin")
    assert (status, "web-01" in out) == (0, True), err
    status, _out, err = run("jobs", "--resume", "20000101-000000-0000", "--password-stdin")
    assert (status, "has no job 20000101-000000-0000" in err) == (2, True)
    status, _out, err = run("jobs", "--revert", "20000101-000000-0000", "--password-stdin")
    assert (status, "--server" in err) == (2, True)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_patience_is_a_number_of_minutes(run: Run, text: str) -> None:
    status, _out, err = run("inventory", "--server", "x", f"--patience={text}")
    assert status == 2
    assert "--patience" in err


# A batch of twenty, and a coordinator that dies in the middle of it.


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulated]:
    # A request whose answer was lost may still start in the server; nobody waits a quarter of an hour for that here.
    monkeypatch.setattr("xsmigui.core.migration.sending.REQUEST_LIFETIME_S", 3.0)
    made = Site(Clock(0))
    twenty(made)
    with Simulated.start(site=made) as served:
        yield served


def batch() -> list[str]:
    return [word for name in NAMES for word in ("--vm", name)]


@pytest.mark.parametrize("storage", [[], ["--sr", "NFS 2"]], ids=["live", "storage"])
def test_the_coordinator_dies_in_the_middle_of_twenty(ports: Simulated, run: Run, storage: list[str]) -> None:
    pool = ports["Ports"]
    method = "VM.migrate_send" if storage else "VM.pool_migrate"
    seen = ports.run(lambda: pool.pool.faults.add(method, nth=3, delay=0.2))

    def die() -> None:
        ports.fault(pool, "lose_host", host="port-1")
        ports.fault(pool, "move_coordinator", host="port-2")

    thread = when(ports, lambda: seen.seen >= 3, die)
    arguments = [*at(pool), *batch(), "--to", "port-4", *storage, "--yes", "--json"]
    status, out, err = run("migrate", *arguments)
    thread.join()
    document = only(out)
    states = {vm["state"] for vm in document["vms"]}
    assert states <= {"done", "failed", "interrupted"}, err  # what the dead coordinator had begun may have ended anyhow
    assert status == (0 if states == {"done"} else 130 if "interrupted" in states else 4)
    done = [vm for vm in document["vms"] if vm["state"] == "done"]
    assert done
    assert storage == [] or len(done) >= 14  # three at once: the others had not begun
    rows = ports.run(
        lambda: {r["uuid"]: dict(r) for r in pool.pool.db.table("VM").values() if not r["is_control_domain"]}
    )
    names = ports.run(lambda: {ref: r["name_label"] for ref, r in pool.pool.db.table("host").items()})
    for vm in document["vms"]:
        row = rows[vm["uuid"]]
        assert row["power_state"] == "Running"
        assert (names[row["resident_on"]] == "port-4") is (vm["state"] == "done"), vm
        assert vm["state"] in ("done", "interrupted") or "port-3" in vm["message"] or vm["problems"], vm


def test_the_coordinator_dies_and_nobody_takes_over(ports: Simulated, run: Run) -> None:
    pool = ports["Ports"]
    seen = ports.run(lambda: pool.pool.faults.add("VM.pool_migrate", nth=3, times=0, stuck=True))
    thread = when(ports, lambda: seen.seen >= 3, lambda: ports.fault(pool, "lose_host", host="port-1"))
    arguments = [*at(pool), *batch(), "--to", "port-4", "--yes", "--json", "--patience", "0.1"]
    status, out, err = run("migrate", *arguments)
    thread.join()
    document = only(out)
    assert (status, document["state"]) == (130, "interrupted")
    assert "No answer for" in err
    assert re.search(r"These continue on the servers \(Ports\): vm-", err)
    assert "--resume" in err
    assert all(url in err for url in pool.member_urls)
    ports.fault(pool, "clear")
    ports.fault(pool, "move_coordinator", host="port-2")
    status, out, err = resumed(err, run)  # the address in it is that of the dead host
    assert status in (0, 4, 130), err
    assert "vm-19" in out
    status, out, _err = run("jobs", "--json")
    (job,) = json.loads(out)["jobs"]
    assert all(vm["state"] in ("done", "failed", "interrupted") for vm in job["vms"]), job
