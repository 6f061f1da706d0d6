"""The resource tree's model: an outline as Qt wants it, moved on by insertions, removals and changes."""

import itertools
import json
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from xsmigui.core.outline import Outline
from xsmigui.core.outline_nodes import Node
from xsmigui.core.outline_steps import steps
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.core.text import _, printable
from xsmigui.ui.icons import Icons
from xsmigui.ui.words import tip

Index = QModelIndex | QPersistentModelIndex

NODE: Final = Qt.ItemDataRole.UserRole
"""The role that gives an item's `Node`."""

OBJECTS: Final = "application/x-xsmigui-objects"
"""What is dragged: identities of objects, as JSON."""

TARGETS: Final = ("host", "pool")
"""The classes of what VMs can be dropped on."""

MANY: Final = 300
"""From so many insertions and removals on, starting over costs less: each removal lays the whole view out again."""


class ResourceModel(QAbstractItemModel):
    """Rows are `ObjectId`s; Qt's internal ids are numbers of ours, so that no Python object hangs on an index."""

    dropped = Signal(list, object)
    """The identities of the VMs that were dropped, and of the host or pool they were dropped on."""

    def __init__(self, icons: Icons, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._icons = icons
        self._outline = Outline()
        self._children: dict[ObjectId | None, list[ObjectId]] = {}
        self._rows: dict[ObjectId | None, dict[ObjectId, int]] = {}
        self._parents: dict[ObjectId, ObjectId | None] = {}
        self._numbers = itertools.count(1)
        self._ids: dict[ObjectId, int] = {}
        self._keys: dict[int, ObjectId] = {}

    # What the rest of the window asks.

    @property
    def outline(self) -> Outline:
        return self._outline

    def node(self, index: Index) -> Node | None:
        """The node at an index; None for an invalid one."""
        key = self._keys.get(index.internalId()) if index.isValid() else None
        return self._outline.nodes.get(key) if key is not None else None

    def index_of(self, key: ObjectId) -> QModelIndex:
        """The index of an object; an invalid one where it is not in the tree."""
        if key not in self._parents:
            return QModelIndex()
        return self.createIndex(self._row(key), 0, self._id(key))

    def show(self, outline: Outline) -> bool:
        """Go on to this outline. True where everything was made anew and the view has to be put in order."""
        way = steps(self._outline, outline)
        fresh = {key for _parent, _place, key in way.inserted}
        roots = [one for one in way.inserted if one[0] not in fresh]
        if len(way.removed) + len(roots) > MANY:
            self._start_over(outline)
            return True
        self._remove(list(way.removed))
        self._outline = outline
        for parent, place, key in roots:
            self.beginInsertRows(self._index_of_parent(parent), place, place)
            self._children.setdefault(parent, []).insert(place, key)
            self._rows.pop(parent, None)
            self._parents[key] = parent
            self._add_below(key, outline)
            self.endInsertRows()
        for key in way.changed:
            index = self.index_of(key)
            if index.isValid():
                self.dataChanged.emit(index, index)
        return False

    # How it is done.

    def _add_below(self, parent: ObjectId, outline: Outline) -> None:
        """What stands below a line that is inserted comes with it."""
        children = outline.children.get(parent, ())
        if not children:
            return
        self._children[parent] = list(children)
        for key in children:
            self._parents[key] = parent
            self._add_below(key, outline)

    def _start_over(self, outline: Outline) -> None:
        self.beginResetModel()
        self._outline = outline
        self._children = {parent: list(keys) for parent, keys in outline.children.items()}
        self._parents = {key: parent for parent, keys in outline.children.items() for key in keys}
        self._rows.clear()
        self._ids.clear()
        self._keys.clear()
        self.endResetModel()

    def _remove(self, roots: list[ObjectId]) -> None:
        """Take subtrees out, neighbours together."""
        by_parent: dict[ObjectId | None, list[int]] = {}
        for key in roots:
            by_parent.setdefault(self._parents[key], []).append(self._row(key))
        for parent, rows in by_parent.items():
            for first, last in reversed(ranges(sorted(rows))):
                self.beginRemoveRows(self._index_of_parent(parent), first, last)
                gone = self._children[parent][first : last + 1]
                del self._children[parent][first : last + 1]
                self._rows.pop(parent, None)
                for key in gone:
                    self._forget(key)
                self.endRemoveRows()

    def _forget(self, key: ObjectId) -> None:
        for child in self._children.pop(key, ()):
            self._forget(child)
        self._rows.pop(key, None)
        del self._parents[key]
        number = self._ids.pop(key, None)
        if number is not None:
            del self._keys[number]

    def _row(self, key: ObjectId) -> int:
        parent = self._parents[key]
        rows = self._rows.get(parent)
        if rows is None:
            rows = self._rows[parent] = {child: row for row, child in enumerate(self._children[parent])}
        return rows[key]

    def _id(self, key: ObjectId) -> int:
        number = self._ids.get(key)
        if number is None:
            number = self._ids[key] = next(self._numbers)
            self._keys[number] = key
        return number

    def _index_of_parent(self, parent: ObjectId | None) -> QModelIndex:
        return QModelIndex() if parent is None else self.index_of(parent)

    def _key(self, index: Index) -> ObjectId | None:
        return self._keys.get(index.internalId()) if index.isValid() else None

    # What Qt asks.

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        siblings = self._children.get(self._key(parent), [])
        if column != 0 or not 0 <= row < len(siblings):
            return QModelIndex()
        return self.createIndex(row, 0, self._id(siblings[row]))

    def parent(self, index: Index = QModelIndex()) -> Any:  # noqa: B008
        key = self._key(index)
        above = self._parents.get(key) if key is not None else None
        return QModelIndex() if above is None else self.index_of(above)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(self._children.get(self._key(parent), ()))

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The header is hidden; screen readers read it."""
        return _("Resources") if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        node = self.node(index)
        if node is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return printable(node.label)
            case Qt.ItemDataRole.DecorationRole:
                return self._icons(node.icon)
            case Qt.ItemDataRole.AccessibleTextRole:
                return printable(_said(node))
            case Qt.ItemDataRole.ToolTipRole:
                return tip(printable(_said(node)))
            case Qt.ItemDataRole.UserRole:
                return node
        return None

    # Dragging VMs to hosts. The model itself does not change by it: the servers will say what has.

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        node = self.node(index)
        if node is not None and node.id.cls == "VM" and not node.dimmed:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        if node is not None and node.id.cls in TARGETS:
            flags |= Qt.ItemFlag.ItemIsDropEnabled
        return flags

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [OBJECTS]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        nodes = [self.node(index) for index in indexes]
        keys = [[n.id.pool, n.id.cls, n.id.ref] for n in nodes if n is not None and n.id.cls == "VM"]
        data = QMimeData()
        data.setData(OBJECTS, json.dumps(keys).encode())
        return data

    def canDropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        return self._dropping(data, parent) is not None

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        found = self._dropping(data, parent)
        if found is not None:
            self.dropped.emit(*found)
        return False  # no row was taken from there to here

    def _dropping(self, data: QMimeData, parent: Index) -> tuple[list[ObjectId], ObjectId] | None:
        """The VMs and where they would be dropped; None if that is no place for them, or their own."""
        node = self.node(parent)
        if node is None or node.id.cls not in TARGETS or not data.hasFormat(OBJECTS):
            return None
        listed = json.loads(bytes(data.data(OBJECTS).data()))
        vms = [ObjectId(PoolId(pool), cls, ref) for pool, cls, ref in listed]
        known = [vm for vm in vms if vm in self._parents]
        here = [vm for vm in known if node.id in (self._parents[vm], ObjectId(vm.pool, "pool", node.id.ref))]
        return (known, node.id) if len(here) < len(known) else None


def _said(node: Node) -> str:
    return f"{node.label}, {node.state}" if node.state else node.label


def ranges(rows: list[int]) -> list[tuple[int, int]]:
    """Ascending row numbers as ranges of neighbours: ``[1, 2, 5]`` is ``[(1, 2), (5, 5)]``."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
