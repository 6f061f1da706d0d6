"""Offers are made once for a draft and its site; what pages show of an evaluation is made with it."""

from dataclasses import replace

import pytest

from tests.core.site import TwoPools
from xsmigui.core.migration import candidates, sheets
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer
from xsmigui.core.refs import PoolId, VmRef


def judged(two: TwoPools, *vms: VmRef, to: PoolId | None = None) -> Evaluation:
    return evaluate(two.site, two.madrid.move(*vms, destination=to or two.lisboa.id))


def test_they_are_what_the_candidates_are() -> None:
    two = TwoPools()
    for to in (two.madrid.id, two.lisboa.id):
        evaluation = judged(two, two.web, two.db, to=to)
        offers, site, draft = evaluation.offers, evaluation.site, evaluation.draft
        at = {move.ref: move.host for move in evaluation.resolved.moves}
        assert offers.destinations == candidates.destinations(site, draft)
        assert offers.same_srs == candidates.same_srs(site, draft, at)
        assert offers.storage_networks == candidates.storage_networks(site.pools[to], [h for h in at.values() if h])
        for move in evaluation.resolved.moves:
            assert offers.hosts(move.ref) == candidates.hosts(site, draft, move.ref)
            assert offers.host(move.ref) == candidates.host(site, draft, move.ref, move.host)
        for move, disk in offers.disks:
            assert offers.disk_srs(disk) == candidates.disk_srs(site, draft, move.ref, move.host, disk)
            assert offers.disk_sr(disk) in offers.disk_srs(disk)
        for move, vif in offers.vifs:
            assert offers.networks(vif) == candidates.network_candidates(move.target, move.host)


def test_answers_change_nothing_of_them_and_of_what_the_rules_say() -> None:
    two = TwoPools()
    first = judged(two, two.web, two.db)
    facts = dict.fromkeys(first.questions, Answer())
    alone = evaluate(first.site, first.draft, facts)
    after = evaluate(two.site, first.draft, facts, first)  # the builders make equal pools, not the same ones
    kept = evaluate(first.site, first.draft, facts, first)
    assert kept.offers is first.offers
    assert after.offers is not first.offers
    for found in (kept, after):
        assert found.problems == alone.problems
        assert found.questions == alone.questions
        assert found.plan == alone.plan
        assert found.worst == alone.worst


@pytest.mark.parametrize("what", ["draft", "pool", "claims", "connection"])
def test_they_are_made_anew_where_something_is_another(what: str) -> None:
    two = TwoPools()
    first = judged(two, two.web)
    site, draft = first.site, first.draft
    if what == "draft":
        draft = draft.on(two.web, two.l2)
    elif what == "pool":
        two.lisboa.set(two.l1, enabled=False)
        site = replace(site, pools={**site.pools, two.lisboa.id: two.lisboa.inventory()})
    elif what == "connection":
        site = replace(site, connected=frozenset({two.madrid.id}))
    else:
        site = replace(site, claims=(object(),))  # type: ignore[arg-type]
    assert first.basis is not None
    assert not first.basis.holds(site, draft)
    if what != "claims":
        assert evaluate(site, draft, {}, first) == evaluate(site, draft)


def test_everything_in_sight_is_made_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    two = TwoPools()
    evaluation = judged(two, two.web, two.db)
    disk = next(disk for _move, disk in evaluation.offers.disks)
    vif = next(vif for _move, vif in evaluation.offers.vifs)
    sheets.prepare(evaluation, asked={two.web, disk, vif}, lists=True)

    def too_late(*_arguments: object) -> None:
        raise AssertionError("made when it was shown")

    for name in ("host", "hosts", "disk_sr", "disk_srs", "same_srs", "destinations", "storage_networks"):
        monkeypatch.setattr(candidates, name, too_late)
    offers = evaluation.offers
    assert offers.host(two.web) in offers.hosts(two.web)
    assert offers.disk_sr(disk) in offers.disk_srs(disk)
    assert offers.network(vif) in offers.networks(vif)
    assert offers.destinations
    assert offers.same_srs
    assert offers.storage_networks
    assert sheets.disk_rows(evaluation) is sheets.disk_rows(evaluation)
    with pytest.raises(AssertionError):
        offers.hosts(two.db)


def test_rows_have_the_longest_texts_of_each_column() -> None:
    rows = sheets.rows_of((str(n), ("x" * n, "y")) for n in range(100))
    assert rows.longest[0][0] == "x" * 99
    assert len(rows.longest[0]) == sheets.MEASURED
    assert rows.longest[1] == ("y",)
    assert sheets.rows_of([]) == sheets.Rows()
