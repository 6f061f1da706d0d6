"""The tabs that list what belongs to an object. Only the one in sight is computed, in a thread, when the object is
selected and when records that it reads have changed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QTimer

from xsmigui.core.changes import Delta
from xsmigui.core.migration.draft import Site
from xsmigui.core.pages import pools, risks, vms
from xsmigui.core.pages.facts import facts
from xsmigui.core.pages.rows import (
    HostRow,
    MoveRow,
    PoolNetworkRow,
    Risk,
    SnapshotRow,
    SrRow,
    Use,
    UserRow,
    VmRow,
)
from xsmigui.core.refs import HostRef, ObjectId, SrRef, VmRef
from xsmigui.core.text import _
from xsmigui.core.units import percent, size
from xsmigui.ui.icons import Icons
from xsmigui.ui.models.table import Column
from xsmigui.ui.scope import Scope
from xsmigui.ui.window.tables import RowsTab

AGAIN: Final = 400
"""Milliseconds from a change to the next computation: changes meanwhile are gathered."""

Rows = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ListTab:
    """A tab with its table: the kinds of objects on whose page it stands, what its rows are computed from, and how."""

    tab: RowsTab
    title: str
    of: tuple[str, ...]
    reads: tuple[str, ...]
    rows: Callable[[Site, ObjectId], Rows]


def kind(site: Site, key: ObjectId) -> str:
    """The class of an object; snapshots and templates are kinds of their own."""
    inventory = site.pools.get(key.pool)
    vm = inventory.VM.get(VmRef(key.ref)) if inventory is not None and key.cls == "VM" else None
    if vm is not None and vm.is_a_snapshot:
        return "snapshot"
    return "template" if vm is not None and vm.is_a_template else key.cls


class ListTabs:
    """The tabs that list, and the line of facts in the header. `on_facts` shows that line."""

    def __init__(self, icons: Icons, scope: Scope, on_facts: Callable[[str], object]) -> None:
        self._scope = scope
        self._on_facts = on_facts
        self._site: Site | None = None
        self._key: ObjectId | None = None
        self._visible: RowsTab | None = None
        self._computed: tuple[ObjectId, RowsTab | None] | None = None
        self.hosts = hosts_tab(icons)
        self.repositories = repositories_tab(icons)
        self.networks = networks_tab()
        self.risks = risks_tab(icons)
        self.vms = vms_tab(icons)
        self.users = users_tab(icons)
        self.snapshots = snapshots_tab(icons)
        self.moves = moves_tab(icons)
        every = ("host", "host_metrics", "VM")
        storage = ("SR", "PBD", "SM")
        self.all: Final = (
            ListTab(self.hosts, _("Hosts"), ("pool",), (*every, "pool"), lambda s, k: pools.hosts(s.pools[k.pool])),
            ListTab(
                self.vms,
                _("VMs"),
                ("host",),
                (*every, "VBD", "VDI", "task"),
                lambda s, k: vms.of_host(s, k.pool, HostRef(k.ref)),
            ),
            ListTab(self.repositories, _("Storage"), ("pool", "host"), (*storage, "pool"), _repositories),
            ListTab(
                self.networks,
                _("Networking"),
                ("pool",),
                ("network", "PIF", "PIF_metrics", "VIF", "host"),
                lambda s, k: pools.networks(s.pools[k.pool]),
            ),
            ListTab(
                self.snapshots,
                _("Snapshots"),
                ("VM",),
                ("VM", "VDI", "VBD"),
                lambda s, k: vms.snapshots(s.pools[k.pool], VmRef(k.ref)),
            ),
            ListTab(
                self.users,
                _("Used by"),
                ("SR",),
                ("VM", "VDI", "VBD"),
                lambda s, k: vms.users(s.pools[k.pool], SrRef(k.ref)),
            ),
            ListTab(
                self.moves,
                _("Can it move?"),
                ("VM",),
                (*every, *storage, "VDI", "VBD", "PIF", "network"),
                lambda s, k: vms.moves(s, k.pool, VmRef(k.ref)),
            ),
            ListTab(
                self.risks,
                _("What would break"),
                ("pool",),
                (*every, *storage, "pool", "VDI", "network", "PIF"),
                lambda s, k: risks.risks(s.pools[k.pool]),
            ),
        )
        self._task: asyncio.Task[None] | None = None
        self._again = QTimer(self.hosts)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN)
        self._again.timeout.connect(self._compute)

    @property
    def is_busy(self) -> bool:
        """What is in sight is being computed, or is about to be."""
        return self._again.isActive() or (self._task is not None and not self._task.done())

    def show(self, site: Site, key: ObjectId | None, visible: RowsTab | None) -> None:
        """Another object is selected, or another of its tabs is in sight; None if none of them is."""
        self._site, self._visible = site, visible
        if key != self._key:
            for each in self.all:
                each.tab.forget()
        self._key = key
        if key is not None and self._computed != (key, visible):
            self._compute()

    def changed(self, site: Site, delta: Delta) -> None:
        """Records of the pool of what is shown have changed."""
        self._site = site
        shown = next((each for each in self.all if each.tab is self._visible), None)
        reads = shown.reads if shown is not None else ("VM", "SR", "host", "host_metrics")
        if self._key is not None and (delta.whole or delta.touched(*reads)) and not self._again.isActive():
            self._again.start()

    def _compute(self) -> None:
        site, key = self._site, self._key
        if site is None or key is None or key.pool not in site.pools:
            return
        shown = next((each for each in self.all if each.tab is self._visible), None)
        self._computed = (key, self._visible)
        self._task = self._scope.spawn(self._work(site, key, shown), "page")

    async def _work(self, site: Site, key: ObjectId, shown: ListTab | None) -> None:
        line, rows = await asyncio.to_thread(_computed, site, key, shown)
        if key != self._key:
            return
        if key.cls != "VM" or line:
            self._on_facts(line)
        if shown is not None and shown.tab is self._visible:
            shown.tab.show_rows(rows)


def _computed(site: Site, key: ObjectId, shown: ListTab | None) -> tuple[str, Rows]:
    inventory = site.pools[key.pool]
    if inventory.record(key.cls, key.ref) is None:
        return "", ()
    return facts(inventory, key, site.claims), shown.rows(site, key) if shown is not None else ()


def _repositories(site: Site, key: ObjectId) -> Rows:
    inventory = site.pools[key.pool]
    if key.cls == "pool":
        return pools.pool_repositories(inventory)
    return pools.host_repositories(inventory, HostRef(key.ref))


# What stands in them.


def _of(use: Use) -> str:
    """``2 of 3``"""
    return _("{taken} of {whole}", taken=use.taken, whole=use.whole) if use.whole > 0 else "–"


def hosts_tab(icons: Icons) -> RowsTab:
    columns: list[Column[HostRow]] = [
        Column(_("Host"), _host_name, icon=lambda r: icons(r.icon), link=lambda r: r.key),
        Column(
            _("Memory"),
            lambda r: _sizes(r.memory),
            lambda r: r.memory.share or 0.0,
            right=True,
            share=lambda r: r.memory.share,
        ),
        Column(
            _("vCPUs of CPUs"),
            lambda r: f"{r.cpus.taken} / {r.cpus.whole}" if r.cpus.whole else "–",
            lambda r: r.cpus.share or 0.0,
            right=True,
            tip=lambda r: r.processor,
            share=lambda r: r.cpus.share,
        ),
        Column(_("VMs"), lambda r: str(r.vms), lambda r: r.vms, right=True),
        Column(_("Version"), lambda r: r.version.split(" ")[-1], tip=lambda r: r.version),
        Column(_("CPU level"), lambda r: r.level, tip=lambda r: r.features or r.level),
    ]
    return RowsTab("hostsTab", "hostsTable", _("Hosts"), _("There is no host here."), columns, lambda r: r.key)


def _host_name(row: HostRow) -> str:
    """``madrid-01 · coordinator``; what is as usual needs no word."""
    return f"{row.name} · {row.state}" if row.state else row.name


def _sizes(use: Use) -> str:
    """``8.1 / 24.0 GiB``"""
    if use.whole <= 0:
        return "–"
    taken, whole = size(use.taken).split(" "), size(use.whole).split(" ")
    return f"{taken[0]} / {' '.join(whole)}" if taken[1:] == whole[1:] else f"{' '.join(taken)} / {' '.join(whole)}"


def repositories_tab(icons: Icons) -> RowsTab:
    columns: list[Column[SrRow]] = [
        Column(_("SR"), lambda r: r.name, icon=lambda r: icons(r.icon), link=lambda r: r.key),
        Column(_("Type"), _sr_kind),
        Column(
            _("Used"),
            lambda r: percent(r.space.share) if r.space.share is not None else "–",
            lambda r: r.space.share or 0.0,
            right=True,
            tip=lambda r: _sizes(r.space),
            share=lambda r: r.space.share,
        ),
        Column(_("Free"), lambda r: _free(r), lambda r: r.space.left, right=True),
        Column(_("Size"), lambda r: _total(r), lambda r: r.space.whole, right=True),
        Column(_("Attached on"), lambda r: _of(r.seen_by), lambda r: r.seen_by.taken, right=True),
    ]
    return RowsTab("srsTab", "srTable", _("SRs"), _("There is no SR here."), columns, lambda r: r.key)


def _sr_kind(row: SrRow) -> str:
    """``nfs, shared, default``"""
    return ", ".join(filter(None, (row.type, _("shared") if row.shared else _("local"), row.state)))


def _free(row: SrRow) -> str:
    return size(row.space.left) if row.space.whole > 0 else "–"


def _total(row: SrRow) -> str:
    return size(row.space.whole) if row.space.whole > 0 else "–"


def networks_tab() -> RowsTab:
    columns: list[Column[PoolNetworkRow]] = [
        Column(_("Network"), lambda r: r.name),
        Column(_("VLAN"), lambda r: r.vlan or "–"),
        Column(_("Hosts"), lambda r: _of(r.hosts), lambda r: r.hosts.taken, right=True),
        Column(_("Interfaces of VMs"), lambda r: str(r.interfaces), lambda r: r.interfaces, right=True),
        Column(_("MTU"), lambda r: str(r.mtu) if r.mtu else "–", lambda r: r.mtu, right=True),
        Column(_("Note"), lambda r: r.note or "–"),
    ]
    empty = _("There is no network here.")
    return RowsTab("networksTab", "poolNetworkTable", _("Networks"), empty, columns, lambda r: r.ref)


def risks_tab(icons: Icons) -> RowsTab:
    columns: list[Column[Risk]] = [
        Column(_("Object"), lambda r: r.subject, icon=lambda r: icons(r.severity), link=lambda r: r.key),
        Column(_("What stands badly, or would stop"), lambda r: r.sentence, sentence=True),
    ]
    empty = _("As far as the records tell, nothing would: the hosts can stand in for each other.")
    return RowsTab(
        "risksTab", "risksTable", _("What would break"), empty, columns, lambda r: (r.key, r.severity, r.sentence)
    )


def vms_tab(icons: Icons, object_name: str = "vmsTab", table_name: str = "vmsTable", title: str = "") -> RowsTab:
    """The VMs of a host, or those of a selection."""
    of_host = not title
    where: list[Column[VmRow]] = [Column(_("Host"), lambda r: r.host)]
    cpus: list[Column[VmRow]] = [Column(_("vCPUs"), lambda r: str(r.vcpus), lambda r: r.vcpus, right=True)]
    columns: list[Column[VmRow]] = [
        Column(_("VM"), lambda r: r.name, icon=lambda r: icons(r.icon), link=lambda r: r.key),
        Column(_("State"), lambda r: r.state, uncut=True),
        *([] if of_host else where),
        Column(_("Memory"), lambda r: size(r.memory), lambda r: r.memory, right=True),
        *(cpus if of_host else []),
        Column(_("Disks"), lambda r: f"{r.disks} · {size(r.size)}", lambda r: r.size, right=True),
        Column(_("Cannot be moved because"), lambda r: r.reason or "–", sentence=True),
    ]
    empty = _("There is no VM on this host.") if of_host else _("There is no VM among what is selected.")
    return RowsTab(object_name, table_name, title or _("VMs"), empty, columns, lambda r: r.key)


def users_tab(icons: Icons) -> RowsTab:
    columns: list[Column[UserRow]] = [
        Column(_("VM"), lambda r: r.name, icon=lambda r: icons(r.icon), link=lambda r: r.key),
        Column(_("State"), lambda r: r.state, uncut=True),
        Column(_("Host"), lambda r: r.host),
        Column(_("Disks"), lambda r: str(r.disks), lambda r: r.disks, right=True),
        Column(_("Size"), lambda r: size(r.size), lambda r: r.size, right=True),
        Column(
            _("Disks of snapshots"),
            lambda r: str(r.snapshots) if r.snapshots else "–",
            lambda r: r.snapshots,
            right=True,
            spare=True,
        ),
        Column(_("Occupied"), lambda r: size(r.used), lambda r: r.used, right=True),
    ]
    empty = _("No VM has a disk on it.")
    return RowsTab("usersTab", "usersTable", _("Used by"), empty, columns, lambda r: r.key)


def snapshots_tab(icons: Icons) -> RowsTab:
    columns: list[Column[SnapshotRow]] = [
        Column(
            _("Snapshot"),
            lambda r: r.name,
            icon=lambda r: icons("snapshot"),
            tip=lambda r: r.description or r.name,
            link=lambda r: r.key,
        ),
        Column(_("Taken"), lambda r: r.taken, lambda r: r.time, uncut=True),
        Column(_("Disks"), lambda r: str(r.count), lambda r: r.count, right=True, tip=lambda r: r.disks),
        Column(_("Size"), lambda r: size(r.size), lambda r: r.size, right=True, tip=lambda r: r.disks),
        Column(_("Occupied"), lambda r: size(r.used), lambda r: r.used, right=True, tip=lambda r: r.disks),
        Column(_("Memory"), lambda r: size(r.memory) if r.memory else "–", lambda r: r.memory, right=True, spare=True),
        Column(_("SR"), lambda r: r.srs, tip=lambda r: r.disks),
    ]
    empty = _("It has no snapshots.")
    return RowsTab("snapshotsTab", "snapshotsTable", _("Snapshots"), empty, columns, lambda r: r.key)


def moves_tab(icons: Icons) -> RowsTab:
    def answer(row: MoveRow) -> str:
        return _("it is here") if row.is_home else _("yes") if row.usable else _("no")

    columns: list[Column[MoveRow]] = [
        Column(_("Host"), lambda r: r.name, icon=lambda r: icons("host"), link=lambda r: r.key),
        Column(_("Can it move?"), answer, icon=lambda r: icons("done" if r.usable or r.is_home else "block")),
        Column(_("Memory"), lambda r: r.detail or "–"),
        Column(_("Reasons"), lambda r: " ".join(r.reasons.splitlines()) or "–", tip=lambda r: r.reasons, sentence=True),
    ]
    empty = _("There is no host that could take it.")
    return RowsTab("movesTab", "movesTable", _("Can it move?"), empty, columns, lambda r: r.key)
