"""Where the server can be asked to copy only the difference between two disks.

`VDI.copy` with `base_vdi` compares images in VHD. Where the base is a raw volume or is served over NBD (drivers of the
newer kind, GFS2 among them) it is ignored without a word: everything is copied, but blocks of zeroes are left out, as
if the target were empty (xapi 26.17, vhd-tool/cli/sparse_dd.ml). In a target that holds an earlier pass, a block that
the guest has zeroed meanwhile would keep its old content. So a difference is asked for only between disks that are
known to be images in VHD, and into such a one.
"""

from collections.abc import Mapping
from typing import Final

from xsmigui.core.messages import Text, m_

VHD_SRS: Final = frozenset(
    {
        "cephfs",
        "ext",
        "file",
        "glusterfs",
        "largeblock",
        "lvm",
        "lvmofcoe",
        "lvmohba",
        "lvmoiscsi",
        "moosefs",
        "nfs",
        "smb",
        "xfs",
        "zfs",
    }
)
"""Types of SRs whose drivers keep disks as images in VHD, unless a disk says otherwise."""

LVM_SRS: Final = frozenset({"lvm", "lvmofcoe", "lvmohba", "lvmoiscsi"})
"""Those of them that hold raw volumes instead, unless `use_vhd` is set."""

Config = Mapping[str, str]


def why_no_difference(sr_type: str, sr_config: Config, disk_config: Config) -> Text:
    """Why the difference of a disk to another of the same SR cannot be asked for, as a clause after “because”; empty
    where it can. The configurations are the `sm_config` of the SR and of the disk."""
    if disk_config.get("type") == "raw" or disk_config.get("vdi_type") in ("raw", "aio"):
        return m_("it is a raw volume")
    form = disk_config.get("image-format") or disk_config.get("vdi_type") or "vhd"
    if form != "vhd":
        return m_("it is a {format} image, not VHD", format=form.upper())
    if sr_type not in VHD_SRS:
        return m_("images on an SR of the type {type} may not be in VHD format", type=sr_type)
    if sr_type in LVM_SRS and sr_config.get("use_vhd") != "true":
        return m_("its SR holds raw volumes")
    return ""


def why_no_target(sr_type: str, sr_config: Config, disk_config: Config | None = None) -> Text:
    """Why a difference cannot be written into a new disk of an SR (`disk_config` is the disk's `sm_config`, once there
    is one); empty where it can. xapi refuses `base_vdi` with VDI_NOT_SPARSE where zeroes must be written (26.17,
    sm_fs_ops.ml, must_write_zeroes_into_new_vdi): raw volumes on LVM, thick allocation on some arrays."""
    if disk_config and sr_type in LVM_SRS and "type" in disk_config:
        return m_("the SR must have all zeroes written explicitly")
    return why_no_difference(sr_type, sr_config, disk_config or {})
