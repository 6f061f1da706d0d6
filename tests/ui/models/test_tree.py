"""The tree's model: whatever comes, it shows the outline, and Qt's own tester has no complaint."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from tests.core.edits import Edit, edits
from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.inventory import Inventory
from xsmigui.core.outline import Outline, build
from xsmigui.core.outline_nodes import Link, ServerView, View
from xsmigui.core.refs import ObjectId
from xsmigui.ui.icons import Icons
from xsmigui.ui.models import tree as module
from xsmigui.ui.models.tree import ResourceModel, ranges

EVERYTHING = View(templates=True, snapshots=True)
VIEWS = [View(), EVERYTHING, View(local_srs=False), View(search="db"), View(search="m1")]


def shown(inventory: Inventory | None, link: Link = Link.connected) -> ServerView:
    return ServerView("https://madrid", "madrid.example", link, "", inventory)


def outline_of(*pools: PoolBuilder, view: View = EVERYTHING) -> Outline:
    return build([ServerView(pool.key, pool.key, Link.connected, "", pool.inventory()) for pool in pools], view)


def told(model: ResourceModel, parent: QModelIndex | None = None) -> list[Any]:
    """Everything a view can see, in order."""
    above = parent or QModelIndex()
    found: list[Any] = []
    for row in range(model.rowCount(above)):
        index = model.index(row, 0, above)
        assert model.parent(index) == above
        found.append((model.data(index), model.data(index, Qt.ItemDataRole.ToolTipRole), told(model, index)))
    return found


def fresh(icons: Icons, outline: Outline) -> ResourceModel:
    model = ResourceModel(icons)
    model.show(outline)
    return model


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(edits, max_size=4), st.sampled_from(VIEWS)), min_size=1, max_size=4))
def test_a_model_that_goes_on_equals_a_new_one(icons: Icons, way: list[tuple[list[Edit], View]]) -> None:
    model = ResourceModel(icons)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    pool = TwoPools().madrid
    for some, view in way:
        for edit in some:
            edit(pool)
        outline = build([shown(pool.inventory())], view)
        model.show(outline)
        assert told(model) == told(fresh(icons, outline))
        for key in outline.nodes:
            index = model.index_of(key)
            node = model.node(index)
            assert node is not None
            assert node.id == key
    tester.deleteLater()


def test_persistent_indexes_follow_their_lines(icons: Icons) -> None:
    from PySide6.QtCore import QPersistentModelIndex

    site = TwoPools()
    model = fresh(icons, outline_of(site.madrid))
    key = ObjectId(site.madrid.id, "VM", site.db)
    index = QPersistentModelIndex(model.index_of(key))
    site.madrid.vm("aaa", on=site.m2)
    site.madrid.set(site.db, name_label="db renamed a little")
    model.show(outline_of(site.madrid))
    node = model.node(index)
    assert node is not None
    assert node.id == key


def test_an_event_never_resets(icons: Icons) -> None:
    site = TwoPools()
    model = fresh(icons, outline_of(site.madrid, site.lisboa))
    resets: list[bool] = []
    model.modelReset.connect(lambda: resets.append(True))
    site.madrid.set(site.web, resident_on=site.m3)
    assert not model.show(outline_of(site.madrid, site.lisboa))
    assert not resets


def test_a_large_change_starts_over(icons: Icons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", 1)
    site = TwoPools()
    model = ResourceModel(icons)
    resets: list[bool] = []
    model.modelReset.connect(lambda: resets.append(True))
    assert model.show(outline_of(site.madrid, site.lisboa))
    assert resets
    told(model)
    assert not model.show(outline_of(site.madrid))
    assert model.show(outline_of(site.lisboa))
    assert told(model) == told(fresh(icons, outline_of(site.lisboa)))
    assert len(model._keys) == len(model._ids) <= len(model.outline.nodes)


def test_what_is_not_there(icons: Icons) -> None:
    site = TwoPools()
    model = fresh(icons, outline_of(site.madrid))
    assert not model.index_of(ObjectId(site.madrid.id, "VM", "nowhere")).isValid()
    assert model.node(QModelIndex()) is None
    assert model.data(QModelIndex()) is None
    assert not model.index(99, 0).isValid()
    assert not model.index(0, 1).isValid()
    assert isinstance(model, QAbstractItemModel)


def test_states_are_read_out(icons: Icons) -> None:
    site = TwoPools()
    model = fresh(icons, outline_of(site.madrid))
    index = model.index_of(ObjectId(site.madrid.id, "VM", site.db))
    assert model.data(index, Qt.ItemDataRole.AccessibleTextRole) == "db, running"
    assert model.data(index, Qt.ItemDataRole.DecorationRole) is not None
    assert model.data(index, Qt.ItemDataRole.EditRole) is None


def test_ranges() -> None:
    assert ranges([]) == []
    assert ranges([1, 2, 5]) == [(1, 2), (5, 5)]


# Dragging VMs to hosts.


def dropped_on(
    model: ResourceModel, vms: list[ObjectId], target: ObjectId
) -> list[tuple[list[ObjectId], ObjectId]] | None:
    """What comes of dragging VMs to a line; None where they cannot be dropped there."""
    got: list[tuple[list[ObjectId], ObjectId]] = []
    model.dropped.connect(lambda keys, goal: got.append((keys, goal)))
    data = model.mimeData([model.index_of(vm) for vm in vms])
    goal = model.index_of(target)
    if not model.canDropMimeData(data, Qt.DropAction.MoveAction, -1, -1, goal):
        assert not model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, goal)
        assert got == []
        return None
    before = model.rowCount(model.index_of(target))
    assert (
        model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, goal) is False
    )  # the servers move it, not the view
    assert model.rowCount(model.index_of(target)) == before
    return got


def test_vms_are_dragged_to_hosts_and_pools(icons: Icons) -> None:
    site = TwoPools()
    model = ResourceModel(icons)
    model.show(outline_of(site.madrid, site.lisboa))
    inventory, other = site.madrid.inventory(), site.lisboa.inventory()
    web, db = inventory.object_id("VM", site.web), inventory.object_id("VM", site.db)
    m1, m3 = inventory.object_id("host", site.m1), inventory.object_id("host", site.m3)
    l1 = other.object_id("host", site.l1)
    lisboa = next(key for key in model.outline.nodes if key.cls == "pool" and key.pool == other.id)
    madrid = next(key for key in model.outline.nodes if key.cls == "pool" and key.pool == inventory.id)
    assert dropped_on(model, [web], m3) == [([web], m3)]
    assert dropped_on(model, [web, db], l1) == [([web, db], l1)]
    assert dropped_on(model, [web, db], m1) == [([web, db], m1)]  # db comes to web
    assert dropped_on(model, [web], lisboa) == [([web], lisboa)]
    assert dropped_on(model, [web], m1) is None  # it is there
    assert dropped_on(model, [web, db], madrid) is None
    assert dropped_on(model, [web], db) is None  # a VM is no place
    assert dropped_on(model, [m1], m3) is None  # hosts do not move


def test_what_can_be_dragged_and_where_to(icons: Icons) -> None:
    site = TwoPools()
    model = ResourceModel(icons)
    model.show(outline_of(site.madrid))
    for key in model.outline.nodes:
        flags = model.flags(model.index_of(key))
        assert bool(flags & Qt.ItemFlag.ItemIsDragEnabled) is (key.cls == "VM")
        assert bool(flags & Qt.ItemFlag.ItemIsDropEnabled) is (key.cls in ("host", "pool"))
    gone = ObjectId(site.madrid.id, "VM", "OpaqueRef:gone")
    data = model.mimeData([model.index_of(gone)])
    m1 = site.madrid.inventory().object_id("host", site.m1)
    assert not model.canDropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index_of(m1))


def test_a_pool_that_arrives_is_one_insertion_with_all_that_belongs_to_it(icons: Icons) -> None:
    site = TwoPools()
    model = fresh(icons, outline_of(site.lisboa))
    told: list[tuple[bool, int, int]] = []
    model.rowsInserted.connect(lambda parent, first, last: told.append((parent.isValid(), first, last)))
    both = outline_of(site.madrid, site.lisboa)
    assert not model.show(both)
    assert told == [(False, 1, 1)]
    again = fresh(icons, both)
    for key in both.nodes:
        here, there = model.index_of(key), again.index_of(key)
        assert (here.row(), model.rowCount(here)) == (there.row(), again.rowCount(there)), key
