"""Rules about a whole batch: queue, estimates, jobs under way."""

from dataclasses import replace

import pytest

from tests.core.migration.helpers import answered, away, blocks, inside, problem, rules
from tests.core.site import TwoPools
from xsmigui.core.capacity import load
from xsmigui.core.failures import ServerFailure
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.estimates import estimate, link_speed, total
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.exchange import JOB
from xsmigui.core.migration.facts import Answer, Question, WriteRate
from xsmigui.core.migration.fixes import SetDefaultSr
from xsmigui.core.migration.other_programs import copies_of_others
from xsmigui.core.problems import Severity
from xsmigui.core.refs import NULL, HostRef, NetworkRef, SrRef
from xsmigui.core.units import GiB, TiB


@pytest.fixture
def site() -> TwoPools:
    return TwoPools()


def claim(site: TwoPools, **fields: object) -> Claim:
    """A job of ours that moves some other VM of Madrid to l1."""
    given = {"vm": "other", "memory": 0, "space": (), "storage": True, **fields}
    return Claim(source=site.madrid.id, pool=site.lisboa.id, host=site.l1, **given)  # type: ignore[arg-type]


def test_r04_those_of_our_jobs_and_of_other_clients_count(site: TwoPools) -> None:
    draft = away(site, site.web, site.db)
    assert "R04" not in rules(evaluate(site.site, draft))
    site.madrid.set(site.files, current_operations={"OpaqueRef:task": "migrate_send"})
    claims = (claim(site), claim(site, vm=site.madrid.uuid(site.web)), claim(site, vm="live", storage=False))
    found = problem(evaluate(replace(site.site, claims=claims), draft), "R04")
    assert found.message.startswith("1 VM will wait in the queue: at most 3 storage migrations leave Madrid at once")
    assert found.message.endswith("2 other storage migrations come first.")
    assert "R04" not in rules(evaluate(replace(site.site, claims=claims), inside(site, site.web)))


def test_r04_says_nothing_of_others_where_there_are_none(site: TwoPools) -> None:
    more = [site.madrid.vm(f"more {n}", on=site.m1, disks=[site.m_nfs]) for n in range(2)]
    found = problem(evaluate(site.site, away(site, site.web, site.db, *more)), "R04")
    assert found.message == "1 VM will wait in the queue: at most 3 storage migrations leave Madrid at once."


def test_r40_jobs_under_way_take_memory(site: TwoPools) -> None:
    draft = away(site, site.web)
    known = replace(site.site, claims=(claim(site, memory=59 * GiB),))
    assert blocks(evaluate(known, draft)) == ["R40"]
    assert "of which running jobs will use 59.0 GiB" in problem(evaluate(known, draft), "R40").message
    assert answered(replace(site.site, claims=(claim(site, memory=50 * GiB),)), draft).plan is not None
    own = claim(site, memory=59 * GiB, vm=site.madrid.uuid(site.web))
    assert answered(replace(site.site, claims=(own,)), draft).plan is not None


def test_r50_jobs_under_way_take_space(site: TwoPools) -> None:
    draft = away(site, site.web)
    taken = claim(site, space=((site.l_nfs, 10 * TiB - GiB),))
    found = [p for p in evaluate(replace(site.site, claims=(taken,)), draft).problems if p.rule == "R50"]
    assert [p.severity for p in found] == [Severity.block]
    assert "of which running jobs will use 10.0 TiB" in found[0].message


def test_r50_siblings_take_space_too(site: TwoPools) -> None:
    """Another job that moves another disk of the same VM, or two disks of no VM: only the very same move does not
    count twice."""
    draft = away(site, site.web)
    mine = next(vdi.uuid for _vbd, _ref, vdi in site.madrid.inventory().disks(site.web))
    space = ((site.l_nfs, 10 * TiB - GiB),)
    for disks, is_counted in (((mine,), False), (("another of its disks",), True), ((), False)):
        sibling = claim(site, vm=site.madrid.uuid(site.web), disks=disks, space=space)
        found = evaluate(replace(site.site, claims=(sibling,)), draft)
        assert ("R50" in blocks(found)) is is_counted, disks
    loose = Claim(
        vm="", source=site.madrid.id, pool=site.madrid.id, host=site.l1, memory=0, space=(), storage=True, disks=("a",)
    )
    assert loose.is_about("", frozenset({"a"}))
    assert not loose.is_about("", frozenset({"b"}))
    assert not replace(loose, disks=()).is_about("", frozenset())


def test_r50_copies_of_other_programs_take_space(site: TwoPools) -> None:
    """Another computer's job is copying a disk to the same SR: what it has not written yet is taken too."""
    inventory = site.madrid.inventory()
    ref, source = next((ref, vdi) for _vbd, ref, vdi in inventory.disks(site.web))
    thin = site.madrid.sr("thin", "nfs")
    name = f"[incomplete copy] web 0 (xsmigui 20260101-000000-ffff {source.uuid[:8]})"
    copy = site.madrid.disk(thin, source.virtual_size, name)
    site.madrid.set(copy, other_config={JOB: "20260101-000000-ffff"}, physical_utilisation=0)

    def taken(*jobs: str) -> list[int]:
        found = copies_of_others(site.madrid.inventory(), [thin], jobs)
        return [needed for claim in found for _sr, needed in claim]

    whole = load(inventory, {ref: source}, thin=True)
    assert taken() == [whole] != [0]
    assert taken("20260101-000000-ffff") == []  # it is ours: its claim counts
    site.madrid.set(copy, physical_utilisation=whole)
    assert taken() == [0]
    site.madrid.set(copy, name_label="web 0")  # in place
    assert taken() == []


def test_r50_what_other_clients_will_write_is_not_known(site: TwoPools) -> None:
    site.madrid.set(site.files, current_operations={"OpaqueRef:task": "migrate_send"})
    found = problem(evaluate(site.site, away(site, site.web)), "R50")
    assert (found.severity, "Other clients are moving files" in found.message) == (Severity.info, True)
    ours = claim(site, vm=site.madrid.uuid(site.files))
    assert "R50" not in rules(evaluate(replace(site.site, claims=(ours,)), away(site, site.web)))


def test_r40_halted_vms_that_are_started_afterwards_need_memory(site: TwoPools) -> None:
    site.madrid.set(site.files, memory_dynamic_min=100 * GiB)
    assert "R40" not in rules(evaluate(site.site, away(site, site.files)))
    assert "R40" in blocks(evaluate(site.site, away(site, site.files).starting(True)))


def test_r19_the_estimate_is_a_range_and_says_what_it_is_made_from(site: TwoPools) -> None:
    found = evaluate(site.site, away(site, site.web))
    (said,) = [p for p in found.problems if p.rule == "R19"]
    assert said.message.startswith("Estimate: 69 s to 15 min in total, for 50.0 GiB of disks and 2.0 GiB of memory")
    assert "at 10 Gbit/s" in said.message
    assert "each pauses for up to" in said.message
    halted = next(p for p in evaluate(site.site, away(site, site.files)).problems if p.rule == "R19")
    assert "pauses" not in halted.message
    for metrics in site.lisboa.get_all("PIF_metrics"):
        site.lisboa.remove(metrics)
    unknown = next(p for p in evaluate(site.site, away(site, site.web)).problems if p.rule == "R19")
    assert "at an unknown speed" in unknown.message


def test_estimates(site: TwoPools) -> None:
    site.madrid.vgpu(site.web)
    (live,) = evaluate(site.site, inside(site, site.web)).resolved.moves
    (motion,) = evaluate(site.site, away(site, site.web)).resolved.moves
    (bare,) = evaluate(site.site, site.madrid.move(site.files, destination=site.lisboa.id)).resolved.moves
    one, other, halted = (estimate(move) for move in (live, motion, bare))
    assert (one.disks, one.speed) == (0, 10_000)
    assert one.low < other.low < other.high
    assert 0 < one.pause_low < one.pause_high
    assert (halted.pause_low, halted.pause_high, halted.memory) == (0, 0, 0)
    both = total([one, other])
    assert both.low == one.low + other.low
    assert both.pause_high == max(one.pause_high, other.pause_high)
    assert total([]).speed == 0
    assert link_speed(site.lisboa.inventory(), HostRef("gone"), NetworkRef("gone")) == 0
    for pif in site.lisboa.get_all("PIF"):
        site.lisboa.set(pif, management=False, IP="")
    (silent,) = evaluate(site.site, away(site, site.web)).resolved.moves
    assert estimate(silent).speed == 0


def test_r01_and_r31_what_is_not_known_is_said(site: TwoPools) -> None:
    site.madrid.set(site.m3, software_version={})
    site.madrid.set(site.web, last_boot_CPU_flags={"features": "1-2-3-4"})
    cpu = site.madrid.get(site.m3).cpu_info
    site.madrid.set(site.m3, cpu_info=cpu | {"features_hvm": "1-2-3-4-5"})
    found = evaluate(site.site, inside(site, site.web))
    assert [p.rule for p in found.problems if "not known" in p.message] == ["R01"]
    assert "cannot be compared" in problem(found, "R31").message
    assert {p.severity for p in found.problems} == {Severity.info}


def test_r07_a_block_of_our_own_can_be_cleared(site: TwoPools) -> None:
    site.madrid.set(site.web, blocked_operations={"pool_migrate": "xsmigui: moving its disk"})
    found = problem(evaluate(site.site, inside(site, site.web)), "R07")
    assert (found.fix, "This program has blocked" in found.message) == ("clear-block", True)
    site.madrid.set(site.web, blocked_operations={"pool_migrate": "nightly backup"})
    assert problem(evaluate(site.site, inside(site, site.web)), "R07").fix == ""


def test_r67_a_default_sr_can_be_set(site: TwoPools) -> None:
    """Nothing suits, and the pool has no default SR."""
    site.lisboa.set(site.lisboa.ref, default_SR="OpaqueRef:NULL")
    site.lisboa.driver("nfs", [])
    site.lisboa.driver("lvm", [])
    found = [p for p in evaluate(site.site, away(site, site.web)).problems if p.rule == "R67" and p.fix]
    remedy = SetDefaultSr(
        pool=site.lisboa.id,
        pool_ref=site.lisboa.ref,
        sr=site.l_nfs,
        pool_name="Lisboa",
        sr_name="l-nfs",
        instead_of=SrRef(NULL),
    )
    assert [p.remedy for p in found] == [remedy]
    for pbd in site.lisboa.get_all("PBD", SR=site.l_nfs):
        site.lisboa.set(pbd, currently_attached=False)
    assert [p for p in evaluate(site.site, away(site, site.web)).problems if p.rule == "R67" and p.fix] == []


def test_r52_the_vendor_rules_clustered_srs_out(site: TwoPools) -> None:
    there = site.lisboa.sr("shared", "gfs2")
    assert "R52" not in rules(evaluate(site.site, away(site, site.web).on_same_sr(there)))
    for host in site.madrid.hosts:  # before 25.3, whatever the destination
        software = site.madrid.get(host).software_version | {"xapi_build": "24.10.0"}
        site.madrid.set(host, software_version=software)
    found = evaluate(site.site, away(site, site.web).on_same_sr(there))
    assert "the vendor does not support it for “gfs2”" in problem(found, "R52").message


def test_r17_the_hotfix_opens_another_port(site: TwoPools) -> None:
    old = {"product_version": "8.2.1", "product_brand": "Citrix Hypervisor", "xapi_build": "1.249.32"}
    site.madrid.set(site.web, power_state="Halted", resident_on="OpaqueRef:NULL")  # any host may send it
    for host in site.madrid.hosts:
        site.madrid.set(host, software_version=site.madrid.get(host).software_version | old)
    assert "R17" not in rules(evaluate(site.site, away(site, site.web)))
    site.lisboa.set(site.l1, https_only=True)
    found = problem(evaluate(site.site, away(site, site.web)), "R17")
    assert found.message == "Disks of m1, m2 and m3 in Madrid go over port 80 of l1, which is closed there."
    site.madrid.update("XS82ECU1033", site.madrid.hosts[:2])
    assert problem(evaluate(site.site, away(site, site.web)), "R17").message.startswith("Disks of m3 in Madrid go")
    site.madrid.update("XS82ECU1033", site.madrid.hosts[2:])
    assert "R17" not in rules(evaluate(site.site, away(site, site.web)))


@pytest.mark.parametrize(
    ("software", "severity"),
    [
        ({"product_version": "7.1.2", "product_brand": "XenServer", "xapi_build": "1.14.44"}, Severity.block),
        ({"product_version": "8.0.0", "product_brand": "XCP-ng", "xapi_build": "1.160.1"}, Severity.block),
        ({"product_version": "8.2.1", "product_brand": "XCP-ng", "xapi_build": "1.249.32"}, Severity.warn),
        ({"product_version": "6.5.0", "product_brand": "XenServer", "xapi_build": ""}, Severity.block),
        ({"product_version": "8.3.0", "product_brand": "XCP-ng", "xapi_build": "24.19.2"}, None),
        ({"product_version": "8.4.0", "product_brand": "XenServer", "xapi_build": "22.32.0"}, None),
    ],
)
def test_r17_whatever_the_brand(site: TwoPools, software: dict[str, str], severity: Severity | None) -> None:
    site.lisboa.set(site.l1, https_only=True)
    site.madrid.set(site.m1, software_version=site.madrid.get(site.m1).software_version | software)
    found = [p.severity for p in evaluate(site.site, away(site, site.web)).problems if p.rule == "R17"]
    assert found == ([] if severity is None else [severity])
    site.lisboa.set(site.l1, https_only=False)
    assert "R17" not in rules(evaluate(site.site, away(site, site.web)))


def test_r19_what_the_guests_write_is_counted(site: TwoPools) -> None:
    """Asked last of running VMs whose disks move; silence and refusals stand against nothing."""
    for ref, row in site.madrid.tables["VBD"].items():
        if site.web == row.VM and row.type == "Disk":  # type: ignore[attr-defined]
            site.madrid.set(ref, device=f"xvd{'abc'[int(row.userdevice)]}")  # type: ignore[attr-defined]
    draft = away(site, site.web)
    facts: dict[Question, Answer] = {}
    found = evaluate(site.site, draft, facts)
    while not isinstance(found.questions[0], WriteRate):
        rate = [q for q in found.questions if isinstance(q, WriteRate)]
        facts.update({q: Answer() for q in found.questions if q not in rate})
        found = evaluate(site.site, draft, facts)
    (asked,) = found.questions
    assert isinstance(asked, WriteRate)
    assert asked.devices == ("xvda", "xvdb")
    for answer in (Answer(), Answer(ServerFailure("INTERNAL_ERROR", ("Rrd.Invalid_data_source",), "m"))):
        silent = evaluate(site.site, draft, {**facts, asked: answer})
        assert silent.plan is not None
        assert problem(silent, "R19").message.endswith("The write rate of the guests is not known.")
    told = evaluate(site.site, draft, {**facts, asked: Answer(value=40e6)})
    assert told.plan == silent.plan
    assert "The guests are writing 38 MiB per second, which the estimate includes." in problem(told, "R19").message
    (move,) = told.resolved.moves
    assert estimate(move, 40e6).high > estimate(move).high
    assert estimate(move, 1e12).high < 6 * estimate(move).high  # there is an end to it
    idle = evaluate(site.site, away(site, site.files), facts)
    assert not any(isinstance(q, WriteRate) for q in idle.questions)
