"""Rules about a VM and a host, from both sides."""

import pytest

from tests.core.migration.helpers import away, blocks, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.features import missing
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.rules.hosts import older
from xsmigui.core.problems import Severity
from xsmigui.core.releases import version_of
from xsmigui.core.units import GiB


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("4.17.5-20-d", (4, 17, 5, 20)),
        ("8.2.1", (8, 2, 1)),
        ("25.33.0-next", (25, 33, 0)),
        ("", ()),
        ("1.249.32-2.1.xs8", (1, 249, 32, 2, 1)),
    ],
)
def test_versions_as_xapi_reads_them(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_older_in_any_of_three_keys() -> None:
    old, new = {"platform_version": "3.2.1", "xen": "4.17"}, {"platform_version": "3.4.0", "xen": "4.13"}
    assert older(old, new) == "3.2.1 < 3.4.0"
    assert older(new, old) == "4.13 < 4.17"
    assert older(new, new) == ""
    assert older({}, new) == ""


def test_r01_older_destination(site: TwoPools) -> None:
    software = site.lisboa.get(site.l1).software_version
    site.lisboa.set(site.l1, software_version=software | {"xapi_build": "25.6.0"})
    found = evaluate(site.site, away(site, site.web))
    assert problem(found, "R01").message == "l1 is older than the current server (25.6.0 < 25.33.0)."
    site.madrid.set(site.m1, software_version={})
    assert "R01" not in rules(evaluate(site.site, away(site, site.web)))
    # halted VMs are compared with the coordinator, wherever they belong
    assert "R01" not in rules(evaluate(site.site, away(site, site.files)))
    assert "R01" in rules(evaluate(site.site, away(site, site.db)))
    site.madrid.set(site.db, resident_on="OpaqueRef:gone")
    assert "R01" not in rules(evaluate(site.site, away(site, site.db)))


def test_r01_without_a_known_source_host(site: TwoPools) -> None:
    site.madrid.set(site.madrid.ref, master="OpaqueRef:gone")
    assert "R01" not in rules(evaluate(site.site, away(site, site.files)))


def test_r05_hosts_that_take_no_vms(site: TwoPools) -> None:
    site.madrid.set(site.m3, enabled=False)
    assert problem(evaluate(site.site, inside(site, site.web)), "R05").message == "m3 is in maintenance mode."
    site.madrid.set(site.madrid.get(site.m3).metrics, live=False)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R05").message == "m3 cannot be reached by its coordinator."
    site.madrid.set(site.m1, enabled=False)
    stays = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m1).on_same_sr(site.m_iscsi)
    assert "R05" not in rules(evaluate(site.site, stays))


def test_r06_host_being_emptied(site: TwoPools) -> None:
    site.madrid.set(site.m3, current_operations={"t": "evacuate", "u": "vm_start"})
    assert problem(evaluate(site.site, inside(site, site.web)), "R06").message == "m3 is busy: evacuate is running."


def test_r30_vendor(site: TwoPools) -> None:
    site.madrid.set(site.web, last_boot_CPU_flags={"vendor": "AuthenticAMD"})
    found = evaluate(site.site, inside(site, site.web))
    assert (
        "it was started on a processor of AuthenticAMD, but m3 has one of GenuineIntel" in problem(found, "R30").message
    )
    stays = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m1).on_same_sr(site.m_iscsi)
    assert "R30" not in rules(evaluate(site.site, stays))
    site.madrid.set(site.files, last_boot_CPU_flags={"vendor": "AuthenticAMD"})
    assert "R30" not in rules(evaluate(site.site, away(site, site.files)))


@pytest.mark.parametrize(
    ("vm", "host", "lacking"),
    [
        ("ff-0f", "ff-ff", 0),
        ("ff-ff", "ff-0f", 4),
        ("ff-ff-ff", "ff-ff", 0),
        ("ff", "ff-00", 0),
        ("odd", "ff", 0),
        ("ff-ff-ff-ff", "00-00-00-00-00", 0),
    ],
)
def test_features_are_compared_word_by_word(vm: str, host: str, lacking: int) -> None:
    assert len(missing(vm, host)) == lacking


def test_r31_features(site: TwoPools) -> None:
    cpu = site.madrid.get(site.m3).cpu_info
    site.madrid.set(site.m3, cpu_info=cpu | {"features_hvm": "ffffffff-fffffffe"})
    site.madrid.set(site.web, last_boot_CPU_flags={"vendor": "GenuineIntel", "features": "ffffffff-ffffffff"})
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R31").message == "web cannot run on m3: its processor lacks 1 feature that web uses: sse3."
    metrics = site.madrid.get(site.web).metrics
    site.madrid.set(metrics, current_domain_type="pv")
    assert "R31" not in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.remove(metrics)
    assert "R31" in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(site.web, domain_type="unspecified")
    assert "R31" in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(site.web, HVM_boot_policy="")
    assert "R31" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r31_suspended_vms_too_even_where_they_belong(site: TwoPools) -> None:
    """Its home server says nothing of the processor that it was suspended on."""
    site.madrid.set(site.sleeper, affinity=site.m3, last_boot_CPU_flags={"features": "ffffffff-ffffffff"})
    cpu = site.madrid.get(site.m3).cpu_info
    site.madrid.set(site.m3, cpu_info=cpu | {"features_hvm": "00000000-ffffffff"})
    draft = inside(site, site.sleeper).on_same_sr(site.m_iscsi)
    assert blocks(evaluate(site.site, draft)) == ["R31"]


def test_r31_snapshots_with_memory(site: TwoPools) -> None:
    snapshot = site.madrid.snapshot(site.files, "with memory", memory_on=site.m_nfs)
    site.madrid.snapshot(site.files, "plain")
    assert "R31" not in rules(evaluate(site.site, away(site, site.files)))
    site.madrid.set(snapshot, last_boot_CPU_flags={"vendor": "AuthenticAMD"})
    found = evaluate(site.site, away(site, site.files))
    assert problem(found, "R31").message.startswith("The memory in the snapshot with memory of files")
    site.madrid.set(snapshot, last_boot_CPU_flags={"features": "ffffffff"})
    assert "R31" not in rules(evaluate(site.site, away(site, site.files)))
    site.lisboa.set(site.l1, cpu_info={"features_hvm": "0000ffff"})
    assert "R31" in rules(evaluate(site.site, away(site, site.files)))
    here = inside(site, site.files).on_same_sr(site.m_iscsi)
    assert "R31" not in rules(evaluate(site.site, here))


def test_r33_processors(site: TwoPools) -> None:
    site.madrid.set(site.web, VCPUs_max=32)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R33").message == "web may have up to 32 vCPUs; m3 has 16 processors."
    site.madrid.set(site.web, platform={"vcpu-unrestricted": "true"})
    assert "R33" not in rules(evaluate(site.site, inside(site, site.web)))
    site.madrid.set(site.web, platform={})
    site.madrid.set(site.m3, cpu_info={})
    unknown = problem(evaluate(site.site, inside(site, site.web)), "R33")
    assert (unknown.severity, unknown.message) == (Severity.info, "How many processors m3 has is not known.")


def test_r34_virtual_hardware(site: TwoPools) -> None:
    site.madrid.set(site.web, hardware_platform_version=7)
    assert "m3 does not offer version 7" in problem(evaluate(site.site, inside(site, site.web)), "R34").message
    site.madrid.set(site.m3, virtual_hardware_platform_versions=[])
    assert "R34" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r40_memory(site: TwoPools) -> None:
    site.madrid.set(site.madrid.get(site.m3).metrics, memory_total=3 * GiB)
    found = evaluate(site.site, inside(site, site.web))
    assert problem(found, "R40").message == "m3 has 1.0 GiB of free memory; web needs 2.0 GiB."
    site.madrid.set(site.web, memory_dynamic_min=GiB)
    assert "R40" not in rules(evaluate(site.site, inside(site, site.web)))


def test_r40_vms_that_do_not_run(site: TwoPools) -> None:
    """The server asks for their memory inside a pool; elsewhere nobody does before the resume."""
    site.madrid.set(site.madrid.get(site.m3).metrics, memory_total=3 * GiB)
    for vm in (site.sleeper, site.files):
        assert blocks(evaluate(site.site, inside(site, vm).on_same_sr(site.m_iscsi))) == ["R40"]
    site.lisboa.set(site.lisboa.get(site.l1).metrics, memory_total=5 * GiB)
    found = evaluate(site.site, away(site, site.sleeper))
    assert problem(found, "R40").severity is Severity.warn
    assert problem(found, "R40").message == "l1 has 1.0 GiB of free memory; sleeper needs 2.0 GiB when it is resumed."
    assert "R40" not in rules(evaluate(site.site, away(site, site.files)))
    assert "R40" in blocks(evaluate(site.site, away(site, site.web)))


def test_r40_together(site: TwoPools) -> None:
    """Each fits alone."""
    other = site.madrid.vm("other", on=site.m2, memory=40 * GiB, disks=[site.m_nfs])
    site.madrid.set(site.web, memory_dynamic_min=40 * GiB)
    draft = site.madrid.move(site.web, other, destination=site.madrid.id).on(site.web, site.m3).on(other, site.m3)
    found = evaluate(site.site, draft)
    assert problem(found, "R40").message == "m3 has 62.0 GiB of free memory; web and other need 80.0 GiB together."
    site.madrid.set(other, memory_dynamic_min=400 * GiB)
    found = evaluate(site.site, draft)
    assert problem(found, "R40").message == "m3 has 62.0 GiB of free memory; other needs 400.0 GiB."


def test_r42_memory_twice(site: TwoPools) -> None:
    stays = site.madrid.move(site.web, destination=site.madrid.id).on(site.web, site.m1).on_same_sr(site.m_iscsi)
    assert blocks(evaluate(site.site, stays)) == []
    site.madrid.set(site.madrid.get(site.m1).metrics, memory_total=5 * GiB)
    found = evaluate(site.site, stays)
    assert blocks(found) == ["R42"]
    assert "needs its memory a second time on m1: 2.0 GiB, but only 1.0 GiB is free" in problem(found, "R42").message
