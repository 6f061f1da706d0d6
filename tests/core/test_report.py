"""The page on what was moved: everything is named, nothing of it is markup."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from msgspec.structs import replace

from tests.core.migration.helpers import answered, away
from tests.core.site import TwoPools
from xsmigui.core.jobs import DiskResult, Job, State, VmJob
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.plan import Plan
from xsmigui.core.pool_marks import mark_of
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.core.report import html_report
from xsmigui.core.verified import What, differs, unknown

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


class Reader(HTMLParser):
    """Collects the text, and sees whether what is opened is closed."""

    VOID = ("meta", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def plan_of(site: TwoPools) -> Plan:
    plan = answered(site.site, away(site, site.web, site.files)).plan
    assert plan is not None
    return plan


def test_a_job_in_a_page() -> None:
    site = TwoPools()
    site.madrid.set(site.web, name_label="<script>alert('web')</script> & sons")
    plan = plan_of(site)
    web, files = plan.moves
    disks = tuple(DiskResult(d.disk.uuid, f"new-{n}", "l-nfs") for n, d in enumerate(web.disks))
    subject = Subject("SR", "u", "l-nfs")
    full = Problem(rule="R65", severity=Severity.block, subject=subject, finding="It is full.", raw="SR_FULL <1>")
    job = Job(
        id="20261127-020000-ab",
        plan=plan,
        created=NOW,
        vms=(
            VmJob(
                move=web, state=State.done, verified=True, disks=disks, started=NOW, ended=NOW + timedelta(minutes=5)
            ),
            VmJob(
                move=files, state=State.failed, status="It is full. It stays in Madrid.", problems=(full,), ended=NOW
            ),
        ),
    )
    page = html_report([job], NOW + timedelta(hours=1))
    read = Reader(page)
    assert "script" not in read.tags
    assert "<script>alert('web')</script> & sons" in read.text
    for expected in ("Madrid → Lisboa", job.id, "5 min", "✓ as planned", "1 of 2 are done", web.vm.uuid, "It is full."):
        assert expected in read.text, expected
    for disk in disks:
        assert disk.old in read.text
        assert disk.new in read.text
    assert "SR_FULL <1>" in read.text
    assert read.text.count("It is full.") == 1
    assert "http" not in page.replace("html_report", "")  # nothing is loaded from anywhere


def test_what_was_done_and_not_found_as_planned() -> None:
    site = TwoPools()
    plan = answered(site.site, evacuation.evacuation(site.site, site.madrid.id, site.m1)).plan
    assert plan is not None
    items = (differs(What.tags, "", "gold", "tin"), unknown(What.addresses, "", "10.0.0.9"))
    done = VmJob(move=plan.moves[0], state=State.done, ended=NOW, items=items)
    job = Job(id="j", plan=plan, created=NOW, vms=(done,))
    text = Reader(html_report([job], NOW)).text
    assert "m1 was emptied" in text
    assert "✗ not as planned" in text
    assert "tags: tin, not gold" in text
    assert "addresses of the guest: could not be read (10.0.0.9 expected)" in text
    unread = replace(done, items=items[1:])
    assert "✗ not everything was read" in Reader(html_report([replace(job, vms=(unread,))], NOW)).text
    assert "stay where they are" in text
    waiting = Job(id="k", plan=plan, created=NOW, vms=(VmJob(move=plan.moves[0], state=State.cancelled, ended=NOW),))
    assert "cancelled" in Reader(html_report([waiting], NOW)).text


def test_nothing_of_a_server_is_obeyed_by_what_shows_the_page() -> None:
    """Control characters, changes of the writing direction, and twenty megabytes in every text of a server."""
    site = TwoPools()
    evil = "\x1b[31m\x9b2J\u202egnp\x00" + "x" * 20_000_000
    site.madrid.set(site.web, name_label=evil)
    plan = plan_of(site)
    web = plan.moves[0]
    disks = tuple(DiskResult(evil, evil, evil) for _disk in web.disks)
    problem = Problem(rule="R65", severity=Severity.block, subject=Subject("SR", "u", evil), finding=evil, raw=evil)
    vm = VmJob(move=web, state=State.failed, status=evil, problems=(problem,), disks=disks)
    page = html_report([Job(id="j", plan=plan, created=NOW, vms=(vm,))], NOW)
    assert len(page) < 100_000
    assert all(char.isprintable() or char == "\n" for char in page)
    assert "⟨U+202E⟩" in Reader(page).text


def test_a_pool_that_was_reached_over_old_encryption_is_named() -> None:
    site = TwoPools()
    plan = plan_of(site)
    marks = tuple(
        mark_of("https://x", "", pool.inventory() if pool is site.lisboa else pool.inventory().over_old_encryption())
        for pool in (site.madrid, site.lisboa)
    )
    vms = tuple(VmJob(move=move, state=State.done, pools=marks) for move in plan.moves)
    job = Job(id="20261127-020000-ab", plan=plan, created=NOW, vms=vms)
    text = Reader(html_report([job], NOW)).text
    assert "Madrid was reached over old encryption" in text
    assert "Lisboa was reached" not in text
    assert job.as_json()["old_encryption"] == ["Madrid"]
