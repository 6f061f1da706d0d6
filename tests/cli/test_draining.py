"""An SR or a host is emptied: what cannot move stays and is named, and nothing starts outside of its times."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.simulated import Simulated
from tests.test_cli import Run, at, jobs_of, only, why
from xsmigui.cli import later
from xsmigui.cli.later import Times, times_in
from xsmigui.cli.options import parser
from xsmigui.console import BadArguments
from xsmigui.core.migration.plan import Plan
from xsmigui.local.clock import SystemClock
from xsmigui.services.jobs import Jobs


class Clock(SystemClock):
    """It is eight in the evening, where this computer is."""

    def now(self) -> datetime:
        return datetime(2026, 11, 28, 20, 0).astimezone()


def asked(*words: str) -> Times:
    return times_in(parser().parse_args(["evacuate", "--server", "a", "--host", "b", *words]), Clock())


def test_a_night_is_from_the_evening_to_the_next_morning() -> None:
    assert asked() == Times()
    times = asked("--not-before", "22:00", "--pause-at", "06:00")
    assert times.not_before is not None
    assert times.pause_at is not None
    assert (times.not_before.hour, times.pause_at - times.not_before) == (22, timedelta(hours=8))
    assert asked("--pause-at", "21:30").pause_at == Clock().now() + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--pause-at", "soon"], "--pause-at takes a time"),
        (["--pause-at", "2026-01-01T10:00"], "--pause-at: 2026-01-01 10:00 has passed."),
        (["--not-before", "2026-12-02T10:00", "--pause-at", "2026-12-01T10:00"], "later than --not-before|has passed"),
    ],
)
def test_times_that_make_no_sense(words: list[str], text: str) -> None:
    with pytest.raises(BadArguments, match=text):
        asked(*words)


def test_an_sr_is_emptied(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    arguments = ["move-disk", *at(pool), "--from", "NFS Madrid", "--sr", "iSCSI Madrid", "--leave-out-blocked"]
    status, out, err = run(*arguments, "--yes", "--json")
    document = only(out)
    assert status == 0, [vm["message"] for vm in document["vms"]]
    assert document["state"] == "done"
    assert all(vm["verified"] for vm in document["vms"])
    gone = {vm["name"] for vm in document["vms"]}
    stuck = {vm["name"]: vm["reason"] for vm in document["left"]}
    assert gone
    assert stuck
    assert all(stuck.values())
    assert "Left out:" in err
    assert "Stays: Suspend image" in err
    assert [line for line in document["staying"] if line.startswith("Suspend image")]
    assert all(f"Stays: {line}" in err for line in document["staying"])

    def on_the_sr() -> dict[str, set[str]]:
        """Disks that are left on it, with the VMs that have them."""
        db = pool.pool.db
        (sr,) = (ref for ref, row in db.table("SR").items() if row["name_label"] == "NFS Madrid")
        found = {}
        for row in db.table("VDI").values():
            if row["SR"] == sr and row["managed"] and not row["is_a_snapshot"] and row["type"] != "suspend":
                vms = {db.get("VM", db.get("VBD", vbd, "VM"), "name_label") for vbd in row["VBDs"]}
                found[row["name_label"]] = vms
        return found

    for disk, vms in site.run(on_the_sr).items():
        assert "kept]" in disk or vms & stuck.keys() or disk in err, (disk, vms)


def test_an_sr_without_a_disk(site: Simulated, run: Run) -> None:
    status, out, err = run(
        "move-disk", *at(site["Madrid"]), "--from", "ISO library", "--sr", "iSCSI Madrid", "--yes", "--json"
    )
    assert (status, why(out)) == (2, "bad-arguments")
    assert err


def test_what_has_not_started_in_time_is_put_on_hold(
    site: Simulated, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time comes with the first VM's start."""
    begin = Jobs.start

    def at_once(jobs: Jobs, plan: Plan) -> object:
        assert plan.pause_at is not None
        jobs.limit = 1
        job = begin(jobs, plan)
        jobs._pauses[job.id] = datetime.now(UTC)
        return job

    monkeypatch.setattr(Jobs, "start", at_once)
    monkeypatch.setattr(later, "LOOK_INTERVAL_S", 0.1)
    arguments = ["--vm", "web-01", "--vm", "web-02", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes", "--json"]
    status, out, err = run("migrate", *at(*site.pools), *arguments, "--pause-at", "06:00")
    assert status == 130
    assert "The rest is on hold." in err
    document = only(out)
    assert [vm["state"] for vm in document["vms"]] == ["done", "waiting"]
    assert f"jobs --resume {document['job']}" in document["resume"]
    (job,) = jobs_of(run)
    assert not job["finished"]
    status, out, err = run("jobs", "--resume", job["job"], *at(*site.pools), "--json")
    assert status == 0, err
    assert [vm["state"] for vm in only(out)["vms"]] == ["done", "done"]
