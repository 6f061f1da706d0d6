"""The page of several selected objects: its sums."""

from xsmigui.core.pages.rows import VmRow
from xsmigui.core.refs import ObjectId, PoolId
from xsmigui.ui.window.several import sums


def row(name: str, state: str, standing: str) -> VmRow:
    return VmRow(ObjectId(PoolId("p"), "VM", name), name, "vm", state, standing, "h", 2**30, 2, 1, 2**30, "", False)


def test_vms_are_counted_by_what_they_do_not_by_how_far_they_are() -> None:
    rows = (row("a", "moving 0 %", "moving"), row("b", "moving 8 %", "moving"), row("c", "running", "running"))
    assert sums(rows).startswith("2 moving · 1 running · 3.0 GiB")
