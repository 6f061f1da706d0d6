"""Storage migrations counted by what changes, with whatever was there before."""

from random import Random

from msgspec.structs import replace

from xsmigui.core.changes import Event
from xsmigui.core.inventory import Inventory
from xsmigui.core.records import VM, Pool, Record
from xsmigui.core.refs import PoolId
from xsmigui.services.movers import Movers
from xsmigui.services.store import Store

POOL = PoolId("p")


def inventory(vms: int) -> Inventory:
    rows: dict[str, Record] = {f"OpaqueRef:{n}": VM(uuid=f"u{n}") for n in range(vms)}
    return Inventory({"pool": {"OpaqueRef:p": Pool(uuid="p")}, "VM": rows})


def test_counting_follows_every_change() -> None:
    """The count after each of many random changes is that of all VMs."""
    dice, store = Random(1), Store()
    store.put(inventory(20))
    movers = Movers(store)
    assert movers.others(POOL, set()) == 0
    heard: list[bool] = []
    store.subscribe(lambda change: heard.append(movers.heard(change)))
    for _change in range(300):
        ref = f"OpaqueRef:{dice.randrange(25)}"
        operations = dice.choice([{}, {"OpaqueRef:t": "migrate_send"}, {"OpaqueRef:t": "start"}])
        record = None if dice.random() < 0.1 else VM(uuid=f"u{ref[10:]}", current_operations=operations)
        before = movers.others(POOL, set())
        store.apply(POOL, [Event("VM", ref, record)])
        present = store.inventory(POOL)
        assert present is not None
        moving = {vm.uuid for vm in present.VM.values() if "migrate_send" in vm.current_operations.values()}
        assert movers.others(POOL, set()) == len(moving)
        assert all(movers.moves(POOL, uuid) for uuid in moving)
        ours = set(list(moving)[:2]) | {"u99"}
        assert movers.others(POOL, ours) == len(moving - ours)
        assert before == len(moving) or heard[-1]
    store.remove(POOL)
    assert movers.others(POOL, set()) == 0


def test_a_change_that_moves_nothing_is_none() -> None:
    store = Store()
    store.put(inventory(3))
    movers = Movers(store)
    assert movers.others(POOL, set()) == 0
    heard: list[bool] = []
    store.subscribe(lambda change: heard.append(movers.heard(change)))
    present = store.inventory(POOL)
    assert present is not None
    (ref, *_rest) = present.VM
    store.apply(POOL, [Event("VM", ref, replace(present.VM[ref], memory_overhead=7))])
    store.apply(POOL, [Event("VM", ref, replace(present.VM[ref], current_operations={"t": "migrate_send"}))])
    assert heard == [False, True]
