"""How many more virtual GPUs and network functions a host can give (pgpu_helpers.ml, xapi_network_sriov_helpers.ml)."""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.pool import Pool
from xsmigui.simulator.tables import Row

FUNCTIONS: Final = 8  # virtual functions of an SR-IOV network card, unless the pool says otherwise


def gpu_capacity(pool: Pool, gpu: Row, kind: str, *, ignore: str = NULL) -> int:
    """How many more vGPUs of a type a GPU takes. All on one GPU are of the same type; a passed-through GPU is whole."""
    if kind not in gpu["enabled_VGPU_types"]:
        return 0
    row = pool.db.find("VGPU_type", kind)
    most = int(gpu["supported_VGPU_max_capacities"].get(kind, 1 if _whole(row) else 4))
    resident = [v for r in gpu["resident_VGPUs"] if r != ignore and (v := pool.db.find("VGPU", r))]
    if any(v["type"] != kind for v in resident):
        return 0
    return max(0, most - len(resident))


def _whole(kind: Row | None) -> bool:
    return kind is None or kind["implementation"] == "passthrough"


def gpu_for(pool: Pool, group: str, kind: str, host: str, *, ignore: str = NULL) -> str | None:
    """A GPU of the group on `host` with room for one more."""
    row = pool.db.find("GPU_group", group)
    for ref in row["PGPUs"] if row else []:
        gpu = pool.db.row("PGPU", ref)
        if gpu["host"] == host and gpu_capacity(pool, gpu, kind, ignore=ignore) > 0:
            return str(ref)
    return None


def assert_gpus(pool: Pool, vm_ref: str, vm: Row, host: str) -> None:
    """13 and 14 of the host gate; a vGPU that is on a GPU of this host already has its place."""
    for ref in vm["VGPUs"]:
        vgpu = pool.db.row("VGPU", ref)
        kind = pool.db.find("VGPU_type", vgpu["type"])
        if _whole(kind) and pool.db.get("host", host, "chipset_info").get("iommu") == "false":
            raise Failure("VM_REQUIRES_IOMMU", host)
        home = pool.db.find("PGPU", vgpu["resident_on"])
        if home is not None and home["host"] == host:
            continue
        if gpu_for(pool, vgpu["GPU_group"], vgpu["type"], host) is None:
            if _whole(kind):
                raise Failure("VM_REQUIRES_GPU", vm_ref, vgpu["GPU_group"])
            raise Failure("VM_REQUIRES_VGPU", vm_ref, vgpu["GPU_group"], vgpu["type"])


def assert_known_types(pool: Pool, vm: Row) -> None:
    """1. Intel's GVT-g is no longer supported."""
    for ref in vm["VGPUs"]:
        kind = pool.db.find("VGPU_type", pool.db.get("VGPU", ref, "type"))
        if kind is not None and kind["implementation"] == "gvt_g":
            raise Failure("VGPU_TYPE_NO_LONGER_SUPPORTED", f"{kind['vendor_name']}: {kind['model_name']}")


def sriov_of(pool: Pool, network: str, host: str) -> str | None:
    """The SR-IOV object of a network's logical PIF on a host."""
    row = pool.db.find("network", network)
    for ref in row["PIFs"] if row else []:
        pif = pool.db.find("PIF", ref)
        if pif is not None and pif["host"] == host and pif["sriov_logical_PIF_of"]:
            return str(pif["sriov_logical_PIF_of"][0])
    return None


def is_sriov(pool: Pool, network: str) -> bool:
    """The network's PIFs are functions of an SR-IOV card (xapi_network_sriov_helpers.ml, is_sriov_network)."""
    row = pool.db.find("network", network)
    first = pool.db.find("PIF", row["PIFs"][0]) if row and row["PIFs"] else None
    return first is not None and bool(first["sriov_logical_PIF_of"])


def sriov_capacity(pool: Pool, sriov: str) -> int:
    """Virtual functions that no VM on the host uses."""
    row = pool.db.row("network_sriov", sriov)
    pif = pool.db.row("PIF", row["logical_PIF"])
    host, network = pif["host"], pool.db.find("network", pif["network"])
    used = 0
    for ref in network["VIFs"] if network else []:
        vm = pool.db.find("VM", pool.db.get("VIF", ref, "VM"))
        if vm is not None and host in {vm["resident_on"], vm["scheduled_to_be_resident_on"]}:
            used += 1
    return max(0, pool.sriov_functions.get(sriov, FUNCTIONS) - used)


def assert_functions(pool: Pool, vm: Row, host: str) -> None:
    """16. SR-IOV networks have enough idle virtual functions on the host."""
    wanted: dict[str, int] = {}
    for ref in vm["VIFs"]:
        network = pool.db.get("VIF", ref, "network")
        wanted[network] = wanted.get(network, 0) + 1
    if host in {vm["resident_on"], vm["scheduled_to_be_resident_on"]}:
        return
    for network, count in wanted.items():
        sriov = sriov_of(pool, network, host)
        if sriov is not None and sriov_capacity(pool, sriov) < count:
            raise Failure("NETWORK_SRIOV_INSUFFICIENT_CAPACITY", network)
