"""The watch over a job's disks: which events say that somebody else was at them, and which are the server's own."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.core.site import PoolBuilder
from xsmigui.core.changes import Event
from xsmigui.core.records import VBD, VM
from xsmigui.core.refs import PoolId, VdiRef, VmRef
from xsmigui.services.store import Store
from xsmigui.services.watching import Watch, Watches


class Bench:
    """A pool with the disks of two jobs, each watched."""

    def __init__(self) -> None:
        builder = PoolBuilder("Madrid")
        host = builder.host("m1")
        sr = builder.sr("nfs", default=True)
        for name in ("one", "two", "guest"):
            builder.vm(name, on=host if name == "guest" else None, disks=[sr], networks=[])
        self.store, inventory = Store(), builder.inventory()
        self.pool: PoolId = inventory.id
        self.store.put(inventory)
        self.domain = "OpaqueRef:control-domain"
        domain = VM(name_label="Control domain", is_control_domain=True, power_state="Running")
        self.store.apply(self.pool, [Event("VM", self.domain, domain)])
        self.guest = next(ref for ref, vm in inventory.VM.items() if vm.name_label == "guest")
        watches = Watches(self.store)
        self.disks: list[str] = []
        self.watches: list[Watch] = []
        for name in ("one", "two"):
            vm = next(ref for ref, vm in inventory.VM.items() if vm.name_label == name)
            ((_vbd, disk, _vdi),) = inventory.disks(VmRef(vm))
            self.disks.append(disk)
            self.watches.append(watches.begin(self.pool, vm, lambda disk=str(disk): frozenset({disk})))  # type: ignore[misc]
        self.tokens = [watch.token for watch in self.watches]
        self._made = 0

    def came_and_went(self, *disks: str) -> None:
        """A VBD of these disks, between two answers of the server: it writes their rows, which are as they were."""
        inventory = self.store.inventory(self.pool)
        assert inventory is not None
        self.store.apply(self.pool, [Event("VDI", ref, inventory.VDI[VdiRef(ref)]) for ref in disks])

    def connects(self, disk: str, vm: str, mode: str) -> None:
        self._made += 1
        new: Any = VBD(VM=VmRef(vm), VDI=VdiRef(disk), mode=mode, type="Disk", userdevice="9", currently_attached=True)
        self.store.apply(self.pool, [Event("VBD", f"OpaqueRef:new-{self._made}", new)])

    @property
    def disturbed(self) -> list[bool]:
        return [watch.token != token for watch, token in zip(self.watches, self.tokens, strict=True)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_came_and_went_unseen_disturbs_the_job_of_that_disk(bench: Bench) -> None:
    bench.came_and_went(bench.disks[1])
    assert bench.disturbed == [False, True]


def test_each_connection_of_a_request_is_its_own_once(bench: Bench) -> None:
    (one, _two), (disk, _other) = bench.watches, bench.disks
    one.expect({disk: "RO"})
    bench.came_and_went(disk)
    assert not one.is_expecting
    assert bench.disturbed == [False, False]
    bench.came_and_went(disk)
    assert bench.disturbed == [True, False]


def test_a_request_of_one_job_hides_nothing_from_another(bench: Bench) -> None:
    bench.watches[0].expect({bench.disks[0]: "RO"})
    bench.came_and_went(bench.disks[1])
    assert bench.disturbed == [False, True]


def test_what_a_request_did_not_bring_about_hides_nothing_after_its_end(bench: Bench) -> None:
    bench.watches[0].expect({bench.disks[0]: "RO"})
    bench.watches[0].expect_no_more()
    bench.came_and_went(bench.disks[0])
    assert bench.disturbed == [True, False]


def test_a_request_that_was_refused_has_connected_nothing(bench: Bench) -> None:
    (one, two), (disk, _other) = bench.watches, bench.disks
    one.expect({disk: "RO"})
    one.retract()
    two.retract()
    assert bench.disturbed == [False, False]
    one.expect({disk: "RO"})
    bench.came_and_went(disk)
    assert bench.disturbed == [False, False], "it may have been ours"
    one.retract()
    assert bench.disturbed == [True, False]


@pytest.mark.parametrize("expected", [{}, {"mode": "RO"}, {"mode": "RW"}])
@pytest.mark.parametrize("mode", ["RO", "RW"])
def test_control_domains_write_where_a_request_of_ours_says_so(
    bench: Bench, expected: dict[str, str], mode: str
) -> None:
    """Somebody's VDI.copy or raw import into a disk writes to it by the control domain."""
    disk = bench.disks[0]
    bench.watches[0].expect({disk: expected["mode"]} if expected else {})
    bench.connects(disk, bench.domain, mode)
    assert bench.disturbed == [mode == "RW" and expected.get("mode") != "RW", False]


@pytest.mark.parametrize("mode", ["RO", "RW"])
def test_guests_that_may_write(bench: Bench, mode: str) -> None:
    bench.watches[0].expect({bench.disks[0]: mode})
    bench.connects(bench.disks[0], bench.guest, mode)
    assert bench.disturbed == [mode == "RW", False]


def test_a_connection_that_stays_is_known(bench: Bench) -> None:
    """A VBD that was seen is changed later: by itself that is nobody else's."""
    disk = bench.disks[0]
    bench.watches[0].expect({disk: "RW"})
    bench.connects(disk, bench.domain, "RW")
    inventory = bench.store.inventory(bench.pool)
    assert inventory is not None
    ref, vbd = next((ref, vbd) for ref, vbd in inventory.VBD.items() if ref.startswith("OpaqueRef:new"))
    bench.store.apply(bench.pool, [Event("VBD", ref, replace(vbd, currently_attached=False))])
    bench.store.apply(bench.pool, [Event("VBD", ref, None)])
    assert bench.disturbed == [False, False]
