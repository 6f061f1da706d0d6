"""Going to an object whose name was followed."""

from collections.abc import Callable, Iterator

from xsmigui.core.jobs import Job, State
from xsmigui.core.outline_nodes import hidden_by
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.services.store import Store
from xsmigui.ui.window.tree import TreePane


def arrivals(job: Job) -> Iterator[tuple[ObjectId, ObjectId]]:
    """The VMs that a job has moved to another pool: as they were there, and as they are here."""
    for vm in job.vms:
        if vm.state is State.done and vm.arrived is not None and job.plan.crosses and not job.plan.copy:
            yield (
                ObjectId(PoolId(job.plan.source.uuid), "VM", vm.move.vm.ref),
                ObjectId(PoolId(job.plan.target.uuid), "VM", vm.arrived),
            )


class Navigator:
    """Selects objects in the tree. `end_search` shows the whole tree at once, `show_kind` shows there the objects of a
    setting (`show_snapshots` …)."""

    def __init__(
        self, store: Store, pane: TreePane, end_search: Callable[[], object], show_kind: Callable[[str], object]
    ) -> None:
        self._store = store
        self._pane = pane
        self._end_search = end_search
        self._show_kind = show_kind

    def go_to(self, key: ObjectId) -> None:
        """Select an object. What hides it in the tree is taken back: a search, or a kind of objects that is not
        shown."""
        if self._pane.tree.select(key):
            return
        if self._pane.search.text():
            self._pane.search.clear()
            self._end_search()
        inventory = self._store.inventory(key.pool)
        if inventory is not None and (kind := hidden_by(inventory, key)):
            self._show_kind(kind)
        self._pane.tree.select(key)
