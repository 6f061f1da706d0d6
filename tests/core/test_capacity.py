from tests.core.site import PoolBuilder
from xsmigui.core.capacity import ledger, load, written
from xsmigui.core.records import VDI
from xsmigui.core.units import GiB, TiB


def test_written() -> None:
    assert written(VDI(virtual_size=10, physical_utilisation=4)) == 4
    assert written(VDI(virtual_size=10, physical_utilisation=40)) == 10
    assert written(VDI(virtual_size=10, physical_utilisation=-1)) == 10


def test_a_thick_sr_takes_whole_disks_and_a_thin_one_what_is_written() -> None:
    pool = PoolBuilder()
    nfs = pool.sr("nfs")
    disk = pool.disk(nfs, 100 * GiB, physical_utilisation=30 * GiB)
    inventory = pool.inventory()
    disks = {disk: inventory.VDI[disk]}
    assert load(inventory, disks, thin=False) == 100 * GiB
    assert load(inventory, disks, thin=True) == 30 * GiB


def chain(pool: PoolBuilder) -> dict[str, VDI]:
    """A disk and its snapshot, which rest on one hidden disk that holds nearly all."""
    nfs = pool.sr("nfs")
    base = pool.disk(nfs, 100 * GiB, "base", physical_utilisation=90 * GiB, managed=False)
    rest = {"sm_config": {"vhd-parent": pool.uuid(base)}}
    leaf = pool.disk(nfs, 100 * GiB, "leaf", physical_utilisation=GiB, **rest)
    snapshot = pool.disk(nfs, 100 * GiB, "snapshot", physical_utilisation=0, **rest)
    inventory = pool.inventory()
    return {ref: inventory.VDI[ref] for ref in (leaf, snapshot)}


def test_the_hidden_disk_below_counts_once() -> None:
    pool = PoolBuilder()
    disks = chain(pool)
    assert load(pool.inventory(), disks, thin=True) == 91 * GiB


def test_a_chain_takes_no_more_than_its_disk() -> None:
    pool = PoolBuilder()
    leaf, _snapshot = chain(pool)
    pool.set(leaf, physical_utilisation=60 * GiB)
    inventory = pool.inventory()
    assert load(inventory, {leaf: inventory.VDI[leaf]}, thin=True) == 100 * GiB


def test_a_broken_chain_ends() -> None:
    pool = PoolBuilder()
    nfs = pool.sr("nfs")
    one, other = (pool.disk(nfs, GiB, name, physical_utilisation=5) for name in ("one", "other"))
    pool.set(one, sm_config={"vhd-parent": pool.uuid(other)})
    pool.set(other, sm_config={"vhd-parent": pool.uuid(one)})
    inventory = pool.inventory()
    assert load(inventory, {one: inventory.VDI[one]}, thin=True) == 10
    pool.set(one, sm_config={"vhd-parent": "gone"})
    inventory = pool.inventory()
    assert load(inventory, {one: inventory.VDI[one]}, thin=True) == 5


def test_the_ledger_adds_up() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1", memory=64 * GiB)
    nfs = pool.sr("nfs", size=TiB, used=TiB // 2)
    pool.vm("there", on=m1, memory=4 * GiB)
    books = ledger(pool.inventory(), [(m1, 10 * GiB), (m1, 60 * GiB)], [(nfs, GiB), (nfs, GiB)])
    memory, space = books.memory[m1], books.space[nfs]
    assert (memory.total, memory.free, memory.incoming, memory.after) == (64 * GiB, 60 * GiB, 70 * GiB, -10 * GiB)
    assert (space.name, space.free, space.incoming) == ("nfs", TiB // 2, 2 * GiB)
    assert books.as_json() == {
        "memory": [
            {"host": "m1", "total": 64 * GiB, "free": 60 * GiB, "incoming": 70 * GiB, "after": -10 * GiB},
        ],
        "space": [
            {"sr": "nfs", "total": TiB, "free": TiB // 2, "incoming": 2 * GiB, "after": TiB // 2 - 2 * GiB},
        ],
    }
