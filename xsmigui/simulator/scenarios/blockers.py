"""A VM, or a disk of one, for every rule that can stop a migration; its name begins with the rule's number."""

from __future__ import annotations

from typing import Any

from xsmigui.simulator.failures import NULL
from xsmigui.simulator.profiles import PROFILES
from xsmigui.simulator.scenarios.builder import GIB, SECOND_FEATURES, WINDOWS, Builder, Disk
from xsmigui.simulator.site import Site
from xsmigui.simulator.tables import Row

_SEED = "c0ffee00-0000-4000-8000-000000000013"
_ADDRESS = "c2:00:00:00:00:85"
_TWIN = "c0ffee00-0000-4000-8000-000000000014"


def blockers(site: Site, seed: int, vms: int) -> None:
    _source(site, seed)
    _target(site, seed)


def _source(site: Site, seed: int) -> None:
    b = Builder(site, "Blockers", seed=seed, profile=PROFILES["25.33"])
    one, two = (b.host(f"block-{n}", memory=64, cpus=16) for n in (1, 2))
    small = b.host("block-small", memory=4, cpus=4)
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1")
    guests = b.network("Guests", bridge="xenbr2")
    alone = b.network("R81 only on block-1", bridge="xenbr3")
    b.nic(management, "eth0", ["10.40.0.11", "10.40.0.12", "10.40.0.13"], management=True)
    b.nic(storage, "eth1", ["10.99.40.11", "10.99.40.12", None])
    b.nic(guests, "eth2", [None, None, None])
    b.add("PIF", device="eth3", network=alone, host=one, MAC="a0:36:9f:00:00:03", MTU=1500, VLAN=-1, physical=True,
          currently_attached=True, ip_configuration_mode="None", managed=True, primary_address_type="IPv4")  # fmt: skip
    nfs = b.sr("NFS", "nfs", 800)
    b.sr("R50 nearly full", "ext", 2, hosts=[one])
    tight = b.sr("R51 no room for snapshots", "lvmoiscsi", 4.2)
    plain = b.sr("R52 cannot mirror", "gfs2", 100)
    b.add("SM", name_label="gfs2", type="gfs2", features={"VDI_CREATE": 1, "VDI_DELETE": 1, "VDI_ATTACH": 1},
          capabilities=["VDI_CREATE", "VDI_DELETE", "VDI_ATTACH"])  # fmt: skip
    local = b.sr("Local storage on block-1", "ext", 100, hosts=[one])
    b.sr("R68 unplugged", "nfs", 100, unplugged=[one, two, small])
    isos = b.sr("ISO library", "iso", 10, content="iso")
    iso = b.vdi("R63.iso", Disk(isos, 0.5))

    def vm(name: str, **fields: Any) -> str:
        disk = fields.pop("disk", {})
        sr = fields.pop("sr", nfs)
        size = fields.pop("size", 4)
        values = {
            "host": one, "memory": 0.5, "networks": [guests], "disks": [Disk(sr, size, 0.4, **disk)], **fields,
        }  # fmt: skip
        return b.vm(name, **values)

    vm("R00 nothing stops this one")
    vm("R02 no tools", tools=False, os=WINDOWS)
    aged = vm("R03 old tools")
    b.row("VM_guest_metrics", b.row("VM", aged)["guest_metrics"])["PV_drivers_up_to_date"] = False
    vm("R05 no host could start it", host=NULL, memory=100)
    vm("R07 blocked", blocked_operations=dict.fromkeys(("migrate_send", "pool_migrate"), "Kept by the backup"))
    vm("R10 paused", state="Paused")
    vm("R13 same VM at the destination", uuid=_TWIN)
    vm("R13 same MAC seed", other_config={"mac_seed": _SEED})
    vm("R15 protected", ha_restart_priority="restart", ha_always_run=True)
    vm("R18 machine of a catalog", other_config={"mac_seed": "c" * 8, "CitrixProvisioningSchemeId": _TWIN})
    vm("R18 desktop", tags=["MCS"], other_config={"mac_seed": "d" * 8, "XenDesktop": "true", "citrix-vda": "1"})
    hygon = {"vendor": "HygonGenuine", "features": SECOND_FEATURES}
    for name, flags in (
        ("R30 other vendor", hygon),
        ("R31 more features", {"vendor": "GenuineIntel", "features": "f" * 8}),
    ):
        b.row("VM", vm(name))["last_boot_CPU_flags"] = flags
    for host in (one, two):
        b.row("host", host)["virtual_hardware_platform_versions"] = [0, 1, 2, 9]
    vm("R33 many CPUs", vcpus=12)
    vm("R34 hardware platform", hardware_platform_version=9, host=NULL)
    vm("R40 much memory", memory=12)
    dynamic = vm("R43 dynamic memory", memory=1)
    b.row("VM", dynamic)["memory_dynamic_min"] = GIB // 2
    vm("R50 large disk", size=120, disks=[Disk(nfs, 120, 90)])
    vm("R51 source is full", sr=tight)
    vm("R52 on gfs2", sr=plain)
    vm("R53 changed block tracking", disk={"cbt_enabled": True})
    vm("R54 resets at boot", disk={"on_boot": "reset"})
    vm("R55 encrypted", disk={"sm_config": {"key_hash": "ab12", "vdi_type": "vhd"}})
    vm("R57 halted", host=NULL)
    vm("R58 local disk", sr=local)
    b.row("VM", vm("R21 in a vApp"))["appliance"] = b.add("VM_appliance", name_label="Shop")
    apart = [vm("R22 kept apart"), vm("the other of R22", host=two)]
    group = b.add("VM_group", name_label="Domain controllers", placement="anti_affinity")
    for one_of_them in apart:
        b.row("VM", one_of_them)["groups"] = [group]
    b.row("VM_group", group)["VMs"] = apart
    vm("R69 lock left", host=NULL, disk={"sm_config": {"host_OpaqueRef:gone": "RW"}})
    same = vm("R85 same address")
    _interface(b, same)["MAC"] = _ADDRESS
    locked = vm("R86 locked interface")
    _interface(b, locked).update(locking_mode="locked", ipv4_allowed=["10.40.1.7"])
    snapped = vm("R60 snapshots")
    for n in range(3):
        b.snapshot(snapped, f"snapshot {n + 1}", hours_ago=10 - n)
    vm("R61 shared disk", disk={"sharable": True})
    tidying = b.sr("R64 tidying up", "nfs", 100)
    b.row("VDI", b.vdi("hidden", Disk(tidying, 4, 2)))["managed"] = False
    vm("R64 coalescing", sr=tidying)
    chained = vm("R65 long chain", disks=[])
    parent = ""
    for n in range(28):
        last = n == 27
        config = {"vhd-parent": parent} if parent else {}
        label = "R65 end of the chain" if last else f"link {n}"
        link = b.vdi(label, Disk(nfs, 4, 0.01, sm_config=config))
        b.row("VDI", link)["managed"] = last
        parent = str(b.row("VDI", link)["uuid"])
        if not last:  # a second disk that rests on it, so that nothing is to be coalesced
            b.vdi(f"side {n}", Disk(nfs, 4, 0.01, sm_config={"vhd-parent": parent}))
    b.vbd(chained, link, "0", attached=True)
    vm("R62 above two TiB", disks=[Disk(nfs, 2100, 1)])
    vm("R63 CD inserted", cd=iso)
    vm("R66 backed up", other_config={"mac_seed": "e" * 8, "xo:backup:job": "nightly"})
    pci = b.add("PCI", class_name="Ethernet controller", vendor_name="Intel", device_name="X540", host=one,
                pci_id="0000:03:00.0")  # fmt: skip
    with_pci = vm("R70 PCI device", other_config={"mac_seed": "f" * 8, "pci": "0/0000:03:00.0"})
    b.row("VM", with_pci)["attached_PCIs"] = [pci]
    group = b.add("USB_group", name_label="Group of USB devices")
    b.add(
        "PUSB",
        host=one,
        USB_group=group,
        vendor_desc="SanDisk",
        product_desc="Key",
        path="1-2",
        passthrough_enabled=True,
    )
    b.add("VUSB", VM=vm("R71 virtual USB"), USB_group=group, currently_attached=True)
    gpus = b.add("GPU_group", name_label="Group of GPUs")
    kind = b.add("VGPU_type", vendor_name="NVIDIA", model_name="GRID T4-1B", implementation="nvidia", max_heads=1)
    gpu = b.add("PGPU", host=one, GPU_group=gpus, supported_VGPU_types=[kind], enabled_VGPU_types=[kind])
    b.row("VGPU_type", kind).update(supported_on_PGPUs=[gpu], enabled_on_PGPUs=[gpu])
    b.add("VGPU", VM=vm("R72 virtual GPU"), GPU_group=gpus, type=kind, resident_on=gpu, currently_attached=True)
    vm("R73 nomigrate", platform={"nomigrate": "true", "nx": "true"})
    vm("R73 nested virtualisation", platform={"nested-virt": "true", "nx": "true"})
    b.add("VTPM", VM=vm("R74 virtual TPM"), persistence_backend="xapi")
    cannot = vm("R76 cannot suspend")
    other = b.row("VM_guest_metrics", b.row("VM", cannot)["guest_metrics"])["other"]
    other["data-cant-suspend-reason"] = "A driver refuses to sleep"
    vm("R81 network of one host", networks=[alone])
    b.template("R11 default template", default=True)
    _more(b, one, nfs, guests)
    b.vm("R10 suspended", state="Suspended", memory=0.5, disks=[Disk(nfs, 4, 0.4)], networks=[guests], image_sr=nfs)
    b.finish(default_sr=nfs)


def _interface(b: Builder, vm: str) -> Row:
    """The VM's only VIF."""
    (found,) = [row for row in b.rows["VIF"].values() if row["VM"] == vm]
    return found


def _more(b: Builder, one: str, nfs: str, guests: str) -> None:
    """Rules that need an SR, a network or a task of their own."""
    two, small = [h for h in b.hosts if h != one]
    b.sr("R56 seen by block-1 only", "nfs", 100, unplugged=[two, small])
    lonely = b.network("R80 without counterpart", bridge="xenbr8")
    b.nic(lonely, "eth8", [None] * 3)
    b.vm("R80 network that is only here", host=one, memory=0.5, disks=[Disk(nfs, 4, 0.4)], networks=[lonely])
    busy = b.vm("R06 busy", host=one, memory=0.5, disks=[Disk(nfs, 4, 0.4)], networks=[guests])
    task = b.add("task", name_label="Async.VM.snapshot", status="pending", created=b.pool.clock.date(), type="<none/>")
    b.row("VM", busy)["current_operations"] = {task: "snapshot"}


def _target(site: Site, seed: int) -> None:
    b = Builder(site, "Target", seed=seed, profile=PROFILES["25.33"])
    one = b.host("target-1", memory=12, cpus=8)
    disabled = b.host("target-disabled", memory=12, cpus=8)
    b.host("target-amd", memory=12, cpus=8, vendor="AuthenticAMD", features=SECOND_FEATURES)
    b.host("target-old", memory=12, cpus=8, profile=PROFILES["8.4"])
    b.row("host", disabled)["enabled"] = False
    management = b.network("Management", bridge="xenbr0")
    storage = b.network("Storage", bridge="xenbr1")
    guests = b.network("Guests", bridge="xenbr2")
    b.network("R82 without interfaces", bridge="xapi9")
    b.nic(management, "eth0", [f"10.41.0.{n}" for n in range(11, 15)], management=True)
    b.nic(storage, "eth1", ["10.99.41.11", "10.99.41.12", None, "10.99.41.14"])
    b.nic(guests, "eth2", [None] * 4)
    nfs = b.sr("NFS Target", "nfs", 60)
    b.sr("Local storage on target-1", "ext", 40, hosts=[one])
    b.sr("R52 cannot receive", "gfs2", 100)
    b.add("SM", name_label="gfs2", type="gfs2", features={"VDI_CREATE": 1, "VDI_DELETE": 1, "VDI_ATTACH": 1},
          capabilities=["VDI_CREATE", "VDI_DELETE", "VDI_ATTACH"])  # fmt: skip
    b.vm("twin of R13", host=one, uuid=_TWIN, memory=0.5, disks=[Disk(nfs, 4, 0.4)], networks=[guests])
    other = b.vm("address of R85", memory=0.5, disks=[Disk(nfs, 4, 0.4)], networks=[guests])
    _interface(b, other)["MAC"] = _ADDRESS
    b.vm("seed of R13", memory=0.5, disks=[Disk(nfs, 4, 0.4)], networks=[guests], other_config={"mac_seed": _SEED})
    pool = b.finish(default_sr=nfs)
    pool.db.set("pool", pool.ref, restrictions={**pool.row["restrictions"], "restrict_dmc": "true"})  # R43
