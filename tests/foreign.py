"""Somebody else at the same pool: another operator, XenCenter, a backup program, with ordinary calls of the API.

    other = Somebody.at(site, "Madrid")
    other.work(vm)                    # starts the VM, which writes to its disks, and shuts it down
    other.write(disk)                 # the disk is written to, whoever is connected to it
    vbd = other.connect(disk, vm)     # the disk is a disk of this VM too
    other.lift_blocks(vm)             # nothing is blocked any more, whoever has set it

What a call takes away on purpose (`destroy`) need not be there when the site is judged at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulated import Simulated
from xsmigui.simulator.failures import NULL


class Somebody:
    """`call(method, *params)` is a call as an administrator; `order(do, **arguments)` a command of the control."""

    def __init__(
        self, call: Callable[..., Any], order: Callable[..., Any], change: Callable[..., Any] | None = None
    ) -> None:
        self.call = call
        self.order = order
        self._change = change

    @classmethod
    def at(cls, site: Simulated, pool: str) -> Somebody:
        served = site[pool]

        def change(of: str, ref: str, **fields: Any) -> None:
            site.run(lambda: served.pool.db.set(of, ref, **fields))

        return cls(lambda m, *p: site.call(served, m, *p), lambda do, **a: site.fault(served, do, **a), change)

    # -- finding ---------------------------------------------------------------------------------------------------

    def vm(self, name: str) -> str:
        found: list[str] = self.call("VM.get_by_name_label", name)
        return found[0]

    def disks(self, vm: str) -> dict[str, str]:
        """The disks of a VM by their positions."""
        drives = [self.call("VBD.get_record", v) for v in self.call("VM.get_VBDs", vm)]
        return {d["userdevice"]: d["VDI"] for d in drives if d["type"] == "Disk"}

    def sum(self, disk: str) -> str:
        """What stands for the content of a disk, as it is now; not a call that a server would see."""
        return str(self.order("disk_content", vdi=disk)["sum"])

    # -- the guest -------------------------------------------------------------------------------------------------

    def write(self, disk: str, *, times: int = 1, zeroes: bool = True) -> str:
        """Somebody writes to the disk; its new sum."""
        return str(self.order("write_disk", vdi=disk, times=times, zeroes=zeroes)["sum"])

    def grow(self, disk: str) -> None:
        """What was written to the disk went where nothing was before: it occupies more."""
        assert self._change is not None
        used = int(self.call("VDI.get_physical_utilisation", disk))
        self._change("VDI", disk, physical_utilisation=used + (2 << 20))

    def start(self, vm: str, host: str = NULL) -> None:
        if host == NULL:
            self.call("VM.start", vm, False, False)
        else:
            self.call("VM.start_on", vm, host, False, False)

    def stop(self, vm: str) -> None:
        self.call("VM.hard_shutdown", vm)

    def work(self, vm: str) -> None:
        """The VM runs for a while and is shut down again: its disks hold something newer."""
        self.start(vm)
        self.stop(vm)

    # -- its connections and blocks --------------------------------------------------------------------------------

    def connect(self, disk: str, vm: str, *, mode: str = "RW", position: str = "autodetect") -> str:
        """The disk is a disk of this VM too, and is plugged where the VM runs; the drive."""
        vbd = str(self.call("VBD.create", {
            "VM": vm, "VDI": disk, "userdevice": position, "bootable": False, "mode": mode, "type": "Disk",
            "empty": False, "unpluggable": True, "other_config": {}, "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        }))  # fmt: skip
        if self.call("VM.get_power_state", vm) == "Running":
            self.call("VBD.plug", vbd)
        return vbd

    def disconnect(self, vbd: str) -> None:
        if self.call("VBD.get_currently_attached", vbd):
            self.call("VBD.unplug", vbd)
        self.call("VBD.destroy", vbd)

    def lift_blocks(self, vm: str) -> None:
        self.call("VM.set_blocked_operations", vm, {})

    # -- the disk and the VM ---------------------------------------------------------------------------------------

    def rename(self, disk: str, name: str) -> None:
        self.call("VDI.set_name_label", disk, name)

    def extend(self, disk: str, more: int) -> None:
        self.call("VDI.resize", disk, self.call("VDI.get_virtual_size", disk) + more)

    def snapshot(self, vm: str, name: str = "somebody's") -> str:
        return str(self.call("VM.snapshot", vm, name))

    def copy(self, disk: str, sr: str) -> str:
        return str(self.call("VDI.copy", disk, sr))

    def destroy(self, disk: str) -> None:
        self.call("VDI.destroy", disk)


def spoil_finished_copies(site: Simulated, pool: str) -> None:
    """From now on a copy that this program has made loses its content when it is about to be connected."""
    served = site[pool].pool
    strike = served.faults.strike

    async def spoiling(call: Any) -> None:
        if call.message.full == "VBD.create":
            for ref, vdi in served.db.table("VDI").items():
                if vdi["name_label"].startswith("[incomplete copy]"):
                    served.contents.spoil(served, ref)
        await strike(call)

    site.run(lambda: setattr(served.faults, "strike", spoiling))
