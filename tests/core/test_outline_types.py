"""The tree by type."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.edits import Edit, edits
from tests.core.site import PoolBuilder, TwoPools
from tests.core.test_outline import shown, told
from xsmigui.core.changes import difference
from xsmigui.core.outline import Outline, build, updated
from xsmigui.core.outline_nodes import Link, View
from xsmigui.core.outline_steps import steps
from xsmigui.core.outline_types import by_type, heading


def tree(view: View, *pools: PoolBuilder) -> Outline:
    base = build([shown(pool.inventory()) for pool in pools], view)
    return by_type(base, bool(view.search)).outline


def test_headings_with_what_is_of_their_type() -> None:
    site = TwoPools()
    site.madrid.template("golden")
    view = View(templates=True, snapshots=True)
    assert [line.split(" (")[0] for line in told(tree(view, site.madrid, site.lisboa))] == [
        "Pools",
        "  Lisboa",
        "  Madrid",
        "Hosts",
        "  l1",
        "  l2",
        "  m1",
        "  m2",
        "  m3",
        "VMs",
        "  db",
        "    before the update",
        "  files",
        "  lisboa-web",
        "  sleeper",
        "  web",
        "Templates",
        "  golden",
        "SRs",
        "  l1 local",
        "  l-nfs",
        "  m1 local",
        "  m2 local",
        "  m-iscsi",
        "  m-iso",
        "  m-nfs",
    ]
    assert tree(view, site.madrid).nodes[heading("VM")].state == "4"


def test_of_several_pools_each_line_says_whose_it_is() -> None:
    """Two pools may have a VM of the same name."""
    site = TwoPools()
    both = tree(View(), site.madrid, site.lisboa)
    states = {node.label: node.state for node in both.nodes.values()}
    assert states["web"] == "running · Madrid"
    assert states["lisboa-web"] == "running · Lisboa"
    assert states["m1"].endswith("Madrid")
    assert "Madrid" not in states["Madrid"]
    assert tree(View(), site.madrid).nodes[site.madrid.inventory().object_id("VM", site.web)].state == "running"
    base = build([shown(site.madrid.inventory())], View())
    alone = by_type(base)
    base = build([shown(site.madrid.inventory()), shown(site.lisboa.inventory())], View())
    again = by_type(base, before=alone)
    assert again.outline.nodes == by_type(base).outline.nodes
    assert again.outline.children == by_type(base).outline.children


def test_a_standalone_host_and_a_server_that_is_not_loaded() -> None:
    pool = PoolBuilder("")
    pool.vm("vm", on=pool.host("alone"))
    base = build([shown(pool.inventory()), shown(None, Link.connecting)], View())
    assert [line.split(" (")[0] for line in told(by_type(base).outline)] == [
        "Hosts",
        "  alone",
        "VMs",
        "  vm",
        "madrid.example",
    ]


def test_a_search_shows_what_it_found_alone() -> None:
    site = TwoPools()
    lines = told(tree(View(search="web"), site.madrid, site.lisboa))
    assert [line.split(" (")[0] for line in lines] == ["VMs", "  lisboa-web", "  web"]
    lines = told(tree(View(search="before", snapshots=True), site.madrid))
    assert [line.split(" (")[0] for line in lines] == ["Snapshots", "  before the update"]


@given(st.lists(edits, min_size=1, max_size=4), st.sampled_from([View(), View(templates=True, snapshots=True)]))
@settings(max_examples=30, deadline=None)
def test_the_next_tree_is_the_one_made_anew(some: list[Edit], view: View) -> None:
    site = TwoPools()
    old = site.madrid.inventory()
    before = by_type(build([shown(old)], view))
    for edit in some:
        edit(site.madrid)
    new = site.madrid.inventory()
    base = updated(before.of, shown(new), difference(old, new), view)
    after = by_type(base, before=before)
    assert after.outline == by_type(base).outline
    assert steps(after.outline, by_type(base).outline) == steps(Outline(), Outline())
