"""For every rule a draft on the scenario `blockers` that it speaks of, one that it is silent of, and what the simulated
server does with the first one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.judged import Judge
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.problems import Severity
from xsmigui.core.refs import HostRef, NetworkRef, SrRef, VdiRef, VmRef
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.site import XapiPool

SOURCE, TARGET = "Blockers", "Target"
WELL: Final = "R00 nothing stops this one"

ACCEPTED: Final = ""
"""The server accepts what the rule speaks of: it does not check it (*omitted*, *doc*), or only says something."""

Edit = Callable[["Scene"], None]
Change = Callable[["Scene", Draft], Draft]


@dataclass
class Scene:
    """The simulated site of one case."""

    judge: Judge
    vm: str

    def pool(self, name: str) -> XapiPool:
        return next(way.pool for way in self.judge.ways.values() if way.pool.row["name_label"] == name)

    def ref(self, pool: str, cls: str, name: str) -> str:
        return next(r for r, row in self.pool(pool).db.table(cls).items() if row["name_label"] == name)

    def set(self, pool: str, cls: str, ref: str, **fields: Any) -> None:
        self.pool(pool).db.set(cls, ref, **fields)

    def row(self, pool: str, cls: str, ref: str) -> Any:
        return self.pool(pool).db.row(cls, ref)

    def vm_ref(self) -> str:
        return self.ref(SOURCE, "VM", self.vm)

    def disk(self) -> str:
        vbds = [self.row(SOURCE, "VBD", ref) for ref in self.row(SOURCE, "VM", self.vm_ref())["VBDs"]]
        return str(next(vbd["VDI"] for vbd in vbds if vbd["type"] == "Disk"))

    def refresh(self) -> None:
        """Works out again what the server allows."""
        for way in self.judge.ways.values():
            way.pool.db.dirty = {(cls, ref) for cls in ("VM", "VDI", "SR") for ref in way.pool.db.table(cls)}
            way.pool.refresh()

    def draft(self, case: Case, site: Site) -> Draft:
        pools = {inventory.name: pool for pool, inventory in site.pools.items()}
        draft = Draft(pools[SOURCE], (VmRef(self.vm_ref()),), pools[case.to])
        if case.host:
            draft = draft.on(draft.vms[0], HostRef(self.ref(case.to, "host", case.host)))
        if case.sr:
            draft = draft.on_same_sr(SrRef(self.ref(case.to, "SR", case.sr)))
        return case.change(self, draft) if case.change else draft


@dataclass(frozen=True)
class Case:
    """A VM, where it goes and what is changed before; `code` is the server's answer when it is tried all the same."""

    vm: str = WELL
    to: str = TARGET
    host: str = "target-1"
    sr: str = ""
    code: str | tuple[str, ...] = ACCEPTED
    severity: Severity = Severity.block
    edit: Edit | None = None
    change: Change | None = None
    quiet: Case | None = None
    belongs: str = ""
    """The rule under which the server's code is known, where that is another."""
    alone: bool = True
    """No other rule says something as bad."""


def source(**fields: Any) -> Edit:
    """Change the record of the source's pool."""
    return lambda scene: scene.set(SOURCE, "pool", scene.pool(SOURCE).ref, **fields)


def target(**fields: Any) -> Edit:
    return lambda scene: scene.set(TARGET, "pool", scene.pool(TARGET).ref, **fields)


def each_host(pool: str, **versions: str) -> Edit:
    """Change the software of all hosts of a pool."""

    def edit(scene: Scene) -> None:
        for ref, host in scene.pool(pool).db.table("host").items():
            scene.set(pool, "host", ref, software_version={**host["software_version"], **versions})

    return edit


def both(*edits: Edit) -> Edit:
    def edit(scene: Scene) -> None:
        for one in edits:
            one(scene)

    return edit


def vm(**fields: Any) -> Edit:
    """Change the VM's record."""
    return lambda scene: scene.set(SOURCE, "VM", scene.vm_ref(), **fields)


def over(name: str) -> Change:
    return lambda scene, draft: draft.over(NetworkRef(scene.ref(TARGET, "network", name)))


def closed(scene: Scene) -> None:
    for ref in scene.pool(TARGET).db.table("host"):
        scene.set(TARGET, "host", ref, https_only=True)


def no_memory(pool: str, host: str) -> Edit:
    """Leave a host 300 MiB for VMs."""

    def edit(scene: Scene) -> None:
        ref = scene.ref(pool, "host", host)
        db = scene.pool(pool).db
        residents = [v for v in db.table("VM").values() if v["resident_on"] == ref]
        used = db.row("host", ref)["memory_overhead"]
        used += sum(v["memory_dynamic_min"] + v["memory_overhead"] for v in residents)
        scene.set(pool, "host_metrics", db.row("host", ref)["metrics"], memory_total=used + 300 * (1 << 20))

    return edit


def all_full(scene: Scene) -> None:
    for host in ("block-1", "block-2", "block-small"):
        no_memory(SOURCE, host)(scene)


def unplugged(pool: str, *names: str) -> Edit:
    def edit(scene: Scene) -> None:
        for name in names:
            for pbd in scene.row(pool, "SR", scene.ref(pool, "SR", name))["PBDs"]:
                scene.set(pool, "PBD", pbd, currently_attached=False)

    return edit


def busy(scene: Scene) -> None:
    scene.set(SOURCE, "VM", scene.vm_ref(), current_operations={"OpaqueRef:task": "snapshot"})


def held_by_another(scene: Scene) -> None:
    """The disk is in a position of another halted VM too, read-only."""
    pool = scene.pool(SOURCE)
    other = next(r for r, row in pool.db.table("VM").items() if row["name_label"] == "R60 snapshots")
    mine = next(row for row in pool.db.table("VBD").values() if row["VDI"] == scene.disk())
    second = {name: value for name, value in mine.items() if name not in ("uuid", "metrics")}
    pool.db.create("VBD", {**second, "VM": other, "userdevice": "9", "mode": "RO"})


def release(source: str, target: str) -> Edit:
    """Both pools run other releases."""

    def edit(scene: Scene) -> None:
        for name, profile in ((SOURCE, PROFILES[source]), (TARGET, PROFILES[target])):
            scene.pool(name).profile = profile
            for ref in scene.pool(name).db.table("host"):
                scene.set(name, "host", ref, software_version=profile.software_version)

    return edit


def large_packets(scene: Scene) -> None:
    network = scene.ref(TARGET, "network", "Storage")
    for pif in scene.row(TARGET, "network", network)["PIFs"]:
        scene.set(TARGET, "PIF", pif, MTU=9000)


def one_seed(scene: Scene) -> None:
    for name in (WELL, "R03 old tools"):
        ref = scene.ref(SOURCE, "VM", name)
        scene.set(SOURCE, "VM", ref, other_config={"mac_seed": "5eed"})


def both_of_a_seed(scene: Scene, draft: Draft) -> Draft:
    return Draft(draft.source, (*draft.vms, VmRef(scene.ref(SOURCE, "VM", "R03 old tools"))), draft.destination)


def tracked(scene: Scene) -> None:
    """The VM has a second disk that stays where it is, with changed block tracking."""
    disk = dict(scene.row(SOURCE, "VDI", scene.disk()))
    kept = {name: disk[name] for name in ("SR", "virtual_size", "type", "managed", "location")}
    second = scene.pool(SOURCE).db.create("VDI", {**kept, "name_label": "tracked", "cbt_enabled": True})
    vbd = {"VM": scene.vm_ref(), "VDI": second, "userdevice": "8", "type": "Disk", "mode": "RW"}
    scene.pool(SOURCE).db.create("VBD", {**vbd, "currently_attached": True, "empty": False})


def one_disk_moves(scene: Scene, draft: Draft) -> Draft:
    sr = SrRef(scene.ref(SOURCE, "SR", "Local storage on block-1"))
    return draft.placing(VdiRef(scene.disk()), sr)


def differing(scene: Scene) -> None:
    ref = scene.ref(SOURCE, "host", "block-2")
    info = scene.row(SOURCE, "host", ref)["cpu_info"]
    scene.set(SOURCE, "host", ref, cpu_info={**info, "features_hvm_host": "0" * 8})


def queued(scene: Scene, draft: Draft) -> Draft:
    names = ("R03 old tools", "R51 source is full", "R60 snapshots")
    return Draft(
        draft.source,
        (*draft.vms, *(VmRef(scene.ref(SOURCE, "VM", name)) for name in names)),
        draft.destination,
    )


INSIDE: Final = Case(to=SOURCE, host="block-2")
"""Live to another host of its pool, its disks where they are."""

HALTED: Final = Case(vm="R57 halted")

info, warn = Severity.info, Severity.warn


def at_home(name: str, **fields: Any) -> Case:
    return Case(name, SOURCE, "block-2", **fields)


CASES: Final[dict[str, Case]] = {  # by the rule's id, with a few words where it has several
    "R01": Case(host="target-old", code="VM_HOST_INCOMPATIBLE_VERSION_MIGRATE"),
    "R02": Case("R02 no tools", code="VM_LACKS_FEATURE"),
    "R03": Case("R03 old tools", severity=warn),
    "R04": Case(severity=info, change=queued),
    "R05": Case(host="target-disabled", code="HOST_DISABLED"),
    "R05 nobody could start it": Case(
        "R05 no host could start it",
        code="NO_HOSTS_AVAILABLE",
        quiet=Case("R05 no host could start it", edit=release("26.17", "26.17")),
    ),
    "R06": Case(edit=busy, code="OTHER_OPERATION_IN_PROGRESS"),
    "R07": Case("R07 blocked", code="OPERATION_BLOCKED"),
    "R08": Case(),  # a session without rights: test_rights_of_a_reader
    "R09": Case(edit=source(restrictions={"restrict_storage_xen_motion": "true"}), code="LICENCE_RESTRICTION"),
    "R10": Case("R10 paused", code="VM_BAD_POWER_STATE"),
    "R11": Case("R11 default template", code="VM_IS_TEMPLATE"),
    "R12": Case(to=SOURCE, host="block-1"),
    "R13": Case("R13 same MAC seed", code="DUPLICATE_MAC_SEED"),
    "R13 twice in a batch": Case(edit=one_seed, change=both_of_a_seed, code="DUPLICATE_MAC_SEED"),
    "R14": Case(edit=target(other_config={"rolling_upgrade_in_progress": "true"}), severity=warn),
    "R15": Case("R15 protected", edit=source(ha_enabled=True), severity=warn),
    "R16": Case(
        edit=both(each_host(SOURCE, product_version="7.1.2"), each_host(TARGET, product_version="8.2.1")),
        severity=warn,
    ),
    "R17": Case(
        edit=both(release("8.2-cu1", "8.4"), closed),
        code="INTERNAL_ERROR",
        quiet=Case(edit=both(release("25.33", "25.33"), closed)),
        belongs="R17",
    ),
    "R17 of 7.1": Case(
        edit=both(release("7.1-cu2", "8.4"), closed),
        code="INTERNAL_ERROR",
        quiet=Case(edit=release("7.1-cu2", "8.4")),
    ),
    "R18": Case("R18 machine of a catalog"),
    "R19": Case(severity=info, quiet=Case(to=SOURCE, host="block-1")),
    "R20": Case(severity=info, quiet=HALTED),
    "R21": Case("R21 in a vApp", severity=info),
    "R22": Case("R22 kept apart", to=SOURCE, host="block-2", severity=warn),
    "R30": Case("R30 other vendor", code="VM_INCOMPATIBLE_WITH_THIS_HOST"),
    "R31": Case("R31 more features", code="VM_INCOMPATIBLE_WITH_THIS_HOST"),
    "R32": Case(to=SOURCE, host="block-2", edit=differing, severity=info),
    "R33": Case("R33 many CPUs", code="HOST_NOT_ENOUGH_PCPUS"),
    "R34": Case("R34 hardware platform", code="VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION"),
    "R40": Case("R40 much memory", code="HOST_NOT_ENOUGH_FREE_MEMORY"),
    "R41": Case(edit=all_full, severity=warn),
    "R42": Case(
        to=SOURCE,
        host="block-1",
        sr="Local storage on block-1",
        edit=no_memory(SOURCE, "block-1"),
        code="HOST_NOT_ENOUGH_FREE_MEMORY",
        belongs="R40",
    ),
    # The server refuses a range when the VM is started or resumed (MEMORY_CONSTRAINT_VIOLATION), not while it moves.
    "R43": Case("R43 dynamic memory"),
    "R50": Case("R50 large disk", code=("SR_BACKEND_FAILURE_44", "INTERNAL_ERROR")),
    "R51": Case("R51 source is full", severity=warn),
    "R52": Case("R52 on gfs2", code="SR_DOES_NOT_SUPPORT_MIGRATION"),
    "R53": Case("R53 changed block tracking", code="VDI_CBT_ENABLED"),
    "R53 of a disk that stays": Case(
        to=SOURCE,
        host="block-1",
        edit=both(release("8.4", "8.4"), tracked),
        change=one_disk_moves,
        code="VDI_CBT_ENABLED",
        quiet=Case(to=SOURCE, host="block-1", edit=tracked, change=one_disk_moves),
    ),
    "R54": Case("R54 resets at boot", code="VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"),
    "R55": Case("R55 encrypted", code="VDI_IS_ENCRYPTED"),
    "R56": Case(to=SOURCE, host="block-2", sr="Local storage on block-1", code="SR_NOT_ATTACHED", belongs="R68"),
    "R57": Case("R57 halted", to=SOURCE, host="block-1", sr="Local storage on block-1", severity=warn),
    "R58": at_home("R58 local disk", severity=info),
    "R59": Case(severity=info, quiet=Case("R58 local disk")),
    "R60": Case("R60 snapshots", severity=info),
    "R61": Case("R61 shared disk"),  # accepted, and the other VMs keep the disk that is gone
    "R61 held by another VM": Case(HALTED.vm, edit=held_by_another),
    "R62": Case("R62 above two TiB"),
    "R63": Case("R63 CD inserted", severity=warn),
    "R64": Case("R64 coalescing", severity=warn),
    "R65": Case("R65 long chain", severity=warn),
    "R66": Case("R66 backed up", severity=warn),
    "R67": Case(edit=unplugged(TARGET, "NFS Target", "Local storage on target-1"), code="VDI_NOT_IN_MAP"),
    "R68": Case(to=SOURCE, host="block-2", sr="R68 unplugged"),  # the server tries to plug it in
    "R69": Case("R69 lock left", severity=warn, code="INTERNAL_ERROR"),
    "R69 on an older server": Case(
        "R69 lock left", severity=warn, edit=release("8.4", "8.4"), code="SR_BACKEND_FAILURE_46"
    ),
    "R70": Case("R70 PCI device", code="VM_HAS_PCI_ATTACHED"),
    "R71": Case("R71 virtual USB", code="VM_HAS_VUSBS"),
    "R72": Case("R72 virtual GPU", code="VM_HAS_VGPU"),
    "R73": Case("R73 nomigrate", code="VM_IS_IMMOBILE"),
    "R74": Case("R74 virtual TPM", severity=info),
    "R75": Case(),  # of single disks: test_guests
    "R76": Case("R76 cannot suspend", code="VM_NON_SUSPENDABLE"),
    "R77": Case(),  # of moves with a short stop: test_stopping
    "R80": Case("R81 network of one host", code="VIF_NOT_IN_MAP"),
    "R81": at_home("R81 network of one host", code="VM_REQUIRES_NETWORK"),
    "R82": Case(change=over("R82 without interfaces"), code="HOST_CANNOT_ATTACH_NETWORK"),
    "R83": Case(change=over("Management"), severity=warn),
    "R85": Case("R85 same address", severity=warn),
    "R86": Case("R86 locked interface", severity=warn),
    "R86 packets": Case(edit=large_packets, severity=warn),
    "R84": Case(severity=info, quiet=INSIDE),
}
