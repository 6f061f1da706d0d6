from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.edits import Edit, edits
from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.changes import Delta, difference
from xsmigui.core.inventory import Inventory
from xsmigui.core.outline import Outline, build, replaced, updated, without
from xsmigui.core.outline_nodes import Link, Node, ServerView, View, node_of, server_node
from xsmigui.core.outline_steps import steps
from xsmigui.core.refs import NULL, ObjectId

EVERYTHING = View(templates=True, snapshots=True)
VIEWS = [View(), EVERYTHING, View(local_srs=False), View(search="db"), View(search="web m1", snapshots=True)]


def shown(inventory: Inventory | None, link: Link = Link.connected, detail: str = "") -> ServerView:
    return ServerView("https://madrid", "madrid.example", link, detail, inventory)


def told(outline: Outline) -> list[str]:
    """The tree as indented lines."""

    def lines(parent: ObjectId | None, depth: int) -> list[str]:
        found = []
        for key in outline.children.get(parent, ()):
            node = outline.nodes[key]
            found.append("  " * depth + node.label + (f" ({node.state})" if node.state else ""))
            found += lines(key, depth + 1)
        return found

    return lines(None, 0)


def of(pool: PoolBuilder, view: View = EVERYTHING) -> Outline:
    return build([shown(pool.inventory())], view)


def node(pool: PoolBuilder, ref: str, view: View = EVERYTHING) -> Node:
    cls = ref.split("/")[1]
    found = node_of(pool.inventory(), cls, ref, view)
    assert found is not None
    return found


def test_the_usual_site_as_xencenter_places_it() -> None:
    site = TwoPools()
    assert told(of(site.madrid, View(snapshots=True))) == [
        "Madrid",
        "  m1",
        "    web (running)",
        "    m1 local (0 %)",
        "  m2",
        "    db (running)",
        "      before the update (2026-08-08 02:00 UTC)",
        "    m2 local (0 %)",
        "  m3",
        "  files (halted)",
        "  sleeper (suspended)",
        "  m-iscsi (0 %)",
        "  m-iso",
        "  m-nfs (0 %)",
    ]


def test_a_standalone_host_is_its_own_top() -> None:
    pool = PoolBuilder("")
    alone = pool.host("alone")
    pool.vm("vm", on=alone)
    pool.sr("local", hosts=[alone])
    assert told(of(pool)) == ["alone", "  vm (running)", "  local (0 %)"]
    top = next(of(pool).walk())
    assert (top.id.cls, top.icon, top.dimmed) == ("host", "host", False)
    lost = next(build([shown(pool.inventory(), Link.waiting, "waiting")], View()).walk())
    assert (lost.icon, lost.state, lost.dimmed) == ("host-unreachable", "waiting", True)


@pytest.mark.parametrize(
    ("link", "icon"),
    [(Link.connecting, "pool-connecting"), (Link.loading, "pool-connecting"), (Link.failed, "pool-disconnected")],
)
def test_a_server_without_an_inventory(link: Link, icon: str) -> None:
    (top,) = build([shown(None, link, "why")], View()).walk()
    assert (top.label, top.icon, top.state, top.dimmed) == ("madrid.example", icon, "why", True)


def test_a_disconnected_pool_is_dimmed() -> None:
    site = TwoPools()
    top = next(build([shown(site.madrid.inventory(), Link.closed)], View()).walk())
    assert (top.icon, top.dimmed) == ("pool-disconnected", True)


def test_what_is_hidden() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    marked = {"other_config": {"HideFromXenCenter": "true"}}
    hidden = [
        pool.dom0(m1),
        pool.vm("hidden", **marked),
        pool.template("default", is_default_template=True),
        pool.template("default of old", other_config={"default_template": "true"}),
        pool.sr("tools", is_tools_sr=True),
        pool.sr("tmp", "tmpfs"),
        pool.sr("hidden sr", **marked),
        pool.sr("recovery", introduced_by="OpaqueRef:task"),
    ]
    orphan = pool.snapshot(pool.vm("vm"))
    pool.set(orphan, snapshot_of=NULL)
    inventory = pool.inventory()
    assert [node_of(inventory, ref.split("/")[1], ref, EVERYTHING) for ref in [*hidden, orphan]] == [None] * 9
    assert node_of(inventory, "VM", "gone", EVERYTHING) is None


def test_templates_snapshots_and_local_storage_if_wanted() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    m2 = pool.host("m2")
    template = pool.template("template")
    snapshot = pool.snapshot(pool.vm("vm"))
    local = pool.sr("local", hosts=[m2])
    assert node(pool, template).icon == "template"
    assert node(pool, snapshot).icon == "snapshot"
    assert node(pool, local).icon == "sr-local"
    inventory, plain = pool.inventory(), View(local_srs=False)
    assert node_of(inventory, "VM", template, plain) is None
    assert node_of(inventory, "VM", snapshot, plain) is None
    assert node_of(inventory, "SR", local, plain) is None


def test_states_of_vms() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    vm = pool.vm("vm", on=m1)
    assert (node(pool, vm).icon, node(pool, vm).state) == ("vm-running", "running")
    pool.set(vm, power_state="Paused")
    assert (node(pool, vm).icon, node(pool, vm).state) == ("vm-paused", "paused")
    task = pool.task("moving", progress=0.42)
    pool.set(vm, current_operations={task: "pool_migrate"})
    assert (node(pool, vm).icon, node(pool, vm).state) == ("vm-moving", "moving 42 %")
    pool.remove(task)
    assert node(pool, vm).state == "moving"


def test_states_of_hosts() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    assert node(pool, m1).icon == "host"
    pool.set(m1, enabled=False)
    assert (node(pool, m1).icon, node(pool, m1).state) == ("host-disabled", "maintenance mode")
    pool.set(pool.get(m1).metrics, live=False)
    assert (node(pool, m1).icon, node(pool, m1).state, node(pool, m1).dimmed) == (
        "host-unreachable",
        "unreachable",
        True,
    )


def test_states_of_srs() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    nfs = pool.sr("nfs", size=100, used=25, default=True)
    assert (node(pool, nfs).icon, node(pool, nfs).state, node(pool, nfs).used) == ("sr-default", "25 %", 0.25)
    empty = pool.sr("empty", size=0)
    assert (node(pool, empty).icon, node(pool, empty).state, node(pool, empty).used) == ("sr", "", None)
    detached = pool.sr("detached", hosts=[])
    pool.pbd(m1, detached, attached=False)
    assert (node(pool, detached).icon, node(pool, detached).state) == ("sr-detached", "detached")
    assert node(pool, detached).dimmed


def test_search_keeps_what_matches_and_what_holds_it() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    pool.host("web-host")
    web = pool.vm("web", on=m1, tags=["shop"])
    pool.set(pool.get(web).guest_metrics, networks={"0/ip": "10.1.2.3"})
    pool.vm("db", on=m1)
    pool.snapshot(web, "nightly")
    assert told(of(pool, View(search="WEB"))) == ["Madrid", "  m1", "    web (running)", "  web-host"]
    assert told(of(pool, View(search="10.1.2"))) == ["Madrid", "  m1", "    web (running)"]
    assert told(of(pool, View(search="shop web"))) == ["Madrid", "  m1", "    web (running)"]
    assert told(of(pool, View(search=pool.uuid(web)))) == ["Madrid", "  m1", "    web (running)"]
    nightly = told(of(pool, View(search="nightly", snapshots=True)))
    assert [line.strip().split(" ")[0] for line in nightly] == ["Madrid", "m1", "web", "nightly"]
    assert told(of(pool, View(search="nothing"))) == []
    assert told(build([shown(None)], View(search="example"))) == ["madrid.example"]
    assert told(build([shown(None)], View(search="other"))) == []


def test_what_a_search_found_is_marked() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    web = pool.vm("web", on=m1)
    pool.vm("db", on=m1)
    pool.sr("web disks")
    found = of(pool, View(search="web"))
    assert [node.label for node in found.walk() if node.hit] == ["web", "web disks"]
    assert (found.hits, found.first_hit()) == (
        2,
        pool.inventory().object_id("VM", web),
    )
    assert (of(pool).hits, of(pool).first_hit()) == (0, None)
    assert build([shown(None)], View(search="example")).hits == 1


def test_a_match_below_something_hidden_is_not_shown() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    vm = pool.vm("vm", other_config={"HideFromXenCenter": "true"})
    pool.snapshot(vm, "nightly")
    pool.set("OpaqueRef:Madrid/VM/nightly", other_config={})
    assert told(of(pool, View(search="nightly", snapshots=True))) == []


def test_servers_come_and_go() -> None:
    site = TwoPools()
    madrid = shown(site.madrid.inventory())
    lisboa = ServerView("https://lisboa", "l", Link.connected, "", site.lisboa.inventory())
    both = build([madrid, lisboa], View())
    assert without(both, lisboa) == build([madrid], View())
    assert without(both, madrid) == build([lisboa], View())
    waiting = ServerView("https://lisboa", "l", Link.connecting)
    assert replaced(without(both, lisboa), waiting, View()) == build([madrid, waiting], View())
    assert replaced(build([madrid, waiting], View()), lisboa, View(), gone=waiting) == both
    assert without(build([madrid, waiting], View()), waiting) == build([madrid], View())
    assert replaced(both, waiting, View(), gone=lisboa) == build([madrid, waiting], View())


def test_nothing_changes_for_what_is_not_shown() -> None:
    site = TwoPools()
    outline = of(site.madrid)
    same = updated(outline, shown(site.madrid.inventory()), Delta(changed={"PIF": frozenset("x")}), EVERYTHING)
    assert same is outline


def test_hosts_and_srs_change_without_a_new_tree() -> None:
    """Both change all the time; the rest of the tree stays the very same objects."""
    site = TwoPools()
    old = site.madrid.inventory()
    outline = of(site.madrid)
    site.madrid.set(site.m_nfs, physical_utilisation=5)
    site.madrid.set(site.m1, enabled=False)
    new = site.madrid.inventory()
    later = updated(outline, shown(new), difference(old, new), EVERYTHING)
    assert later == of(site.madrid)
    assert later.children is outline.children
    web = new.object_id("VM", site.web)
    assert later.nodes[web] is outline.nodes[web]


def later(pool: PoolBuilder, outline: Outline, before: Inventory) -> Outline:
    after = pool.inventory()
    return updated(outline, shown(after), difference(before, after), EVERYTHING)


def test_a_snapshot_goes_and_comes_with_its_vm() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    vm = pool.vm("vm")
    pool.snapshot(vm, "nightly")
    before, outline = pool.inventory(), of(pool)
    pool.set(vm, other_config={"HideFromXenCenter": "true"})
    hidden = later(pool, outline, before)
    assert told(hidden) == told(of(pool)) == ["Madrid", "  m1"]
    before = pool.inventory()
    pool.set(vm, other_config={})
    assert later(pool, hidden, before) == outline


def test_a_disk_moves_its_vm_and_a_lost_one_lets_it_go() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    m2 = pool.host("m2")
    nfs, local = pool.sr("nfs"), pool.sr("local", hosts=[m2])
    vm = pool.vm("vm", disks=[nfs])
    (disk,) = pool.tables["VDI"]
    before, outline = pool.inventory(), of(pool)
    pool.set(disk, SR=local)
    moved = later(pool, outline, before)
    assert moved.nodes[pool.inventory().object_id("VM", vm)].parent == pool.inventory().object_id("host", m2)
    before = pool.inventory()
    pool.remove(disk)
    assert later(pool, moved, before) == of(pool)
    (vbd,) = pool.tables["VBD"]
    before, outline = pool.inventory(), of(pool)
    pool.remove(vbd)
    assert later(pool, outline, before) == of(pool)
    loose = pool.disk(nfs)
    before, outline = pool.inventory(), of(pool)
    pool.set(loose, name_label="renamed")
    assert later(pool, outline, before) == outline


def test_a_disk_whose_vbd_is_not_known_yet() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    pool.vm("vm", disks=[pool.sr("nfs")])
    inventory, outline = pool.inventory(), of(pool)
    (disk,) = pool.tables["VDI"]
    early = inventory.replaced({"VBD": {}})
    delta = Delta(changed={"VDI": frozenset([disk])})
    assert updated(outline, shown(early), delta, EVERYTHING) is outline


def started(name: str) -> PoolBuilder:
    if name:
        return TwoPools().madrid
    pool = PoolBuilder("")
    host = pool.host("alone")
    pool.sr("local", "ext", hosts=[host])
    pool.vm("vm", on=host)
    return pool


@settings(max_examples=200)
@given(st.sampled_from(["Madrid", ""]), st.lists(edits, min_size=1, max_size=6), st.sampled_from(VIEWS))
def test_the_updated_tree_is_the_tree_made_anew(name: str, some: list[Edit], view: View) -> None:
    pool = started(name)
    before = pool.inventory()
    outline = build([shown(before)], view)
    for edit in some:
        edit(pool)
        after = pool.inventory()
        outline = updated(outline, shown(after), difference(before, after), view)
        fresh = build([shown(after)], view)
        assert outline.nodes == fresh.nodes
        assert outline.children == fresh.children
        before = after


class ListModel:
    """What a view keeps: for each parent the list of its children. Removal of a line removes what is below it."""

    def __init__(self, outline: Outline) -> None:
        self.rows: dict[ObjectId | None, list[ObjectId]] = {p: list(some) for p, some in outline.children.items()}
        self.nodes = dict(outline.nodes)

    def remove(self, key: ObjectId) -> None:
        self.rows[self.nodes[key].parent].remove(key)
        self._forget(key)

    def _forget(self, key: ObjectId) -> None:
        for child in self.rows.pop(key, []):
            self._forget(child)
        del self.nodes[key]

    def insert(self, parent: ObjectId | None, place: int, node: Node) -> None:
        assert parent is None or parent in self.nodes
        rows = self.rows.setdefault(parent, [])
        assert place <= len(rows)
        rows.insert(place, node.id)
        self.nodes[node.id] = node


@settings(max_examples=200)
@given(
    st.lists(edits, max_size=4), st.lists(edits, min_size=1, max_size=6), st.sampled_from(VIEWS), st.sampled_from(VIEWS)
)
def test_steps_turn_one_tree_into_the_other(first: list[Edit], then: list[Edit], one: View, other: View) -> None:
    pool = TwoPools().madrid
    for edit in first:
        edit(pool)
    old = build([shown(pool.inventory())], one)
    for edit in then:
        edit(pool)
    new = build([shown(pool.inventory())], other)
    model = ListModel(old)
    way = steps(old, new)
    for key in way.removed:
        model.remove(key)
    for parent, place, key in way.inserted:
        model.insert(parent, place, new.nodes[key])
    for key in way.changed:
        assert model.nodes[key].parent == new.nodes[key].parent
        model.nodes[key] = new.nodes[key]
    assert model.nodes == new.nodes
    assert {parent: tuple(rows) for parent, rows in model.rows.items() if rows} == dict(new.children)
    assert bool(way) == (old != new)


def test_a_renamed_line_moves_alone() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    vms = [pool.vm(name) for name in ("a", "b", "c", "d")]
    old = of(pool)
    pool.set(vms[0], name_label="z")
    new = of(pool)
    way = steps(old, new)
    moved = pool.inventory().object_id("VM", vms[0])
    assert way.removed == (moved,)
    assert [key for _parent, _place, key in way.inserted] == [moved]
    assert way.changed == ()


def test_a_state_in_words_is_a_change_in_place() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    old = of(pool)
    pool.set(m1, enabled=False)
    way = steps(old, of(pool))
    assert (way.removed, way.inserted) == ((), ())
    assert way.changed == (pool.inventory().object_id("host", m1),)
    assert not steps(old, replace(old))


@pytest.mark.parametrize("link", Link)
def test_old_encryption_stands_at_the_server(link: Link) -> None:
    site = TwoPools()
    alone = PoolBuilder("")
    alone.host("alone")
    for pool in (site.madrid, alone):
        old = pool.inventory().over_old_encryption()
        changed = old.replaced({"task": {}})  # as each event leaves it
        assert changed.old_encryption
        node = server_node(ServerView("k", "n", link, inventory=changed))
        assert node.state == "old encryption"
        assert server_node(ServerView("k", "n", link, inventory=pool.inventory())).state == ""
        assert server_node(ServerView("k", "n", link, "lost", changed, "retry 3 s")).state == "retry 3 s"
