"""The store: what comes in, and what is told."""

from msgspec.structs import replace

from tests.core.site import PoolBuilder
from xsmigui.core.changes import Event
from xsmigui.services.store import Change, Store


def madrid() -> PoolBuilder:
    builder = PoolBuilder("Madrid")
    host = builder.host("m1")
    lan = builder.network("LAN")
    nfs = builder.sr("nfs", default=True)
    builder.vm("web", on=host, disks=[nfs], networks=[lan])
    return builder


def test_deltas_are_told_in_the_order_of_the_listeners() -> None:
    store, inventory = Store(), madrid().inventory()
    heard: list[tuple[str, Change]] = []
    leave = store.subscribe(lambda change: heard.append(("first", change)))
    store.subscribe(lambda change: heard.append(("second", change)))
    store.put(inventory)
    assert [who for who, _ in heard] == ["first", "second"]
    assert heard[0][1].before is None
    assert heard[0][1].delta.whole
    assert store.inventory(inventory.id) is inventory
    assert store.is_connected(inventory.id)
    leave()
    leave()
    heard.clear()
    vm, record = next((ref, vm) for ref, vm in inventory.VM.items() if vm.name_label == "web")
    store.apply(inventory.id, [Event("VM", vm, replace(record, name_label="new"))])
    ((who, change),) = heard
    assert who == "second"
    assert change.delta.changed == {"VM": frozenset({vm})}
    assert change.before is inventory
    assert change.after is store.inventory(inventory.id)
    assert store.site().pools[inventory.id].VM[vm].name_label == "new"
    heard.clear()
    store.apply(inventory.id, [Event("VM", vm, replace(record, name_label="new"))])
    assert heard == []  # nothing changed, nothing is told


def test_what_stayed_the_same_is_not_reported_after_a_second_load() -> None:
    store, builder = Store(), madrid()
    store.put(builder.inventory())
    heard: list[Change] = []
    store.subscribe(heard.append)
    pool = builder.inventory().id
    store.disconnected(pool)
    assert not store.is_connected(pool)
    assert pool in store.site().pools
    assert pool not in store.site().connected
    assert heard[-1].delta.whole
    store.disconnected(pool)
    assert len(heard) == 1
    other = builder.vm("other", on=builder.hosts[0])
    store.put(builder.inventory())
    assert heard[-1].delta.added["VM"] == frozenset({other})
    assert store.is_connected(pool)


def test_a_pool_that_is_let_go() -> None:
    store, inventory = Store(), madrid().inventory()
    heard: list[Change] = []
    store.put(inventory)
    store.subscribe(heard.append)
    store.remove(inventory.id)
    store.remove(inventory.id)
    assert [(c.before, c.after) for c in heard] == [(inventory, None)]
    assert store.site().pools == {}
