"""A pool with a batch in it: twenty running VMs on the third of four hosts; the first coordinates."""

from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import Builder, Disk
from xsmigui.simulator.site import Site

NAMES = tuple(f"vm-{n:02d}" for n in range(20))


def twenty(site: Site) -> None:
    """The pool “Ports”, with the SRs “NFS” and “NFS 2”."""
    b = Builder(site, "Ports", seed=1, profile=PROFILES["8.4"])
    hosts = [b.host(f"port-{n}", memory=64, cpus=16) for n in range(1, 5)]
    management = b.network("Management", bridge="xenbr0")
    guests = b.network("Guests", bridge="xenbr1")
    b.nic(management, "eth0", [f"10.70.0.{n}" for n in range(1, 5)], management=True)
    b.nic(guests, "eth1", [None] * 4)
    nfs = b.sr("NFS", "nfs", 2000)
    b.sr("NFS 2", "nfs", 2000)
    for n, name in enumerate(NAMES, 1):
        b.vm(name, host=hosts[2], memory=1, disks=[Disk(nfs, 8, 0.5)], networks=[guests], ip=f"10.70.1.{n}")
    b.finish(default_sr=nfs)
