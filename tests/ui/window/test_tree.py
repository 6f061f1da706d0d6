"""The tree in sight: selection, expansion and scroll survive whatever comes."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint
from PySide6.QtWidgets import QApplication

from tests.core.site import PoolBuilder, TwoPools
from tests.ui.models.test_tree import outline_of
from xsmigui.core.outline_nodes import View
from xsmigui.core.refs import ObjectId
from xsmigui.ui.icons import Icons
from xsmigui.ui.models import tree as module
from xsmigui.ui.window.tree import ResourceTree


@pytest.fixture
def tree(qapp: QApplication, icons: Icons) -> Iterator[ResourceTree]:
    view = ResourceTree(icons)
    view.resize(300, 200)
    view.show()
    yield view
    view.deleteLater()
    QCoreApplication.sendPostedEvents(view, QEvent.Type.DeferredDelete.value)


def key(pool: PoolBuilder, cls: str, ref: str) -> ObjectId:
    return ObjectId(pool.id, cls, ref)


def test_a_moved_vm_stays_selected_alone(tree: ResourceTree) -> None:
    site = TwoPools()
    tree.show_outline(outline_of(site.madrid), False)
    web = key(site.madrid, "VM", site.web)
    tree.select(web)
    for host in (site.m3, site.m2, site.m1):
        site.madrid.set(site.web, resident_on=host)
        tree.show_outline(outline_of(site.madrid), False)
        assert tree.selected() == [web]


def test_a_vanished_vm_selects_no_neighbour(tree: ResourceTree) -> None:
    """The next click must not meet another VM than the operator had chosen."""
    site = TwoPools()
    site.madrid.vm("webbing", on=site.m1)
    tree.show_outline(outline_of(site.madrid), False)
    tree.select(key(site.madrid, "VM", site.web))
    site.madrid.remove(site.web)
    tree.show_outline(outline_of(site.madrid), False)
    assert tree.selected() == []


def test_several_selected_some_move_some_go(tree: ResourceTree) -> None:
    site = TwoPools()
    tree.show_outline(outline_of(site.madrid), False)
    web, db, files = (key(site.madrid, "VM", ref) for ref in (site.web, site.db, site.files))
    for one in (files, db, web):
        index = tree.resources.index_of(one)
        tree.selectionModel().setCurrentIndex(index, tree.selectionModel().SelectionFlag.Select)
    assert tree.selected()[0] == web
    site.madrid.set(site.web, resident_on=site.m3)
    site.madrid.remove(site.files)
    tree.show_outline(outline_of(site.madrid), False)
    assert set(tree.selected()) == {web, db}
    assert tree.selected()[0] == web


def test_what_is_closed_stays_closed_and_what_is_new_opens(tree: ResourceTree) -> None:
    site = TwoPools()
    madrid, lisboa = (key(pool, "pool", pool.ref) for pool in (site.madrid, site.lisboa))
    m1, m2 = key(site.madrid, "host", site.m1), key(site.madrid, "host", site.m2)
    tree.show_outline(outline_of(site.madrid), False)
    assert tree.isExpanded(tree.resources.index_of(madrid))
    assert tree.isExpanded(tree.resources.index_of(m1))
    tree.collapse(tree.resources.index_of(m1))
    site.madrid.set(site.db, resident_on=site.m1)
    tree.show_outline(outline_of(site.madrid, site.lisboa), False)
    assert not tree.isExpanded(tree.resources.index_of(m1))
    assert tree.isExpanded(tree.resources.index_of(m2))
    assert tree.isExpanded(tree.resources.index_of(lisboa))
    assert not tree.select(key(site.lisboa, "VM", "nowhere"))


def test_a_search_opens_and_afterwards_all_is_as_before(tree: ResourceTree) -> None:
    site = TwoPools()
    m1 = key(site.madrid, "host", site.m1)
    tree.show_outline(outline_of(site.madrid), False)
    tree.collapse(tree.resources.index_of(m1))
    tree.show_outline(outline_of(site.madrid, view=View(search="web")), True)
    assert tree.isExpanded(tree.resources.index_of(m1))
    tree.show_outline(outline_of(site.madrid), False)
    assert not tree.isExpanded(tree.resources.index_of(m1))


def test_a_search_gives_back_the_selection_that_it_hid(tree: ResourceTree) -> None:
    site = TwoPools()
    web, db = key(site.madrid, "VM", site.web), key(site.madrid, "VM", site.db)
    tree.show_outline(outline_of(site.madrid), False)
    for one in (db, web):
        index = tree.resources.index_of(one)
        tree.selectionModel().setCurrentIndex(index, tree.selectionModel().SelectionFlag.Select)
    for text, left in (("db", [db]), ("nothing like it", [])):
        tree.show_outline(outline_of(site.madrid, view=View(search=text)), True)
        assert [one for one in tree.selected() if one.cls == "VM"] == left
    tree.show_outline(outline_of(site.madrid), False)
    assert set(tree.selected()) == {web, db}


def test_what_is_chosen_during_a_search_is_all_that_is_selected_afterwards(tree: ResourceTree) -> None:
    site = TwoPools()
    web, db = key(site.madrid, "VM", site.web), key(site.madrid, "VM", site.db)
    tree.show_outline(outline_of(site.madrid), False)
    tree.select(web)
    tree.show_outline(outline_of(site.madrid, view=View(search="db")), True)
    tree.select(db)
    tree.show_outline(outline_of(site.madrid), False)
    assert tree.selected() == [db]


def test_what_is_closed_during_a_search_is_not_opened_by_an_event(tree: ResourceTree) -> None:
    site = TwoPools()
    m1 = key(site.madrid, "host", site.m1)
    search = View(search="web")
    tree.show_outline(outline_of(site.madrid), False)
    tree.show_outline(outline_of(site.madrid, view=search), True)
    tree.collapse(tree.resources.index_of(m1))
    site.madrid.vm("web too", on=site.m1)
    tree.show_outline(outline_of(site.madrid, view=search), True)
    assert not tree.isExpanded(tree.resources.index_of(m1))
    tree.show_outline(outline_of(site.madrid), False)
    assert tree.isExpanded(tree.resources.index_of(m1))


@pytest.mark.parametrize("many", [1, 1000])
def test_scroll_stays(tree: ResourceTree, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(module, "MANY", many)
    site = TwoPools()
    for number in range(40):
        site.madrid.vm(f"vm-{number:02}", on=site.m1)
    tree.show_outline(outline_of(site.madrid), False)
    tree.grab()
    bar = tree.verticalScrollBar()
    web = key(site.madrid, "VM", site.web)
    tree.setCurrentIndex(tree.resources.index_of(web))
    bar.setValue(20)
    assert bar.value() == 20

    def top() -> object:
        node = tree.resources.node(tree.indexAt(QPoint(1, 1)))
        return node.label if node is not None else None

    line = top()
    for host in (site.m2, site.m3):
        for ref in (site.web, site.db):
            site.madrid.set(ref, resident_on=host)
        tree.show_outline(outline_of(site.madrid), False)
        tree.grab()
        assert top() == line
        assert tree.selected() == [web]


def test_states_and_bars_are_painted(tree: ResourceTree) -> None:
    site = TwoPools()
    for sr, used in ((site.m_nfs, 0.5), (site.m_iscsi, 0.95)):
        site.madrid.set(sr, physical_utilisation=int(used * site.madrid.get(sr).physical_size))
    tree.resize(500, 600)
    tree.show_outline(outline_of(site.madrid), False)
    tree.select(key(site.madrid, "SR", site.m_nfs))
    picture = tree.grab().toImage()
    colours = {picture.pixelColor(x, y).name() for x in range(0, 500, 2) for y in range(600)}
    assert "#c0392b" in colours
