"""Devices of VMs: disks and CD drives, GPUs, USB."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

DEVICES: Final[dict[str, Entry]] = {
    "DISK_VBD_MUST_BE_READWRITE_FOR_HVM": Entry(
        N_("A disk of the VM is attached read-only, which its guest does not support."),
        N_("Correct this setting of the VM."),
    ),
    "VBD_NOT_REMOVABLE_MEDIA": Entry(
        N_("The drive {0} is not a CD drive."), N_("Check the current state, then try again.")
    ),
    "VBD_NOT_UNPLUGGABLE": Entry(
        N_("The disk {0} cannot be unplugged while the VM runs."), N_("Shut the VM down, then try again.")
    ),
    "VBD_NOT_EMPTY": Entry(N_("There is a CD in the drive {0} already."), N_("Eject it first.")),
    "VBD_IS_EMPTY": Entry(N_("There is no CD in the drive {0}."), N_("Check the current state, then try again.")),
    "VBD_TRAY_LOCKED": Entry(N_("The guest has locked the CD drive {0}."), N_("Eject the CD inside the guest.")),
    "VBD_CDS_MUST_BE_READONLY": Entry(N_("CDs are read-only."), N_("Correct this setting of the VM.")),
    "HOST_CD_DRIVE_EMPTY": Entry(
        N_("There is no CD in the host's drive."), N_("Eject the VM's CD, or insert one there.")
    ),
    "DEVICE_ALREADY_ATTACHED": Entry(
        N_("{0} is connected to a VM already."), N_("Check the current state, then try again.")
    ),
    "DEVICE_ALREADY_DETACHED": Entry(N_("{0} is no longer connected."), N_("Check the current state, then try again.")),
    "DEVICE_ALREADY_EXISTS": Entry(
        N_("The VM has a device {0} already."),
        N_("Look at the VM's disks: if one of them is missing there, connect it at a free position."),
        "",
        Page.storage,
    ),
    "DEVICE_NOT_ATTACHED": Entry(
        N_("The disk {0} is not connected to its VM."), N_("Check the current state, then try again.")
    ),
    "DEVICE_ATTACH_TIMEOUT": Entry(
        N_("The guest did not accept the device {1} in time."), N_("Check the guest, then connect it again.")
    ),
    "DEVICE_DETACH_TIMEOUT": Entry(
        N_("The guest did not release the device {1} in time."),
        N_("Unmount and detach the disk inside the guest, or shut the VM down."),
    ),
    "DEVICE_DETACH_REJECTED": Entry(
        N_("The guest does not release the device {1}: {2}"),
        N_("Unmount and detach the disk inside the guest, or shut the VM down."),
    ),
    "INVALID_DEVICE": Entry(
        N_("{0} is not a device position that the VM can use."), N_("Correct this setting of the VM.")
    ),
    "ILLEGAL_VBD_DEVICE": Entry(N_("{1} is not a valid position for a disk."), N_("Correct this setting of the VM.")),
    "VGPU_TYPE_NOT_ENABLED": Entry(
        N_("The host's GPU does not offer this type of virtual GPU: {0}"),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "VGPU_TYPE_NOT_SUPPORTED": Entry(
        N_("The host's GPU cannot have this type of virtual GPU: {0}"),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE": Entry(
        N_("{0} runs another type of virtual GPU already."),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "VGPU_TYPE_NOT_COMPATIBLE": Entry(
        N_("This type of virtual GPU cannot be combined with those of the VM: {0}"),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU": Entry(
        N_("{0} has no room for another virtual GPU of the type {1}."),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "PGPU_IN_USE_BY_VM": Entry(
        N_("Running VMs use this GPU: {0}"),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP": Entry(
        N_("This GPU does not belong to the group."),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "GPU_GROUP_CONTAINS_NO_PGPUS": Entry(
        N_("The GPU group {0} has no GPU."),
        N_("Choose another host, or another type of virtual GPU."),
        "R72",
        Page.home_server,
    ),
    "VGPU_SUSPENSION_NOT_SUPPORTED": Entry(
        N_("The virtual GPU keeps the VM from being paused on {2}: {0}"),
        N_("Shut the VM down and move it halted."),
        "R72",
        Page.home_server,
    ),
    "VGPU_GUEST_DRIVER_LIMIT": Entry(
        N_("The GPU driver in the guest of {1} cannot be moved: {0}"),
        N_("Update the driver in the guest, or shut the VM down."),
        "R72",
        Page.home_server,
    ),
    "NVIDIA_SRIOV_MISCONFIGURED": Entry(
        N_("The GPU {1} of {0} is not set up for SR-IOV."),
        N_("Check NVIDIA's software on the host."),
        "R72",
        Page.home_server,
    ),
    "USB_GROUP_CONTAINS_NO_PUSBS": Entry(
        N_("No host has the USB device that the VM wants."),
        N_("Detach the USB device from the VM."),
        "R71",
        Page.home_server,
    ),
    "USB_ALREADY_ATTACHED": Entry(
        N_("The USB device {0} is in use by {1}."), N_("Detach the USB device from the VM."), "R71", Page.home_server
    ),
    "USB_GROUP_CONFLICT": Entry(
        N_("The USB device is in use by another VM."), N_("Detach the USB device from the VM."), "R71", Page.home_server
    ),
    "TOO_MANY_VUSBS": Entry(
        N_("The VM has too many USB devices ({0})."), N_("Detach the USB device from the VM."), "R71", Page.home_server
    ),
    "PUSB_VDI_CONFLICT": Entry(
        N_("The USB device {0} is in use as the disk {1}."),
        N_("Detach the USB device from the VM."),
        "R71",
        Page.home_server,
    ),
    "VTPM_MAX_AMOUNT_REACHED": Entry(
        N_("The VM cannot have more than {0} virtual TPM."), N_("Correct this setting of the VM.")
    ),
    "PVS_SITE_CONTAINS_RUNNING_PROXIES": Entry(
        N_("Running VMs use this PVS site: {0}"), N_("Shut the VM down, then try again.")
    ),
    "PVS_SITE_CONTAINS_SERVERS": Entry(
        N_("The PVS site still has servers: {0}"), N_("Check the current state, then try again.")
    ),
}
