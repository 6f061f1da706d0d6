"""Large sites: `vms` VMs in the first pool and a tenth of that in the second."""

from __future__ import annotations

from xsmigui.simulator.failures import NULL
from xsmigui.simulator.scenarios.builder import WINDOWS, Builder, Disk
from xsmigui.simulator.site import Site

PER_HOST = 80  # VMs
PER_SR = 250


def scale(site: Site, seed: int, vms: int) -> None:
    fill(site, "Scale A", seed, max(1, vms), "10.50")
    fill(site, "Scale B", seed, max(1, vms // 10), "10.51")


def fill(site: Site, name: str, seed: int, vms: int, net: str) -> None:
    b = Builder(site, name, seed=seed)
    count = min(64, max(2, -(-vms // PER_HOST)))
    hosts = [
        b.host(f"{name[-1].lower()}-host-{n:02d}", memory=max(64, 2 * vms // count), cpus=64) for n in range(count)
    ]
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1")
    trunk = b.network("Guests", bridge="xenbr2")
    b.nic(management, "eth0", [f"{net}.0.{n + 10}" for n in range(count)], management=True)
    b.nic(storage, "eth1", [f"10.99.{net[-1]}.{n + 10}" for n in range(count)])
    uplinks = b.nic(trunk, "eth2", [None] * count)
    networks = [trunk]
    for tag in range(100, 100 + min(40, max(2, vms // 100))):
        vlan = b.network(f"VLAN {tag}", bridge=f"xapi{tag}")
        b.vlan(vlan, tag, uplinks)
        networks.append(vlan)
    srs = [
        b.sr(f"Shared {n:02d}", "nfs" if n % 3 else "lvmoiscsi", 40 * PER_SR) for n in range(max(2, -(-vms // PER_SR)))
    ]
    for number, host in enumerate(hosts):
        b.sr(f"Local storage on host {number:02d}", "ext", 500, hosts=[host])
    for n in range(vms):
        runs = n % 4 != 3
        host = hosts[n % count] if runs else NULL
        disks = [Disk(srs[n % len(srs)], 16, 1.5)] + ([Disk(srs[(n + 1) % len(srs)], 8, 0.8)] if n % 3 == 0 else [])
        b.vm(
            f"vm-{n:05d}", host=host, memory=1, disks=disks, networks=[networks[n % len(networks)]],
            os=WINDOWS if n % 5 == 0 else None, ip=f"{net}.{1 + n // 250 % 250}.{1 + n % 250}" if runs else "",
            affinity=hosts[n % count] if n % 10 == 0 else NULL,
        )  # fmt: skip
    b.finish(default_sr=srs[0])
