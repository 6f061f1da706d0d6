from tests.core.site import PoolBuilder
from xsmigui.core.capacity import Flow, full, ledger, load, written
from xsmigui.core.records import VDI
from xsmigui.core.refs import SrRef
from xsmigui.core.units import GiB, MiB, TiB

FULL = GiB + 4 * MiB + 8 * MiB


def test_written() -> None:
    assert written(VDI(virtual_size=10, physical_utilisation=4)) == 4
    assert written(VDI(virtual_size=GiB, physical_utilisation=4 * GiB)) == FULL
    assert written(VDI(virtual_size=GiB, physical_utilisation=-1)) == FULL


def test_a_thick_sr_takes_whole_disks_and_a_thin_one_what_is_written() -> None:
    pool = PoolBuilder()
    nfs = pool.sr("nfs")
    disk = pool.disk(nfs, 100 * GiB, physical_utilisation=30 * GiB)
    inventory = pool.inventory()
    disks = {disk: inventory.VDI[disk]}
    assert load(inventory, disks, thin=False) == 100 * GiB + 100 * GiB // 256 + 8 * MiB
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
    assert load(inventory, {leaf: inventory.VDI[leaf]}, thin=True) == full(inventory.VDI[leaf])  # type: ignore[index]


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
    flows = [Flow(memory={m1: 10 * GiB}, space={nfs: GiB}), Flow(memory={m1: 60 * GiB}, space={nfs: GiB})]
    books = ledger(pool.inventory(), flows)
    memory, space = books.memory[m1], books.space[nfs]
    assert (memory.total, memory.free, memory.incoming, memory.after) == (64 * GiB, 60 * GiB, 70 * GiB, -10 * GiB)
    assert (space.name, space.free, space.incoming) == ("nfs", TiB // 2, 2 * GiB)
    assert books.as_json() == {
        "memory": [
            {
                "host": "m1",
                "total": 64 * GiB,
                "free": 60 * GiB,
                "incoming": 70 * GiB,
                "after": -10 * GiB,
                "used": 4 * GiB,
                "running": 0,
                "outgoing": 0,
                "peak": 74 * GiB,
            },
        ],
        "space": [
            {
                "sr": "nfs",
                "total": TiB,
                "free": TiB // 2,
                "incoming": 2 * GiB,
                "after": TiB // 2 - 2 * GiB,
                "used": TiB // 2,
                "running": 0,
                "outgoing": 0,
                "peak": TiB // 2 + 2 * GiB,
            },
        ],
    }


def test_jobs_under_way_count_and_those_of_gone_objects_do_not() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1", memory=64 * GiB)
    nfs = pool.sr("nfs", size=TiB)
    claims = [(m1, 8 * GiB, [(nfs, 100 * GiB)]), (m1, 0, [(SrRef("OpaqueRef:gone"), GiB)])]
    books = ledger(pool.inventory(), [Flow(memory={m1: GiB})], claims)
    assert list(books.space) == [nfs]
    memory, space = books.memory[m1], books.space[nfs]
    assert (memory.running, memory.room, memory.peak, memory.after) == (8 * GiB, 56 * GiB, 9 * GiB, 55 * GiB)
    assert (space.running, space.incoming, space.after) == (100 * GiB, 0, TiB - 100 * GiB)


def test_the_peak_comes_in_the_order_of_the_queue() -> None:
    """Five disks change places: three are under way at once, and each frees its old place when it has ended."""
    pool = PoolBuilder()
    m1 = pool.host("m1")
    one, other = pool.sr("one", size=TiB), pool.sr("other", size=TiB)
    away = Flow(storage=True, space={other: 10}, leaving_space={one: 10}, passing_space={one: 1})
    back = Flow(storage=True, space={one: 10}, leaving_space={other: 10}, passing_memory={m1: 5})
    books = ledger(pool.inventory(), [away, back, away, back, away])
    there = books.space[other]
    assert (there.incoming, there.outgoing, there.peak) == (30, 20, 20)
    assert there.after == TiB - 10
    memory = books.memory[m1]
    assert (memory.incoming, memory.peak, memory.after, memory.used_at_peak) == (0, 10, 64 * GiB, 10)
    assert ledger(pool.inventory(), [Flow(leaving_memory={m1: 4}, leaving_space={one: 3})]).memory[m1].outgoing == 4


def test_live_moves_do_not_wait() -> None:
    pool = PoolBuilder()
    m1 = pool.host("m1")
    books = ledger(pool.inventory(), [Flow(memory={m1: 10}, storage=n == 0) for n in range(6)])
    assert books.memory[m1].peak == 60
