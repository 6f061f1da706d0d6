"""Move with a short stop on the command line."""

import pytest

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
