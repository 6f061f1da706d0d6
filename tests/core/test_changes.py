from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.core.edits import Edit, edits
from tests.core.site import PoolBuilder, TwoPools
from xsmigui.core.changes import Delta, Event, apply, difference
from xsmigui.core.inventory import DERIVED, Inventory
from xsmigui.core.records import VM, Record


def events_between(old: Inventory, new: Inventory) -> list[Event]:
    delta = difference(old, new)
    found = [Event(cls, ref, None) for cls, refs in delta.removed.items() for ref in refs]
    for part in (delta.added, delta.changed):
        found += [Event(cls, ref, new.tables[cls][ref]) for cls, refs in part.items() for ref in refs]
    return found


records = st.one_of(st.none(), st.builds(VM, name_label=st.sampled_from(["a", "b"])))
events = st.lists(st.builds(Event, st.sampled_from(["VM", "no class"]), st.sampled_from(["1", "2", "3"]), records))
tables = st.dictionaries(st.sampled_from(["1", "2", "3"]), st.builds(VM, name_label=st.sampled_from(["a", "b"])))


@given(tables, events)
def test_a_batch_is_what_its_events_are_one_by_one(table: dict[str, Record], batch: list[Event]) -> None:
    start = Inventory({"VM": table})
    whole, delta = apply(start, batch)
    single = start
    for event in batch:
        single, _delta = apply(single, [event])
    assert whole.tables == single.tables
    assert delta == difference(start, whole)


@given(tables, events)
def test_applying_twice_changes_nothing(table: dict[str, Record], batch: list[Event]) -> None:
    once, _delta = apply(Inventory({"VM": table}), batch)
    twice, delta = apply(once, batch)
    assert twice is once
    assert not delta


@given(st.lists(edits, max_size=6))
def test_difference_and_apply_are_inverse_and_indexes_are_as_if_computed_afresh(some: list[Edit]) -> None:
    pool = TwoPools().madrid
    old = pool.inventory()
    warm = {name: getattr(old, name) for name in DERIVED}
    assert warm
    for edit in some:
        edit(pool)
    new = pool.inventory()
    carried, delta = apply(old, events_between(old, new))
    assert carried.tables == new.tables
    assert delta == difference(old, new)
    for name in DERIVED:
        assert getattr(carried, name) == getattr(new, name), name


def test_equal_records_are_no_change() -> None:
    pool = PoolBuilder()
    vm = pool.vm("vm")
    inventory = pool.inventory()
    same, delta = apply(inventory, [Event("VM", vm, replace(inventory.VM[vm]))])
    assert same is inventory
    assert not delta


def test_the_old_inventory_stays_as_it_was() -> None:
    pool = PoolBuilder()
    vm = pool.vm("vm")
    old = pool.inventory()
    new, delta = apply(old, [Event("VM", vm, None), Event("VM", "new", VM(name_label="new"))])
    assert (vm in old.VM, vm in new.VM) == (True, False)
    assert delta.refs("VM") == {vm, "new"}
    assert (delta.added, delta.removed) == ({"VM": {"new"}}, {"VM": {vm}})


def test_what_a_delta_touches() -> None:
    delta = Delta(added={"VM": frozenset("1")}, removed={"SR": frozenset("2")})
    assert delta
    assert delta.touched("VM", "VDI")
    assert delta.touched("SR")
    assert not delta.touched("VDI")
    assert Delta(whole=True).touched("VDI")
    assert Delta(whole=True)
    assert not Delta()


def test_the_last_of_a_table_may_go_and_come_again() -> None:
    """Once the batch looked into the old table when the new one had become empty."""
    start = Inventory({"VM": {"1": VM(name_label="a")}})
    again, delta = apply(start, [Event("VM", "1", None), Event("VM", "1", VM(name_label="a"))])
    assert again is start
    assert not delta
    empty, delta = apply(start, [Event("VM", "1", None), Event("VM", "1", None)])
    assert empty.VM == {}
    assert delta.removed == {"VM": {"1"}}
