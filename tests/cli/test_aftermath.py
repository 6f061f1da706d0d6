"""What `xsmigui jobs --show` proposes for a job that did not succeed, and each of its lines carried out."""

import shlex
from typing import Any

from tests.simulated import Simulated
from tests.test_cli import Run, at, disk_of, migrate, only, why
from xsmigui.simulator.failures import Failure

SEND = ("--vm", "web-01", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes")


def failed(site: Simulated, run: Run, *, mess: bool = False) -> str:
    """web-01 is to go to Lisboa, and its mirror breaks; the name of the job."""
    if mess:
        site.fault(site["Madrid"], "leave_mess", vm="web-01")
    site.fault(site["Madrid"], "break_mirror", vdi=disk_of(site, "web-01")["uuid"])
    status, out, _err = run(*migrate(site, *SEND), "--json")
    assert status == 4
    return str(only(out)["job"])


def triage(run: Run, job: str) -> Any:
    status, out, _err = run("jobs", "--show", job, "--json")
    assert status == 0
    return only(out)["vms"][0]["triage"]


def steps(run: Run, job: str) -> dict[str, list[str]]:
    """The proposed lines, as words, by what they do."""
    found = triage(run, job)["steps"]
    assert all(step["text"] for step in found)
    return {step["do"]: shlex.split(step["command"]) for step in found}


def test_the_lines_name_the_job_and_its_servers(site: Simulated, run: Run) -> None:
    job = failed(site, run)
    found = steps(run, job)
    assert list(found) == ["retry", "forget"]
    assert found["retry"][-6:] == ["--retry", job, "--server", site["Madrid"].url, "--server", site["Lisboa"].url]
    assert found["forget"][-2:] == ["--forget", job]
    assert triage(run, job)["words"][0].startswith("MIRROR_FAILED")
    out = run("jobs", "--show", job)[1]
    assert shlex.join(found["retry"]) in out
    assert "  1. Plan the same move again" in out


def test_it_is_planned_again(site: Simulated, run: Run) -> None:
    job = failed(site, run)
    site.fault(site["Madrid"], "clear")
    status, out, err = run("jobs", "--retry", job, *at(*site.pools), "--json")
    assert (status, only(out)["reason"]) == (5, "not-agreed"), err
    status, out, err = run("jobs", "--retry", job, *at(*site.pools), "--yes", "--json")
    assert status == 0, err
    assert only(out)["vms"][0]["verified"]
    assert site.call(site["Lisboa"], "VM.get_by_name_label", "web-01")


def test_what_it_has_left_is_removed(site: Simulated, run: Run) -> None:
    job = failed(site, run, mess=True)
    count = len(site.call(site["Lisboa"], "VDI.get_all"))
    assert list(steps(run, job)) == ["leftovers", "retry", "forget"]
    status, out, err = run("jobs", "--leftovers", job, *at(*site.pools), "--json")
    assert (status, why(out)) == (5, "not-agreed")
    assert "Created while job" in err
    assert run("jobs", "--leftovers", job, *at(site["Madrid"]), "--yes")[0] == 2  # both pools must be seen
    status, out, _err = run("jobs", "--leftovers", job, *at(*site.pools), "--yes", "--json")
    document = only(out)
    assert (status, len(document["found"]), document["removed"]) == (0, 1, 1)
    assert len(site.call(site["Lisboa"], "VDI.get_all")) == count - 1
    status, out, _err = run("jobs", "--leftovers", job, *at(*site.pools), "--yes", "--json")
    assert (status, only(out)["found"]) == (0, [])


def stopped(site: Simulated, run: Run) -> str:
    """The disk of intranet-old is copied, and then the server answers nothing sensible; the job has stopped."""
    disk = disk_of(site, "intranet-old")
    faults = site["Madrid"].pool.faults
    no = Failure("INTERNAL_ERROR", "no")
    site.run(lambda: [faults.add(m, times=0, failure=no) for m in ("VBD.create", "VDI.destroy")])
    arguments = ["--vdi", disk["uuid"], "--sr", "NFS Madrid", "--yes", "--json"]
    status, out, _err = run("move-disk", *at(site["Madrid"]), *arguments)
    document = only(out)
    assert (status, document["state"]) == (130, "interrupted")
    site.run(faults.clear)
    return str(document["job"])


def test_its_vm_is_allowed_to_start_again(site: Simulated, run: Run) -> None:
    madrid = site["Madrid"]
    job = stopped(site, run)
    assert list(steps(run, job)) == ["resume", "revert", "allow-start", "forget"]
    vm = site.call(madrid, "VM.get_by_name_label", "intranet-old")[0]
    somebody = {"clone": "somebody's"}
    blocked = site.call(madrid, "VM.get_blocked_operations", vm)
    assert "start" in blocked
    site.call(madrid, "VM.set_blocked_operations", vm, blocked | somebody)
    assert run("jobs", "--allow-start", job, *at(madrid))[0] == 5
    assert site.call(madrid, "VM.get_blocked_operations", vm) == blocked | somebody
    status, out, _err = run("jobs", "--allow-start", job, *at(madrid), "--yes", "--json")
    assert (status, only(out)["released"]) == (0, ["intranet-old"])
    assert site.call(madrid, "VM.get_blocked_operations", vm) == somebody
    records = [*site.call(madrid, "VDI.get_all_records").values(), site.call(madrid, "VM.get_record", vm)]
    assert not [record["name_label"] for record in records if "xsmigui-job" in record["other_config"]]
    site.call(madrid, "VM.start", vm, False, False)
    status, out, _err = run("jobs", "--allow-start", job, *at(madrid), "--yes", "--json")
    assert (status, only(out)["released"]) == (0, [])


def test_what_has_stopped_is_put_back(site: Simulated, run: Run) -> None:
    disk = disk_of(site, "intranet-old")
    job = stopped(site, run)
    words = steps(run, job)["revert"]
    assert words[-4:-2] == ["--revert", job]
    run("jobs", "--revert", job, *at(site["Madrid"]))
    assert disk_of(site, "intranet-old")["uuid"] == disk["uuid"]
    assert list(steps(run, job)) == ["retry", "forget"]


def test_forgotten(site: Simulated, run: Run) -> None:
    job = failed(site, run)
    assert run("jobs", "--forget", job)[0] == 5
    assert run("jobs", "--show", job)[0] == 0
    status, out, _err = run("jobs", "--forget", job, "--yes", "--json")
    assert (status, only(out)) == (0, {"job": job, "forgotten": True})
    assert run("jobs", "--show", job)[0] == 2
    assert run("jobs", "--forget", job, "--yes")[0] == 2
    for option in ("--retry", "--leftovers", "--allow-start"):
        assert run("jobs", option, job, *at(*site.pools), "--yes")[0] == 2
