"""Virtual machines: state, devices, guests."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

VMS: Final[dict[str, Entry]] = {
    "VM_BAD_POWER_STATE": Entry(N_("{0} is {2}; this needs a VM that is {1}."), "", "R10", Page.destination),
    "VM_IS_TEMPLATE": Entry(N_("{0} is a template."), "", "R11", Page.destination),
    "VM_IS_SNAPSHOT": Entry(N_("{0} is a snapshot; it moves with its VM."), "", "R11", Page.destination),
    "VM_IS_IMMOBILE": Entry(
        N_("{0} is marked as not to be migrated."), N_("Shut it down and move it."), "R73", Page.destination
    ),
    "VM_NON_SUSPENDABLE": Entry(N_("The guest of {0} cannot be suspended: {1}"), "", "R76", Page.destination),
    "VM_LACKS_FEATURE": Entry(
        N_("VM Tools are not running in {0}."),
        N_("Install them in the guest, or shut the VM down and move it halted."),
        "R02",
        Page.destination,
    ),
    "VM_LACKS_FEATURE_SUSPEND": Entry(
        N_("The guest of {0} cannot be suspended: VM Tools are not running in it."),
        N_("Install them."),
        "R02",
        Page.destination,
    ),
    "VM_LACKS_FEATURE_SHUTDOWN": Entry(
        N_("The guest of {0} cannot be asked to shut down: VM Tools are not running in it."),
        N_("Shut it down inside the guest."),
        "R02",
        Page.destination,
    ),
    "VM_MISSING_PV_DRIVERS": Entry(
        N_("VM Tools are not running in {0}."), N_("Install them in the guest."), "R02", Page.destination
    ),
    "VM_HAS_PCI_ATTACHED": Entry(
        N_("{0} uses a PCI device of its host."), N_("Shut it down first."), "R70", Page.destination
    ),
    "VM_HAS_VGPU": Entry(
        N_("{0} uses a virtual GPU that cannot move."), N_("Shut it down first."), "R72", Page.destination
    ),
    "VM_HAS_VUSBS": Entry(N_("{0} has a USB device attached."), N_("Detach it first."), "R71", Page.destination),
    "VM_HAS_SRIOV_VIF": Entry(N_("{0} uses an SR-IOV network interface."), "", "R70", Page.destination),
    "VM_REQUIRES_SR": Entry(
        N_("The host cannot see {1}, which {0} needs."),
        N_("Choose another host, or eject the CD."),
        "R56",
        Page.home_server,
    ),
    "VM_REQUIRES_NETWORK": Entry(
        N_("The host is not on {1}, which {0} uses."), N_("Choose another host."), "R81", Page.home_server
    ),
    "VM_REQUIRES_GPU": Entry(
        N_("The host has no suitable GPU for {0}."), N_("Choose another host."), "R72", Page.home_server
    ),
    "VM_REQUIRES_VGPU": Entry(N_("The host has no room for the virtual GPU of {0}."), "", "R72", Page.home_server),
    "VM_REQUIRES_IOMMU": Entry(N_("{0} has no IOMMU."), N_("Choose another host."), "R72", Page.home_server),
    "VM_HVM_REQUIRED": Entry(
        N_("The host cannot run {0}: it has no hardware virtualisation."), "", "R31", Page.home_server
    ),
    "VM_INCOMPATIBLE_WITH_THIS_HOST": Entry(
        N_("The VM cannot run on {1} as it was started: {2}"),
        N_("Shut it down and start it there."),
        "R31",
        Page.home_server,
    ),
    "VM_HOST_INCOMPATIBLE_VERSION": Entry(N_("{0} is older than the VM's present host."), "", "R01", Page.home_server),
    "VM_HOST_INCOMPATIBLE_VERSION_MIGRATE": Entry(
        N_("{1} is older than the present host of {0}."), "", "R01", Page.home_server
    ),
    "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION": Entry(
        N_("{0} does not offer version {3} of the virtual hardware, which {2} needs."), "", "R34", Page.home_server
    ),
    "DUPLICATE_MAC_SEED": Entry(
        N_("Another VM at the destination makes its MAC addresses from the same seed."),
        N_("Remove it if it is a leftover, or copy instead of moving."),
        "R13",
        Page.destination,
    ),
    "VM_TO_IMPORT_IS_NOT_NEWER_VERSION": Entry(
        N_("The destination already has this VM, and not an older one."),
        N_("Remove it there first."),
        "R13",
        Page.destination,
    ),
    "VM_MIGRATE_FAILED": Entry(N_("The migration failed: {3}"), N_("Check where the VM is now.")),
    "VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED": Entry(
        N_("The source host could not reach the destination host."), N_("Check the network between them."), "R84"
    ),
    "VM_FAILED_SUSPEND_ACKNOWLEDGMENT": Entry(
        N_("The guest of {0} did not answer when it was to be paused."), N_("Check VM Tools in the guest."), "R02"
    ),
    "VM_SUSPEND_TIMEOUT": Entry(N_("The guest of {0} did not pause within {1} seconds."), "", "R02"),
    "BALLOONING_TIMEOUT_BEFORE_MIGRATION": Entry(
        N_("The guest of {0} did not give back memory in time."), N_("Set its minimum and maximum memory alike.")
    ),
    "VMS_FAILED_TO_COOPERATE": Entry(
        N_("The guests on the host did not give back memory in time."),
        N_("Make room on the host, or set their minimum and maximum memory alike."),
        "R40",
        Page.home_server,
    ),
    "MEMORY_CONSTRAINT_VIOLATION": Entry(
        N_("The host does not accept the VM's memory settings."),
        N_("Give the VM a fixed amount of memory, within its static limits."),
        "R43",
        Page.home_server,
    ),
    "NVIDIA_TOOLS_ERROR": Entry(
        N_("{0} cannot tell whether the virtual GPU could move: NVIDIA's driver does not answer."),
        N_("Check the driver on the host."),
        "R72",
        Page.home_server,
    ),
    "VGPU_DESTINATION_INCOMPATIBLE": Entry(
        N_("The virtual GPU cannot run on {2}: {0}"),
        N_("Choose another host, or shut the VM down."),
        "R72",
        Page.home_server,
    ),
    "VGPU_TYPE_NO_LONGER_SUPPORTED": Entry(
        N_("Virtual GPUs of the type {0} are no longer supported."),
        N_("Remove it from the VM."),
        "R72",
        Page.destination,
    ),
}
