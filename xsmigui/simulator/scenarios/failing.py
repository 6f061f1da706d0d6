"""Migrations that go wrong, each in its own way: two small pools in which every VM is named after what will happen."""

from __future__ import annotations

from xsmigui.simulator.scenarios.builder import Builder, Disk
from xsmigui.simulator.site import Site


def failing(site: Site, seed: int, vms: int) -> None:
    _source(site, seed)
    _target(site, seed)


def _source(site: Site, seed: int) -> None:
    b = Builder(site, "Failing", seed=seed, description="Every VM here fails in its own way when it is moved")
    one, two = (b.host(f"failing-{n}", memory=24, cpus=8) for n in (1, 2))
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1")
    guests = b.network("Guests", bridge="xenbr2")
    b.nic(management, "eth0", ["10.70.0.11", "10.70.0.12"], management=True)
    b.nic(storage, "eth1", ["10.99.70.11", "10.99.70.12"])
    b.nic(guests, "eth2", [None, None])
    nfs = b.sr("NFS", "nfs", 200)
    b.sr("Second NFS", "nfs", 200)

    def vm(name: str, host: str) -> str:
        return b.vm(name, host=host, memory=0.5, disks=[Disk(nfs, 4, 0.5)], networks=[guests])

    vm("nothing goes wrong", one)
    mirror = vm("the copy of the disk breaks", one)
    silent = vm("the guest does not answer", one)
    halted = vm("it is left halted", two)
    suspended = vm("it is left suspended", two)
    mess = vm("nobody clears up after it", one)
    b.finish(default_sr=nfs)
    faults, db = b.pool.faults, b.pool.db
    for broken in (mirror, mess):
        faults.broken_mirrors |= {db.get("VBD", v, "VDI") for v in db.get("VM", broken, "VBDs")}
    faults.unresponsive.add(silent)
    faults.ending.update({halted: "Halted", suspended: "Suspended"})
    faults.messy.add(mess)


def _target(site: Site, seed: int) -> None:
    b = Builder(site, "Narrow", seed=seed, description="A destination with a trap")
    host = b.host("narrow-1", memory=16, cpus=8)
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1")
    guests = b.network("Guests", bridge="xenbr2")
    b.nic(management, "eth0", ["10.71.0.11"], management=True)
    b.nic(storage, "eth1", ["10.99.71.11"])
    b.nic(guests, "eth2", [None])
    room = b.sr("Room enough", "nfs", 200)
    trap = b.sr("Fills up half-way", "nfs", 200)
    b.vm("local", host=host, memory=0.5, disks=[Disk(room, 4, 0.4)], networks=[guests])
    b.finish(default_sr=room)
    b.pool.faults.filling[trap] = 0.5
