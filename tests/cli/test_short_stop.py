"""Move with a short stop on the command line."""

import pytest

from tests.foreign import spoil_finished_copies
from tests.simulated import Simulated
from tests.test_cli import Run, as_it_was, at, disk_of, only, run, site

__all__ = ["as_it_was", "run", "site"]

VM, SR = "backup-cbt", "iSCSI Madrid"


@pytest.mark.parametrize("command", ["move-disk", "migrate"])
def test_moves(site: Simulated, run: Run, command: str) -> None:
    madrid = site["Madrid"]
    disk = disk_of(site, VM)
    what = ["--vdi", disk["uuid"]] if command == "move-disk" else ["--vm", VM, "--to", "Madrid"]
    line = [command, *at(madrid), *what, "--sr", SR, "--json", "--yes"]
    status, out, _err = run(*line)
    assert (status, "R53" in {p["rule"] for p in only(out)["problems"]}) == (1, True)
    status, out, err = run(*line, "--short-stop", "1")
    assert status == 0, err
    (told,) = only(out)["vms"]
    assert (told["state"], told["verified"]) == ("done", True), told
    assert f"{VM} was down for" in told["message"]
    assert "after it had started again" in told["message"]
    vm = site.call(madrid, "VM.get_by_name_label", VM)[0]
    assert site.call(madrid, "VM.get_power_state", vm) == "Running"
    assert site.call(madrid, "SR.get_name_label", disk_of(site, VM)["SR"]) == SR


def test_what_will_happen_is_said_before(site: Simulated, run: Run) -> None:
    line = ["--vdi", disk_of(site, VM)["uuid"], "--sr", SR, "--short-stop"]
    status, _out, err = run("move-disk", *at(site["Madrid"]), *line)
    assert status == 5  # nobody said yes
    text = " ".join(err.split()) + " ".join(_out.split())
    assert "for at most 15 minutes" in text
    assert "is down for" in text


@pytest.mark.parametrize("minutes", ["0", "-3", "241"])
def test_minutes_that_make_no_sense(site: Simulated, run: Run, minutes: str) -> None:
    line = ["--vdi", disk_of(site, VM)["uuid"], "--sr", SR, f"--short-stop={minutes}"]
    status, _out, err = run("move-disk", *at(site["Madrid"]), *line)
    assert status == 2
    assert "1 to 240" in err


def test_new_disks_that_differ_are_accepted_on_request(site: Simulated, run: Run) -> None:
    """The VM runs on them already; the old ones are kept, and only what differs can be accepted."""
    madrid, disk = site["Madrid"], disk_of(site, VM)
    spoil_finished_copies(site, "Madrid")
    line = ["move-disk", *at(madrid), "--vdi", disk["uuid"], "--sr", SR, "--short-stop", "1", "--keep-source", "0"]
    status, out, err = run(*line, "--json", "--yes")
    job = only(out)["job"]
    assert (status, only(out)["state"]) == (130, "interrupted"), err
    _status, shown, _err = run("jobs", "--show", job)
    assert f"jobs --accept {job}" in shown
    assert run("jobs", "--accept", job, *at(madrid))[0] == 5  # nobody said yes
    status, out, err = run("jobs", "--accept", job, *at(madrid), "--yes", "--json")
    (told,) = only(out)["vms"]
    assert (status, told["state"], told["verified"]) == (0, "done", False), err
    assert any(item["what"] == "content" and item["outcome"] == "differs" for item in told["items"])
    vdis = site.call(madrid, "VDI.get_all_records")
    assert any(v["uuid"] == disk["uuid"] and "kept" in v["name_label"] for v in vdis.values())
    assert run("jobs", "--accept", job, *at(madrid), "--yes")[0] == 2
    site.fault(madrid, "watch_disks")  # what the guest had on the spoilt disk was lost on purpose
