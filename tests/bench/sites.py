"""Large sites for the benchmarks, made in time that grows with their size alone."""

from msgspec.structs import replace

from tests.core.site import PoolBuilder
from xsmigui.core import records
from xsmigui.core.inventory import Inventory
from xsmigui.core.refs import NULL, SrRef
from xsmigui.core.units import GiB, TiB


def large_pool(
    name: str, *, hosts: int, srs: int, vms: int, disks: int = 2, lans: int = 10, only_sr: bool = False
) -> PoolBuilder:
    """A pool whose SRs are half shared and half local, with running VMs of so many disks and an interface each. With
    `only_sr` all disks are on the first SR."""
    pool = PoolBuilder(name)
    members = [pool.host(f"{name}-host-{n}", memory=1024 * GiB, cpus=64) for n in range(hosts)]
    pool.network("Management", management=True)
    pool.network("Storage", address=True)
    networks = [pool.network(f"LAN {vlan}", vlan=vlan) for vlan in range(10, 10 + lans)]
    shared = [pool.sr(f"{name}-shared-{n}", size=500 * TiB, default=n == 0) for n in range(max(1, srs // 2))]
    for n in range(srs - len(shared)):
        pool.sr(f"{name}-local-{n}", "ext", hosts=[members[n % hosts]], size=20 * TiB)
    for n in range(vms):
        place = shared[0 if only_sr else n % len(shared)]
        add_vm(pool, f"{name}-vm-{n}", members[n % hosts], place, disks, networks[n % lans])
    return pool


def add_vm(pool: PoolBuilder, name: str, host: str, sr: SrRef, disks: int, network: str) -> str:
    """A running VM; unlike the builder's own method this does not look through what is there already."""
    ref = pool.vm(name, on=host)  # type: ignore[arg-type]
    for place in range(disks):
        vdi = pool.disk(sr, 20 * GiB, f"{name} {place}")
        pool._add(
            records.VBD, "VBD", f"{name} {place}", VM=ref, VDI=vdi, userdevice=str(place), type="Disk",
            empty=False, currently_attached=True,
        )  # fmt: skip
    number = len(pool.tables["VIF"])
    place = f"{number // 65536:02x}:{number // 256 % 256:02x}:{number % 256:02x}"
    mac = f"c2:{len(pool.key) % 256:02x}:{ord(pool.key[-1]):02x}:{place}"
    pool._add(records.VIF, "VIF", name, VM=ref, network=network, device="0", MAC=mac)
    return ref


class Busy:
    """Changes as servers report them all day: free memory of hosts, sizes of disks, and VMs' memory."""

    def __init__(self, inventory: Inventory) -> None:
        self._vms = [ref for ref, vm in inventory.VM.items() if not vm.is_control_domain]
        self._disks = list(inventory.VDI)
        self._turn = 0

    def changes(self, inventory: Inventory, number: int) -> list[tuple[str, str, records.Record]]:
        """So many more of them."""
        self._turn += 1
        found: list[tuple[str, str, records.Record]] = []
        for n in range(number):
            place = self._turn * number + n
            if n % 3 == 0 and self._disks:
                vdi = self._disks[place * 7 % len(self._disks)]
                written = inventory.VDI[vdi].physical_utilisation + 1 + self._turn
                found.append(("VDI", vdi, replace(inventory.VDI[vdi], physical_utilisation=written)))
            else:
                vm = self._vms[place * 11 % len(self._vms)]
                found.append(("VM", vm, replace(inventory.VM[vm], memory_overhead=1 + self._turn)))
        return found


__all__ = ["NULL", "Busy", "add_vm", "large_pool"]
