"""What holds for every site and every draft (rules.md: how rules become trustworthy)."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.edits import Edit, edits
from tests.core.migration.helpers import answered
from tests.core.site import PoolBuilder, TwoPools, site_of
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.candidates import disk_srs, hosts
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.migration.moves import own_disks
from xsmigui.core.migration.plan import draft_of, same_intent
from xsmigui.core.refs import HostRef, SrRef, VmRef

Change = Callable[[Draft, Inventory, Inventory], Draft]


def on(vm: int, host: int) -> Change:
    def change(draft: Draft, _source: Inventory, target: Inventory) -> Draft:
        refs = [*target.host, HostRef("OpaqueRef:gone")]
        return draft.on(draft.vms[vm % len(draft.vms)], refs[host % len(refs)])

    return change


def same(sr: int) -> Change:
    def change(draft: Draft, _source: Inventory, target: Inventory) -> Draft:
        refs = [None, *target.SR, SrRef("OpaqueRef:gone")]
        return draft.on_same_sr(refs[sr % len(refs)])

    return change


def placing(vm: int, disk: int, sr: int) -> Change:
    def change(draft: Draft, source: Inventory, target: Inventory) -> Draft:
        disks = list(own_disks(source, draft.vms[vm % len(draft.vms)]))
        refs = list(target.SR)
        return draft.placing(disks[disk % len(disks)], refs[sr % len(refs)]) if disks and refs else draft

    return change


def kept() -> Change:
    return lambda draft, _source, _target: draft.keeping_disks()


numbers = st.integers(0, 9)
changes = st.one_of(
    st.builds(on, numbers, numbers),
    st.builds(same, numbers),
    st.builds(placing, numbers, numbers, numbers),
    st.builds(kept),
)


def drafted(site: TwoPools, vms: list[int], there: bool, some: list[Change]) -> Draft:
    refs = [*site.madrid.tables["VM"], "OpaqueRef:gone"]
    chosen = tuple(VmRef(refs[n % len(refs)]) for n in dict.fromkeys(vms))
    draft = site.madrid.move(*dict.fromkeys(chosen), destination=site.lisboa.id if there else site.madrid.id)
    source = site.madrid.inventory()
    target = site.lisboa.inventory() if there else source
    for change in some:
        draft = change(draft, source, target)
    return draft


def shuffled(pool: PoolBuilder) -> PoolBuilder:
    """The same pool, its tables filled in the opposite order."""
    other = PoolBuilder.__new__(PoolBuilder)
    other.key, other.ref = pool.key, pool.ref
    other.tables = {cls: dict(reversed(table.items())) for cls, table in pool.tables.items()}
    return other


def changed(madrid: list[Edit], lisboa: list[Edit]) -> TwoPools:
    site = TwoPools()
    for edit in madrid:
        edit(site.madrid)
    for edit in lisboa:
        edit(site.lisboa)
    return site


sites = st.builds(changed, st.lists(edits, max_size=5), st.lists(edits, max_size=5))
vms = st.lists(st.integers(0, 12), min_size=1, max_size=4)


@settings(max_examples=150)
@given(sites, vms, st.booleans(), st.lists(changes, max_size=5))
def test_evaluation(site: TwoPools, chosen: list[int], there: bool, some: list[Change]) -> None:
    draft = drafted(site, chosen, there, some)
    first = evaluate(site.site, draft)
    # pure: the same again, and a draft with its destination filled in is its own evaluation
    again = evaluate(site.site, first.draft)
    assert again.problems == first.problems
    assert again.questions == first.questions
    assert again.pages == first.pages
    # a plan exists exactly if nothing blocks and nothing is pending
    done = answered(site.site, draft)
    for found in (first, done):
        assert (found.plan is not None) == (not found.questions and not any(p.blocks for p in found.problems))
    # every problem is on a page of the flow, says something, and nothing shows the server's handles
    for problem in done.problems:
        assert problem.page in done.pages
        assert problem.message.endswith((".", "”.")), problem.message
        assert problem.hint or not problem.blocks, problem
        assert "OpaqueRef" not in problem.sentence(), problem.sentence()
    # an accepted plan means the same when it is judged again
    if done.plan is not None:
        once_more = answered(site.site, draft_of(done.plan, site.site)).plan
        assert once_more is not None
        assert same_intent(once_more, done.plan)


@settings(max_examples=60)
@given(sites, vms, st.booleans(), st.lists(changes, max_size=4))
def test_the_order_of_the_tables_does_not_matter(
    site: TwoPools, chosen: list[int], there: bool, some: list[Change]
) -> None:
    draft = drafted(site, chosen, there, some)
    other = site_of(shuffled(site.madrid), shuffled(site.lisboa))
    one, two = evaluate(site.site, draft), evaluate(other, draft)
    assert [(m.ref, m.host, m.placement) for m in one.resolved.moves] == [
        (m.ref, m.host, m.placement) for m in two.resolved.moves
    ]
    assert set(one.problems) == set(two.problems)


@settings(max_examples=60)
@given(sites, vms, st.booleans(), st.lists(changes, max_size=3))
def test_candidates_and_problems_agree(site: TwoPools, chosen: list[int], there: bool, some: list[Change]) -> None:
    draft = drafted(site, chosen, there, some)
    whole: Site = site.site
    for vm in draft.vms:
        for candidate in hosts(whole, draft, vm):
            found = evaluate(whole, draft.on(vm, HostRef(candidate.ref)))
            assert candidate.usable or any(p.blocks for p in found.problems)
    for move in evaluate(whole, draft).resolved.moves:
        for disk in own_disks(move.source, move.ref):
            for candidate in disk_srs(whole, draft, move.ref, move.host, disk):
                found = evaluate(whole, draft.placing(disk, SrRef(candidate.ref)))
                assert candidate.usable or any(p.blocks for p in found.problems)
