"""What happens to a VM's rows when its domain appears and disappears."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.content import Content, image_config, rounded
from xsmigui.simulator.failures import NULL
from xsmigui.simulator.gates.devices import gpu_for
from xsmigui.simulator.gates.memory import free_memory
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

_DOMID: Final = 100


def boot(pool: Pool, vm: str, host: str, *, paused: bool = False, fresh: bool = True) -> None:
    """The domain runs on `host`; `fresh` for a boot, not for a resume or an arrival."""
    db = pool.db
    row = db.row("VM", vm)
    left = row["resident_on"]
    info = db.get("host", host, "cpu_info")
    if fresh:
        key = "features_pv_host" if row["domain_type"] == "pv" else "features_hvm_host"
        flags = {"vendor": info.get("vendor", ""), "features": info.get(key, "")}
        db.set("VM", vm, last_boot_CPU_flags=flags)
    domid = 1 + max(
        (int(v["domid"]) for r in db.get("host", host, "resident_VMs") if (v := db.find("VM", r))), default=0
    )
    attach(pool, row, True)
    if db.has("VM_metrics", row["metrics"]):
        kind = row["domain_type"] if row["domain_type"] != "unspecified" else "hvm"
        fields: Row = {
            "current_domain_type": kind, "hvm": kind == "hvm", "VCPUs_number": row["VCPUs_at_startup"],
            "memory_actual": row["memory_dynamic_max"], "last_updated": pool.clock.date(),
            "nomigrate": row["platform"].get("nomigrate") == "true",
            "nested_virt": row["platform"].get("nested-virt") == "true",
        }  # fmt: skip
        if fresh:
            fields["start_time"] = pool.clock.date()
        db.set("VM_metrics", row["metrics"], **fields)
    for ref in row["VGPUs"]:
        vgpu = db.row("VGPU", ref)
        home = db.find("PGPU", vgpu["resident_on"])
        if home is None or home["host"] != host:
            gpu = gpu_for(pool, vgpu["GPU_group"], vgpu["type"], host, ignore=ref)
            db.set("VGPU", ref, resident_on=gpu or NULL, currently_attached=True)
    tools = pool.tools.get(row["uuid"])
    if tools is not None and not db.has("VM_guest_metrics", row["guest_metrics"]):
        db.set("VM", vm, guest_metrics=db.create("VM_guest_metrics", tools))
    db.set(
        "VM", vm, resident_on=host, scheduled_to_be_resident_on=NULL, domid=domid,
        power_state="Paused" if paused else "Running",
    )  # fmt: skip
    pool.scheduled.discard(vm)
    if not paused:
        pool.contents.guest_writes(pool, row)
    measure(pool, {left, host})


def measure(pool: Pool, hosts: set[str]) -> None:
    """host_metrics say how much memory is free now."""
    for host in hosts:
        row = pool.db.find("host", host)
        if row is not None and pool.db.has("host_metrics", row["metrics"]):
            free = free_memory(pool, host)
            pool.db.set("host_metrics", row["metrics"], memory_free=free, last_updated=pool.clock.date())


def halt(pool: Pool, vm: str, state: str = "Halted") -> None:
    """The domain is gone: switched off, or suspended to disk."""
    db = pool.db
    row = db.row("VM", vm)
    if row["power_state"] == "Running":
        pool.contents.guest_writes(pool, row)
    attach(pool, row, False)
    if state == "Halted":
        guest = db.find("VM_guest_metrics", row["guest_metrics"])
        if guest is not None:
            pool.tools[row["uuid"]] = {k: v for k, v in guest.items() if k != "uuid"}
            db.delete("VM_guest_metrics", row["guest_metrics"])
        db.set("VM", vm, guest_metrics=NULL)
        if db.has("VM_metrics", row["metrics"]):
            db.set(
                "VM_metrics", row["metrics"], memory_actual=0, VCPUs_number=0, current_domain_type="unspecified",
                nomigrate=False, nested_virt=False,
            )  # fmt: skip
        if db.has("VDI", row["suspend_VDI"]):
            remove_vdi(pool, row["suspend_VDI"])
        db.set("VM", vm, suspend_VDI=NULL)
    for ref in row["VGPUs"]:
        db.set("VGPU", ref, resident_on=NULL, currently_attached=False)
    left = row["resident_on"]
    db.set("VM", vm, power_state=state, resident_on=NULL, scheduled_to_be_resident_on=NULL, domid=-1)
    pool.scheduled.discard(vm)
    measure(pool, {left})


def attach(pool: Pool, vm: Row, yes: bool) -> None:
    for ref in vm["VBDs"]:
        vbd = pool.db.find("VBD", ref)
        if vbd is not None:
            pool.db.set(
                "VBD", ref, currently_attached=yes, device=device_name(vbd["userdevice"]) if yes else vbd["device"]
            )
    for ref in vm["VIFs"]:
        if pool.db.has("VIF", ref):
            pool.db.set("VIF", ref, currently_attached=yes)


def device_name(userdevice: str) -> str:
    return f"xvd{chr(ord('a') + int(userdevice))}" if userdevice.isdigit() and int(userdevice) < 26 else ""


# -- space on SRs ------------------------------------------------------------------------------------------------------


def thick(kind: str) -> bool:
    return kind.startswith("lvm")


def space_for(pool: Pool, sr: str, virtual: int, utilisation: int) -> int:
    """What a disk takes: all of it and its metadata on thick SRs, what is written on thin ones."""
    return virtual + virtual // 256 + (8 << 20) if thick(pool.db.get("SR", sr, "type")) else utilisation


def room(pool: Pool, sr: str) -> int:
    row = pool.db.row("SR", sr)
    return int(row["physical_size"] - row["physical_utilisation"])


def account(pool: Pool, sr: str, physical: int, virtual: int) -> None:
    row = pool.db.find("SR", sr)
    if row is not None:
        pool.db.set(
            "SR", sr, physical_utilisation=max(0, row["physical_utilisation"] + physical),
            virtual_allocation=max(0, row["virtual_allocation"] + virtual),
        )  # fmt: skip


def add_vdi(pool: Pool, values: Row, content: Content | None = None) -> str:
    """A new disk, with its place on the SR accounted for; one of unknown content where `content` is left out."""
    uuid = values.get("uuid") or pool.db.new_uuid()
    kind = pool.db.get("SR", values["SR"], "type") if pool.db.has("SR", values["SR"]) else ""
    config = image_config(kind, values.get("sm_config"))
    size = rounded(kind, config, values.get("virtual_size", 0))
    base: Row = {"location": uuid, "managed": True, "on_boot": "persist"}
    row: Row = {**base, **values, "uuid": uuid, "sm_config": config, "virtual_size": size}
    ref = pool.db.create("VDI", row)
    if content is not None:
        pool.contents.set(pool, ref, content)
    account(pool, values["SR"], values.get("physical_utilisation", 0), size)
    return ref


def remove_vdi(pool: Pool, vdi: str) -> None:
    """The disk is gone; drives that held it are empty or go with it."""
    row = pool.db.row("VDI", vdi)
    for ref in list(row["VBDs"]):
        vbd = pool.db.find("VBD", ref)
        if vbd is None:
            continue
        if vbd["type"] == "CD":
            pool.db.set("VBD", ref, VDI=NULL, empty=True)
        else:
            pool.db.delete("VBD", ref)
    account(pool, row["SR"], -row["physical_utilisation"], -row["virtual_size"])
    pool.db.delete("VDI", vdi)
