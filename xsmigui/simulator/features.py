"""What an edition may not do: the pool's restrictions (xapi 26.17, xapi-types/features.ml; pool_features.ml).

A pool without a word about a feature has it. Trials and free editions say `"restrict_…": "true"`.
"""

from __future__ import annotations

from typing import Final

from xsmigui.simulator.failures import Failure
from xsmigui.simulator.pool import Pool

# The name in the refusal, and the restriction behind it
RESTRICTIONS: Final = {
    "VLAN": "restrict_vlan", "Pooling": "restrict_pooling", "WLB": "restrict_wlb", "RBAC": "restrict_rbac",
    "DMC": "restrict_dmc", "Checkpoint": "restrict_checkpoint", "VMSS": "restrict_vmss",
    "IntelliCache": "restrict_intellicache", "GPU": "restrict_gpu", "DR": "restrict_dr",
    "VIF_locking": "restrict_vif_locking", "Storage_motion": "restrict_storage_xen_motion", "VGPU": "restrict_vgpu",
    "Integrated_GPU": "restrict_integrated_gpu_passthrough", "VSS": "restrict_vss",
    "PCI_device_for_auto_update": "restrict_pci_device_for_auto_update", "Xen_motion": "restrict_xen_motion",
    "Guest_ip_setting": "restrict_guest_ip_setting", "AD": "restrict_ad", "Nested_virt": "restrict_nested_virt",
    "Live_patching": "restrict_live_patching", "Live_set_vcpus": "restrict_set_vcpus_number_live",
    "PVS_proxy": "restrict_pvs_proxy", "IGMP_snooping": "restrict_igmp_snooping", "RPU": "restrict_rpu",
    "Pool_size": "restrict_pool_size", "CBT": "restrict_cbt", "USB_passthrough": "restrict_usb_passthrough",
    "Network_sriov": "restrict_network_sriov", "Corosync": "restrict_corosync",
    "Cluster_address": "restrict_cluster_address", "Pool_secret_rotation": "restrict_pool_secret_rotation",
    "Certificate_verification": "restrict_certificate_verification", "Updates": "restrict_updates",
    "VTPM": "restrict_vtpm", "VM_groups": "restrict_vm_groups", "VM_start": "restrict_vm_start",
    "VM_appliance_start": "restrict_vm_appliance_start",
}  # fmt: skip


def enabled(pool: Pool, feature: str) -> bool:
    restrictions = pool.row["restrictions"]
    if feature == "HA":
        return bool(restrictions.get("enable_xha") != "false")
    return bool(restrictions.get(RESTRICTIONS[feature]) != "true")


def assert_enabled(pool: Pool, feature: str) -> None:
    """LICENCE_RESTRICTION [feature]."""
    if not enabled(pool, feature):
        raise Failure("LICENCE_RESTRICTION", feature)
