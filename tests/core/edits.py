"""Random changes of a site, for properties that must hold after any of them."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.core.site import PoolBuilder
from xsmigui.core.refs import NULL, HostRef, SrRef, VmRef
from xsmigui.core.units import GiB

Edit = Callable[[PoolBuilder], None]


def _some(refs: Any, number: int) -> Any:
    """One of the references, or null where there is none."""
    refs = list(refs)
    return refs[number % len(refs)] if refs else NULL


def vms_of(pool: PoolBuilder, snapshots: bool = False) -> list[VmRef]:
    return [VmRef(r) for r, vm in pool.tables["VM"].items() if getattr(vm, "is_a_snapshot", False) is snapshots]


def srs_of(pool: PoolBuilder) -> list[SrRef]:
    return [SrRef(ref) for ref in pool.tables["SR"]]


def rename(number: int, name: str) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        refs = [*pool.tables["VM"], *pool.tables["host"], *pool.tables["SR"], pool.ref]
        pool.set(_some(refs, number), name_label=name)

    return edit


def run(number: int, host: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        vm, on = _some(vms_of(pool), number), _some(pool.hosts, host)
        if vm != NULL and on != NULL:
            pool.set(vm, power_state="Running", resident_on=on)

    return edit


def halt(number: int, home: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        vm = _some(vms_of(pool), number)
        if vm != NULL:
            pool.set(vm, power_state="Halted", resident_on=HostRef(NULL), affinity=_some(pool.hosts, home))

    return edit


def create(number: int, name: str) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        sr = _some(srs_of(pool), number)
        pool.vm(name, disks=[sr] if sr != NULL else [])

    return edit


def snapshot(number: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        vm = _some(vms_of(pool), number)
        if vm != NULL:
            pool.snapshot(vm)

    return edit


def destroy(number: int, snapshots: bool) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        vm = _some(vms_of(pool, snapshots), number)
        if vm != NULL:
            pool.remove(vm)

    return edit


def hide(number: int, how: dict[str, str]) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        refs = [*pool.tables["VM"], *pool.tables["SR"]]
        if refs:
            pool.set(_some(refs, number), other_config=how)

    return edit


def move_under_way(number: int, progress: float) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        vm = _some(vms_of(pool), number)
        tasks = list(pool.tables["task"])
        task = tasks[0] if tasks else pool.task("migrating")
        pool.set(task, progress=progress)
        if vm != NULL:
            pool.set(vm, current_operations={task: "migrate_send"} if progress < 0.9 else {})

    return edit


def fill(number: int, used: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        sr = _some(srs_of(pool), number)
        if sr != NULL:
            pool.set(sr, physical_utilisation=used * GiB)

    return edit


def share(number: int, shared: bool) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        sr = _some(srs_of(pool), number)
        if sr != NULL:
            pool.set(sr, shared=shared)

    return edit


def add_sr(number: int, everywhere: bool) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        pool.sr(f"sr-{number}", hosts=None if everywhere else pool.hosts[:1])

    return edit


def remove_sr(number: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        sr = _some(srs_of(pool), number)
        if sr != NULL:
            pool.remove(sr)

    return edit


def plug(number: int, attached: bool) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        pbd = _some(pool.tables["PBD"], number)
        if pbd != NULL:
            pool.set(pbd, currently_attached=attached)

    return edit


def host_state(number: int, enabled: bool, live: bool) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        host = _some(pool.hosts, number)
        if host != NULL:
            pool.set(host, enabled=enabled)
            pool.set(pool.get(host).metrics, live=live)

    return edit


def add_host(name: str) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        pool.host(name)

    return edit


def remove_host(number: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        if len(pool.hosts) > 1:
            pool.remove(_some(pool.hosts[1:], number))

    return edit


def remove_disk(number: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        disk = _some(pool.tables["VDI"], number)
        if disk != NULL:
            pool.remove(disk)

    return edit


def default_sr(number: int) -> Edit:
    def edit(pool: PoolBuilder) -> None:
        pool.set(pool.ref, default_SR=_some(srs_of(pool), number))

    return edit


numbers = st.integers(0, 7)
names = st.sampled_from(["web", "db-2", "db-10", "²", "", "Zebra", "the pool"])
flags = st.booleans()
hidden = st.sampled_from([{}, {"HideFromXenCenter": "true"}])
progress = st.sampled_from([0.0, 0.5, 1.0])

edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(rename, numbers, names),
    st.builds(run, numbers, numbers),
    st.builds(halt, numbers, numbers),
    st.builds(create, numbers, names),
    st.builds(snapshot, numbers),
    st.builds(destroy, numbers, flags),
    st.builds(hide, numbers, hidden),
    st.builds(move_under_way, numbers, progress),
    st.builds(fill, numbers, st.integers(0, 20)),
    st.builds(share, numbers, flags),
    st.builds(add_sr, numbers, flags),
    st.builds(remove_sr, numbers),
    st.builds(plug, numbers, flags),
    st.builds(host_state, numbers, flags, flags),
    st.builds(add_host, names),
    st.builds(remove_host, numbers),
    st.builds(remove_disk, numbers),
    st.builds(default_sr, numbers),
)
