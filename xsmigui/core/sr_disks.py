"""Which rows of an SR's disks a change of its pool may alter, so that a table of thousands costs what has changed."""

from collections.abc import Mapping

from xsmigui.core.changes import Delta
from xsmigui.core.description import DiskRow, sr_disk
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import SrRef, VbdRef, VdiRef, VmRef


class SrDisks:
    """Remembers which disk each connection of an SR's disks belongs to, since a connection that is gone no longer says
    so."""

    def __init__(self, inventory: Inventory, sr: SrRef) -> None:
        self._sr = sr
        self._disk_of: dict[str, VdiRef] = {}
        record = inventory.SR.get(sr)
        self._name = record.name_label if record is not None else ""
        for ref in record.VDIs if record is not None else ():
            self._note(inventory, ref)

    def _note(self, inventory: Inventory, ref: VdiRef) -> None:
        vdi = inventory.VDI.get(ref)
        for vbd in vdi.VBDs if vdi is not None else ():
            self._disk_of[vbd] = ref

    def changed(self, inventory: Inventory, delta: Delta) -> Mapping[VdiRef, DiskRow | None] | None:
        """The rows of disks that a delta may have altered, None for those that are no longer listed; None if all of
        them have to be made anew."""
        sr = inventory.SR.get(self._sr)
        if delta.whole or sr is None or sr.name_label != self._name:
            return None
        return {ref: sr_disk(inventory, self._sr, ref) for ref in self._touched(inventory, delta)}

    def _touched(self, inventory: Inventory, delta: Delta) -> set[VdiRef]:
        found = {VdiRef(ref) for ref in delta.refs("VDI")}
        for ref in delta.refs("VBD"):
            vbd = inventory.VBD.get(VbdRef(ref))
            if vbd is not None:
                found.add(vbd.VDI)
            if ref in self._disk_of:
                found.add(self._disk_of[ref])
        for vm_ref in delta.refs("VM"):
            vm = inventory.VM.get(VmRef(vm_ref))
            for vbd_ref in vm.VBDs if vm is not None else ():
                if vbd_ref in self._disk_of:
                    found.add(self._disk_of[vbd_ref])
        for disk in found:
            self._note(inventory, disk)
        return found
