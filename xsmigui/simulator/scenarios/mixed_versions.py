"""Pools of different releases: 7.1 with old encryption, 8.2 CU1 with and without a hotfix, 8.4, and a recent one."""

from __future__ import annotations

from xsmigui.simulator.failures import NULL
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import WINDOWS, Builder, Disk
from xsmigui.simulator.site import Site

_POOLS = (("Old 7.1", "7.1"), ("Legacy 8.2", "8.2-cu1"), ("Patched 8.2", "8.2-cu1-1033"), ("Current 8.4", "8.4"),
          ("New 9", "26.17"))  # fmt: skip


def mixed_versions(site: Site, seed: int, vms: int) -> None:
    for number, (name, profile) in enumerate(_POOLS):
        _pool(site, seed, name, profile, number)


def _pool(site: Site, seed: int, name: str, profile: str, number: int) -> None:
    release = PROFILES[profile]
    b = Builder(site, name, seed=seed, profile=release, description=f"{release.brand} {release.product}")
    prefix = name.split()[0].lower()
    one, two = (b.host(f"{prefix}-{n}", memory=16, cpus=8) for n in (1, 2))
    for host in (one, two):
        b.row("host", host)["https_only"] = profile == "26.17"
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1")
    guests = b.network("Guests", bridge="xenbr2")
    b.nic(management, "eth0", [f"10.{20 + number}.0.{n}" for n in (11, 12)], management=True)
    b.nic(storage, "eth1", [f"10.99.{20 + number}.{n}" for n in (11, 12)])
    b.nic(guests, "eth2", [None, None])
    for hotfix in release.hotfixes:
        b.add("pool_update", name_label=hotfix, name_description="Hotfix", version="1.0", hosts=[one, two])
    nfs = b.sr(f"NFS {name}", "nfs", 200)
    local = b.sr("Local storage", "ext", 100, hosts=[one])
    for n, state in enumerate(("Running", "Running", "Halted")):
        b.vm(
            f"{prefix}-vm-{n + 1}", host=(one, two)[n % 2] if state == "Running" else NULL, memory=1,
            disks=[Disk(nfs, 8, 0.9)], networks=[guests], os=WINDOWS if n == 1 else None,
            ip=f"10.{20 + number}.1.{n + 1}" if state == "Running" else "",
        )  # fmt: skip
    b.vm(f"{prefix}-local", host=one, memory=0.5, disks=[Disk(local, 4, 0.5)], networks=[guests])
    b.finish(default_sr=nfs)
