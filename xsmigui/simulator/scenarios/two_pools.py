"""The demonstration: Madrid with three hosts, Lisboa with two, and about 25 VMs in every state."""

from __future__ import annotations

from xsmigui.simulator.scenarios.builder import WINDOWS, Builder, Disk
from xsmigui.simulator.site import Site


def two_pools(site: Site, seed: int, vms: int) -> None:
    madrid(site, seed)
    lisboa(site, seed)


def madrid(site: Site, seed: int) -> None:
    b = Builder(site, "Madrid", seed=seed, description="Main data centre")
    one, two, three = (b.host(f"madrid-0{n}", memory=24, cpus=16) for n in (1, 2, 3))
    management = b.network("Management", bridge="xenbr0", description="Hosts and their coordinator")
    storage = b.network("Storage", bridge="xenbr1", description="Disks and migrations")
    trunk = b.network("Guests", bridge="xenbr2", description="Untagged guest network")
    production = b.network("VLAN 20 Production", bridge="xapi20")
    lab = b.network("VLAN 30 Lab", bridge="xapi30", description="Exists in Madrid only")
    private = b.network("Cluster heartbeat", bridge="xapi0", description="Private to one host")
    b.nic(management, "eth0", [f"10.10.0.{n}" for n in (11, 12, 13)], management=True)
    b.nic(storage, "eth1", [f"10.99.0.{n}" for n in (11, 12, 13)])
    uplinks = b.nic(trunk, "eth2", [None, None, None])
    b.vlan(production, 20, uplinks)
    b.vlan(lab, 30, uplinks)
    nfs = b.sr("NFS Madrid", "nfs", 400, description="filer-madrid:/export/xen")
    iscsi = b.sr("iSCSI Madrid", "lvmoiscsi", 300, description="Target 10.99.0.50")
    locals_ = [
        b.sr(f"Local storage on madrid-0{n}", "ext", 120, hosts=[h]) for n, h in ((1, one), (2, two), (3, three))
    ]
    isos = b.sr("ISO library", "iso", 40, content="iso", description="filer-madrid:/export/iso")
    tools = b.sr(
        "XenServer Tools", "iso", 1, content="iso", is_tools_sr=True, other_config={"xenserver_tools_sr": "true"}
    )
    b.sr("DVD drives", "udev", 0, hosts=[one], content="iso", sm_config={"type": "cd"}, shared=False)
    debian = b.vdi("debian-12.5.0-amd64-netinst.iso", Disk(isos, 0.6))
    b.vdi("ubuntu-24.04-live-server-amd64.iso", Disk(isos, 2.6))
    b.vdi("guest-tools-8.4.0.iso", Disk(tools, 0.05), is_tools_iso=True)

    def disk(sr: str, size: float, used: float, **fields: object) -> Disk:
        return Disk(sr, size, used, **fields)

    web1 = b.vm(
        "web-01", host=one, memory=1, disks=[disk(nfs, 8, 1.1)], networks=[production], ip="10.20.0.21", affinity=one
    )
    b.vm("web-02", host=two, memory=1, disks=[disk(nfs, 8, 1.0)], networks=[production], ip="10.20.0.22", affinity=two)
    b.vm("web-03", host=three, memory=1, disks=[disk(nfs, 8, 1.2)], networks=[production], ip="10.20.0.23")
    db = b.vm(
        "db-postgres", host=one, memory=2, vcpus=4, ip="10.20.0.31", networks=[production, trunk],
        disks=[disk(iscsi, 2, 2, name_label="db-postgres system"), disk(nfs, 20, 1.5, name_label="db-postgres data"),
               disk(nfs, 4, 0.3, name_label="db-postgres wal")],
        tags=["database", "critical"],
    )  # fmt: skip
    b.snapshot(db, "before upgrade to 16", hours_ago=30)
    b.snapshot(db, "nightly", hours_ago=6)
    b.vm(
        "mail",
        host=two,
        memory=2,
        disks=[disk(nfs, 16, 1.4), disk(nfs, 40, 2.2)],
        networks=[production],
        ip="10.20.0.40",
    )
    b.vm(
        "dc-windows", host=two, memory=2, vcpus=2, disks=[disk(iscsi, 3, 3)], networks=[production], ip="10.20.0.5",
        os=WINDOWS, cd=debian,
    )  # fmt: skip
    b.vm("files-windows", host=three, memory=2, disks=[disk(nfs, 32, 2.5)], networks=[trunk], ip="10.0.5.8", os=WINDOWS)
    b.vm(
        "monitoring",
        host=three,
        memory=1,
        disks=[disk(locals_[2], 8, 0.9)],
        networks=[trunk],
        ip="10.0.5.9",
        affinity=three,
    )
    b.vm("ci-runner-1", host=one, memory=1, disks=[disk(locals_[0], 10, 1.6)], networks=[lab], ip="10.30.0.51")
    b.vm("ci-runner-2", host=two, memory=1, disks=[disk(locals_[1], 10, 1.6)], networks=[lab], ip="10.30.0.52")
    b.vm("appliance-no-tools", host=three, memory=0.5, disks=[disk(nfs, 2, 0.4)], networks=[trunk], tools=False)
    backup = b.vm(
        "backup-cbt", host=one, memory=1, disks=[disk(nfs, 12, 1.1, cbt_enabled=True)], networks=[storage],
        ip="10.99.0.80",
    )  # fmt: skip
    b.snapshot(backup, "backup reference", hours_ago=4)
    b.vm("build-paused", host=three, state="Paused", memory=1, disks=[disk(nfs, 6, 0.7)], networks=[lab])
    b.vm("test-suspended", state="Suspended", memory=1, disks=[disk(nfs, 6, 0.8)], networks=[trunk], image_sr=nfs)
    intranet = b.vm("intranet-old", memory=1, disks=[disk(iscsi, 4, 4)], networks=[production], affinity=two)
    b.snapshot(intranet, "last known good", hours_ago=700)
    b.vm("erp-test", memory=2, vcpus=4, disks=[disk(nfs, 20, 1.8), disk(nfs, 10, 0.6)], networks=[trunk, lab])
    b.vm("install-in-progress", memory=1, disks=[disk(locals_[0], 8, 0.1)], networks=[trunk], tools=False, cd=debian)
    b.vm(
        "locked-by-backup", host=two, memory=0.5, disks=[disk(nfs, 4, 0.4)], networks=[trunk],
        blocked_operations={"migrate_send": "Backup is running", "pool_migrate": "Backup is running"},
    )  # fmt: skip
    b.vm("node-a", host=one, memory=0.5, disks=[disk(nfs, 4, 0.5)], networks=[trunk, private], ip="10.0.5.61")
    _templates(b, nfs, trunk)
    b.row("VM", web1)["tags"] = ["web"]
    b.finish(default_sr=nfs)


def _templates(b: Builder, sr: str, network: str) -> None:
    b.template("Debian 12 (golden image)", memory=1, disks=[Disk(sr, 6, 0.9)], networks=[network])
    b.template("Other install media", default=True, memory=1)
    b.template("Debian Bookworm 12", default=True, memory=1)


def lisboa(site: Site, seed: int) -> None:
    b = Builder(site, "Lisboa", seed=seed, description="Second site")
    one, two = (b.host(f"lisboa-0{n}", memory=16, cpus=12) for n in (1, 2))
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1", description="Disks and migrations")
    trunk = b.network("Guests", bridge="xenbr2")
    production = b.network("VLAN 20 Production", bridge="xapi20")
    b.nic(management, "eth0", ["10.11.0.11", "10.11.0.12"], management=True)
    b.nic(storage, "eth1", ["10.99.0.21", "10.99.0.22"])
    b.vlan(production, 20, b.nic(trunk, "eth2", [None, None]))
    nfs = b.sr("NFS Lisboa", "nfs", 250, description="filer-lisboa:/export/xen")
    b.sr("iSCSI Lisboa", "lvmoiscsi", 150)
    local = [b.sr(f"Local storage on lisboa-0{n}", "ext", 60, hosts=[h]) for n, h in ((1, one), (2, two))]
    isos = b.sr("ISO library", "iso", 20, content="iso")
    b.vdi("debian-12.5.0-amd64-netinst.iso", Disk(isos, 0.6))
    b.vm(
        "web-lx-01", host=one, memory=1, disks=[Disk(nfs, 8, 1.0)], networks=[production], ip="10.20.1.21", affinity=one
    )
    b.vm("web-lx-02", host=two, memory=1, disks=[Disk(nfs, 8, 1.1)], networks=[production], ip="10.20.1.22")
    b.vm("dns-lx", host=two, memory=0.5, disks=[Disk(local[1], 4, 0.4)], networks=[trunk], ip="10.0.6.2")
    b.vm("archive-lx", memory=1, disks=[Disk(nfs, 16, 1.3)], networks=[trunk])
    _templates(b, nfs, trunk)
    b.finish(default_sr=nfs)


def standalone(site: Site, seed: int, vms: int) -> None:
    """One host that is in no named pool."""
    b = Builder(site, "", seed=seed)
    host = b.host("faro", memory=12, cpus=8)
    management = b.network("Management", bridge="xenbr0")
    guests = b.network("Guests", bridge="xenbr1")
    b.nic(management, "eth0", ["10.12.0.11"], management=True)
    b.nic(guests, "eth1", [None])
    local = b.sr("Local storage", "ext", 200, hosts=[host])
    second = b.sr("Local SSD", "lvm", 100, hosts=[host])
    b.vm(
        "router",
        host=host,
        memory=0.5,
        vcpus=1,
        disks=[Disk(local, 4, 0.4)],
        networks=[management, guests],
        ip="10.12.0.1",
    )
    b.vm("app", host=host, memory=2, disks=[Disk(local, 16, 1.6)], networks=[guests], ip="10.12.1.5", affinity=host)
    b.vm("batch", memory=1, disks=[Disk(second, 4, 4)], networks=[guests])
    _templates(b, local, guests)
    b.finish(default_sr=local)
