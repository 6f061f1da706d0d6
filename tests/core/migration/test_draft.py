from xsmigui.core.migration.draft import Draft, StorageMode
from xsmigui.core.refs import HostRef, NetworkRef, PoolId, SrRef, VdiRef, VifRef, VmRef

A, B = PoolId("a"), PoolId("b")
VM = VmRef("vm")


def test_every_edit_makes_the_next_draft() -> None:
    draft = Draft(A, (VM,))
    there = draft.to(B)
    assert draft.destination is None
    assert not draft.crosses
    assert there.crosses
    assert not draft.to(A).crosses
    assert there.on(VM, HostRef("h")).hosts == {VM: "h"}
    assert there.keeping_disks().storage is StorageMode.keep
    assert there.on_same_sr(SrRef("s")).same_sr == "s"
    assert there.on_same_sr(None).storage is StorageMode.same
    assert there.each_disk().storage is StorageMode.each
    placed = there.placing(VdiRef("d"), SrRef("s")).placing(VdiRef("e"), SrRef("t"))
    assert (placed.storage, placed.disks) == (StorageMode.each, {"d": "s", "e": "t"})
    assert there.connecting(VifRef("v"), NetworkRef("n")).networks == {"v": "n"}
    assert there.over(NetworkRef("n")).storage_network == "n"
    assert not there.homing(False).set_home
    assert there.starting(True).start_after
    assert there.compressing(False).compress is False


def test_another_destination_lets_go_of_what_was_chosen_there() -> None:
    full = Draft(A, (VM,), copy=True, compress=True).to(B).on(VM, HostRef("h")).placing(VdiRef("d"), SrRef("s"))
    full = full.connecting(VifRef("v"), NetworkRef("n")).over(NetworkRef("n"))
    assert full.to(B) is full
    assert full.to(A) == Draft(A, (VM,), A, copy=True, compress=True)
