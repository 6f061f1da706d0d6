import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.migration.helpers import answered, away, inside
from tests.core.site import TwoPools
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.plan import Plan
from xsmigui.core.migration.summary import overview, summarize, total, verdict, xe_script
from xsmigui.core.refs import VmRef


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def plan_of(site: TwoPools, draft: Draft) -> Plan:
    plan = answered(site.site, draft).plan
    assert plan is not None
    return plan


def copy(site: TwoPools) -> Draft:
    return Draft(site.madrid.id, (site.files,), site.lisboa.id, copy=True, start_after=True).on(site.files, site.l1)


def test_sentences(site: TwoPools) -> None:
    stays = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m1).on_same_sr(site.m_iscsi)
    for draft, sentence in (
        (inside(site, site.web), "web moves, running, from m1 to m3; its disks stay where they are."),
        (inside(site, site.db).on_same_sr(site.m_nfs), "db moves, running, from m2 to m3, with its disks."),
        (stays, "The disks of web move, while it is running on m1."),
        (away(site, site.web), "web moves, running, from m1 in Madrid to l1 in Lisboa."),
        (away(site, site.sleeper), "sleeper moves, suspended, from Madrid in Madrid to l1 in Lisboa."),
        (copy(site), "files is copied to l1 in Lisboa; the original stays in Madrid."),
    ):
        (found,) = summarize(plan_of(site, draft))
        assert found.sentence == sentence


def test_rows(site: TwoPools) -> None:
    (found,) = summarize(plan_of(site, away(site, site.db)))
    mac = site.madrid.get("OpaqueRef:Madrid/VIF/db 0").MAC
    assert found.rows[:3] == (
        ("Host", "l1"),
        ("db 0", "m-iscsi → l-nfs · 100.0 GiB"),
        ("1 disk that follows", "m-iscsi → l-nfs · 100.0 GiB"),
    )
    assert found.rows.count((f"Network, {mac}", "LAN → LAN")) == 1
    assert found.rows[-2:] == (("Storage network", "Storage"), ("Home server afterwards", "l1"))
    (live,) = summarize(plan_of(site, replace(inside(site, site.web), set_home=False)))
    assert live.rows == (("Host", "m3"), ("web 0", "stays on m-nfs"), ("web 1", "stays on m-nfs"))
    (copied,) = summarize(plan_of(site, copy(site)))
    assert copied.rows[-1] == ("Afterwards", "started on l1")
    (running,) = summarize(plan_of(site, replace(away(site, site.web), start_after=True)))
    assert running.rows[-1][0] != "Afterwards"


def test_total(site: TwoPools) -> None:
    assert total(plan_of(site, inside(site, site.web))) == "1 VM; no disk changes its SR."
    both = plan_of(site, away(site, site.web, site.files))
    assert total(both) == "2 VMs; 3 disks with 70.0 GiB in total."


def commands(script: str) -> list[list[str]]:
    return [shlex.split(line) for line in script.splitlines() if "xe " in line]


def test_xe_live(site: TwoPools) -> None:
    script = xe_script(plan_of(site, replace(inside(site, site.web), compress=True)))
    vm, host = site.madrid.uuid(site.web), site.madrid.uuid(site.m3)
    assert commands(script) == [
        ["xe", "vm-migrate", f"uuid={vm}", f"host={host}", "live=true", "compress=true"],
        ["xe", "vm-param-set", f"uuid={vm}", f"affinity={host}"],
    ]
    assert "PASSWORD" not in script


def test_xe_storage_inside_a_pool_tells_the_destination_and_the_cd(site: TwoPools) -> None:
    """Without a destination xe moves the memory only and takes no notice of maps of disks."""
    script = xe_script(plan_of(site, inside(site, site.web).on_same_sr(site.m_iscsi)))
    (migrate, home) = commands(script)
    assert {"remote-master=$REMOTE", "remote-username=root", "remote-password=$PASSWORD"} <= set(migrate)
    assert f"vdi:{site.madrid.uuid(site.cd)}={site.madrid.uuid(site.m_iso)}" in migrate
    assert f"remote-network={site.madrid.uuid(site.m_storage_net)}" in migrate
    assert "-s" not in home


def test_xe_between_pools(site: TwoPools) -> None:
    (migrate, home) = commands(xe_script(plan_of(site, away(site, site.web))))
    vif = site.madrid.uuid("OpaqueRef:Madrid/VIF/web 0")
    assert f"vif:{vif}={site.lisboa.uuid(site.l_lan)}" in migrate
    assert home[:7] == ["xe", "-s", "$REMOTE", "-u", "root", "-pw", "$PASSWORD"]


def test_xe_starts_the_copy_and_not_the_original(site: TwoPools) -> None:
    script = xe_script(plan_of(site, copy(site)))
    assert "copy=true | tail -n 1)" in script
    assert commands(script)[-1][-2:] == ["uuid=$COPY", f"on={site.lisboa.uuid(site.l1)}"]
    moved = xe_script(plan_of(site, replace(copy(site), copy=False)))
    assert commands(moved)[-1][-2] == f"uuid={site.madrid.uuid(site.files)}"


def test_names_cannot_smuggle_commands(site: TwoPools, tmp_path: Path) -> None:
    site.madrid.set(site.web, name_label="web\ntouch pwned")
    site.lisboa.set(site.lisboa.ref, name_label="'$(touch pwned)'")
    script = tmp_path / "script.sh"
    script.write_text("stty() { :; }\nxe() { :; }\n" + xe_script(plan_of(site, away(site, site.web))))
    subprocess.run(["/bin/sh", str(script)], cwd=tmp_path, input=b"a\nb\n", check=True, capture_output=True)
    assert [p.name for p in tmp_path.iterdir()] == ["script.sh"]


def test_the_overview_tells_which_vms_can() -> None:
    site = TwoPools()
    site.madrid.set("OpaqueRef:Madrid/VDI/db 0", cbt_enabled=True)
    site.madrid.set(site.madrid.get(site.web).guest_metrics, PV_drivers_up_to_date=False)
    draft = away(site, site.web, site.db, site.files)
    found = evaluate(site.site, draft)
    rows = overview(found)
    assert rows[0][0] == "VM"
    assert [(row[0], row[1], row[3], row[5]) for row in rows[1:]] == [
        ("web", "running", "l1", "yes, with warnings"),
        ("db", "running", "l1", "no"),
        ("files", "halted", "l1", "yes"),
    ]
    assert [row[4] for row in rows[1:]] == ["50.0 GiB", "200.0 GiB", "20.0 GiB"]
    bare = overview(evaluate(site.site, inside(site, site.files)))
    assert bare[1][4] == "–"
    assert verdict(found, VmRef("gone")) == "…"
