"""Virtual machines: state, memory, guests, snapshots."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

VMS: Final[dict[str, Entry]] = {
    "VM_BAD_POWER_STATE": Entry(
        N_("{0} is {2}; this needs a VM that is {1}."),
        N_("Put it into that state, or choose another operation."),
        "R10",
        Page.destination,
        "states",
    ),
    "VM_IS_TEMPLATE": Entry(
        N_("{0} is a template."), N_("Select a VM, or a template of your own."), "R11", Page.destination
    ),
    "VM_IS_SNAPSHOT": Entry(
        N_("{0} is a snapshot; it moves with its VM."), N_("Select the VM instead."), "R11", Page.destination
    ),
    "VM_IS_IMMOBILE": Entry(
        N_("{0} is marked as not to be migrated."), N_("Shut it down and move it."), "R73", Page.destination
    ),
    "VM_NON_SUSPENDABLE": Entry(
        N_("The guest of {0} cannot be suspended: {1}"), N_("Shut it down and move it halted."), "R76", Page.destination
    ),
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
        N_("Shut it down from inside the guest."),
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
    "VM_HAS_SRIOV_VIF": Entry(
        N_("{0} uses an SR-IOV network interface."), N_("Shut it down first."), "R70", Page.destination
    ),
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
    "VM_REQUIRES_VGPU": Entry(
        N_("The host has no room for the virtual GPU of {0}."), N_("Choose another host."), "R72", Page.home_server
    ),
    "VM_REQUIRES_IOMMU": Entry(N_("{0} has no IOMMU."), N_("Choose another host."), "R72", Page.home_server),
    "VM_HVM_REQUIRED": Entry(
        N_("The host cannot run {0}: it has no hardware virtualisation."),
        N_("Choose another host, or enable virtualisation in its firmware."),
        "R31",
        Page.home_server,
    ),
    "VM_INCOMPATIBLE_WITH_THIS_HOST": Entry(
        N_("The VM cannot run on {1} as it was started: {2}"),
        N_("Shut it down and start it there."),
        "R31",
        Page.home_server,
    ),
    "VM_HOST_INCOMPATIBLE_VERSION": Entry(
        N_("{0} is older than the VM's present host."),
        N_("Choose a host of the same or a newer version, or update this one."),
        "R01",
        Page.home_server,
    ),
    "VM_HOST_INCOMPATIBLE_VERSION_MIGRATE": Entry(
        N_("{1} is older than the present host of {0}."),
        N_("Choose a host of the same or a newer version, or update this one."),
        "R01",
        Page.home_server,
    ),
    "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION": Entry(
        N_("{0} does not offer version {3} of the virtual hardware, which {2} needs."),
        N_("Choose a host of the same or a newer version, or update this one."),
        "R34",
        Page.home_server,
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
        N_("The guest of {0} did not respond when it was asked to suspend."), N_("Check VM Tools in the guest."), "R02"
    ),
    "VM_SUSPEND_TIMEOUT": Entry(
        N_("The guest of {0} did not pause within {1} seconds."),
        N_("Check VM Tools in the guest, and start the move again when the guest is less busy."),
        "R02",
    ),
    "BALLOONING_TIMEOUT_BEFORE_MIGRATION": Entry(
        N_("The guest of {0} did not release memory in time."),
        N_("Set its minimum and maximum memory to the same value."),
    ),
    "VMS_FAILED_TO_COOPERATE": Entry(
        N_("The guests on the host did not release memory in time."),
        N_("Free memory on the host, or set their minimum and maximum memory to the same value."),
        "R40",
        Page.home_server,
    ),
    "MEMORY_CONSTRAINT_VIOLATION": Entry(
        N_("The host does not accept the VM's memory settings."),
        N_("Set a fixed amount of memory for the VM, within its static limits."),
        "R43",
        Page.home_server,
    ),
    "NVIDIA_TOOLS_ERROR": Entry(
        N_("{0} cannot determine whether the virtual GPU can move: NVIDIA's driver does not answer."),
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
    "VM_NO_VCPUS": Entry(N_("{0} has no vCPU."), N_("Correct this setting of the VM.")),
    "VM_TOO_MANY_VCPUS": Entry(
        N_("{0} has more vCPUs than the host can give."), N_("Choose another host."), "R33", Page.home_server
    ),
    "VM_IS_PROTECTED": Entry(
        N_("{0} is protected by high availability."),
        N_("Remove the protection for a while, or leave the VM where it is."),
        "R15",
        Page.destination,
    ),
    "VM_IS_USING_NESTED_VIRT": Entry(
        N_("{0} runs virtual machines itself, so it cannot be paused or moved live."),
        N_("Shut it down and move it halted."),
        "R73",
        Page.destination,
    ),
    "VM_UNSAFE_BOOT": Entry(N_("The host could not run {0} safely."), N_("Choose another host.")),
    "VM_REQUIRES_VDI": Entry(
        N_("{0} needs {1}, which cannot be connected there."),
        N_("Rescan its SR, or choose another host."),
        "R56",
        Page.home_server,
    ),
    "VM_REQUIRES_VUSB": Entry(
        N_("The host has no free USB device for {0}."),
        N_("Choose another host, or detach the USB device from the VM."),
        "R71",
        Page.home_server,
    ),
    "VM_HAS_NO_SUSPEND_VDI": Entry(
        N_("{0} is suspended, but its memory image is gone."),
        N_("It can only be cold-started: force its shutdown, then start it."),
    ),
    "VM_NO_SUSPEND_SR": Entry(
        N_("{0} has no SR for its memory image."), N_("Set an SR for suspend images in the pool."), "", Page.storage
    ),
    "VM_NO_CRASHDUMP_SR": Entry(N_("{0} has no SR for crash dumps."), N_("Set an SR for crash dumps in the pool.")),
    "VM_OLD_PV_DRIVERS": Entry(
        N_("VM Tools in {0} are too old ({1}.{2})."), N_("Update them in the guest."), "R02", Page.destination
    ),
    "VM_PV_DRIVERS_IN_USE": Entry(
        N_("The drivers of VM Tools in {0} are in use."), N_("Shut the VM down, then try again.")
    ),
    "VM_CANNOT_DELETE_DEFAULT_TEMPLATE": Entry(
        N_("{0} is a template of the vendor."), N_("Check the current state, then try again.")
    ),
    "VM_MEMORY_SIZE_TOO_LOW": Entry(
        N_("{0} has too little memory to start."), N_("Correct this setting of the VM."), "R43"
    ),
    "VM_MEMORY_TARGET_WAIT_TIMEOUT": Entry(
        N_("The guest of {0} did not reach its memory target in time."), N_("Try again in a moment.")
    ),
    "VM_SHUTDOWN_TIMEOUT": Entry(
        N_("The guest of {0} did not shut down within {1} seconds; the VM is still running."),
        N_("Shut it down from inside the guest."),
    ),
    "VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT": Entry(
        N_("The guest of {0} did not respond when it was asked to shut down; the VM is still running."),
        N_("Check VM Tools in the guest, or shut the guest down from inside."),
    ),
    "VM_DUPLICATE_VBD_DEVICE": Entry(
        N_("{0} has two disks at the position {2}."), N_("Correct this setting of the VM.")
    ),
    "VM_NOT_RESIDENT_HERE": Entry(N_("{0} is not running on {1}."), N_("Check the current state, then try again.")),
    "VM_CRASHED": Entry(
        N_("The guest of {0} crashed meanwhile, and the VM no longer runs as it did."),
        N_("Look at the VM's console before you start it again."),
    ),
    "VM_REBOOTED": Entry(
        N_("The guest of {0} was rebooted meanwhile; the VM is running."),
        N_("Start the move again when the guest is up."),
    ),
    "VM_HALTED": Entry(N_("{0} was shut down meanwhile."), N_("Move it halted, or start it first.")),
    "DOMAIN_EXISTS": Entry(
        N_("The host still holds a domain of {0}."),
        N_("Find out on the host whether the VM still runs there (xl list) before anything is started or reset."),
    ),
    "CANNOT_RESET_CONTROL_DOMAIN": Entry(
        N_("{0} is the control domain of a host."), N_("Check the current state, then try again.")
    ),
    "NOT_SYSTEM_DOMAIN": Entry(N_("{0} is not a system domain."), N_("Check the current state, then try again.")),
    "PROVISION_ONLY_ALLOWED_ON_TEMPLATE": Entry(
        N_("Only a template can be provisioned."), N_("Check the current state, then try again.")
    ),
    "REVERT_ONLY_ALLOWED_ON_SNAPSHOT": Entry(
        N_("Only a snapshot can be reverted to."), N_("Check the current state, then try again.")
    ),
    "BOOTLOADER_FAILED": Entry(
        N_("{0} did not start; its boot loader reports: {1}"), N_("Look at the VM's console before you start it again.")
    ),
    "UNKNOWN_BOOTLOADER": Entry(
        N_("{0} needs the boot loader {1}, which the host does not have."), N_("Correct this setting of the VM.")
    ),
    "FAILED_TO_START_EMULATOR": Entry(
        N_("A process that {0} needs did not start on the host ({1}): {2}"),
        N_("Choose another host, or look at the log of this one, /var/log/daemon.log."),
    ),
    "DOMAIN_BUILDER_ERROR": Entry(
        N_("The host could not build the VM: {2}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
    "VM_HAS_TOO_MANY_SNAPSHOTS": Entry(
        N_("{0} has more snapshots than this server can move."),
        N_("Delete all snapshots but one, or move it halted."),
        "R60",
        Page.storage,
    ),
    "VM_HAS_CHECKPOINT": Entry(
        N_("{0} has a snapshot with memory, which this server cannot move."),
        N_("Delete that snapshot, or move the VM halted."),
        "R60",
        Page.storage,
    ),
    "VM_NO_EMPTY_CD_VBD": Entry(N_("{0} has no empty CD drive."), N_("Eject a CD first.")),
    "VM_SNAPSHOT_FAILED": Entry(
        N_("No snapshot of {0} could be taken."),
        N_("Look at the log of the host, /var/log/SMlog, and at the storage itself, then try again."),
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_FAILED": Entry(
        N_("The guest of {0} could not be quiesced for the snapshot."),
        N_("Try a snapshot without the guest's help."),
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT": Entry(
        N_("The guest of {0} was not quiesced in time."), N_("Try a snapshot without the guest's help.")
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND": Entry(
        N_("The snapshot service in the guest of {0} does not answer."), N_("Try a snapshot without the guest's help.")
    ),
    "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED": Entry(
        N_("The guest of {0} has no snapshot service."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_INIT_FAILED": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_PROV_NOT_LOADED": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_PREPARING_WRITERS": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING": Entry(
        N_("The snapshot service of Windows in {0} failed ({1})."), N_("Try a snapshot without the guest's help.")
    ),
    "VM_REVERT_FAILED": Entry(
        N_("{0} could not be reverted to {1}."),
        N_("Look at the log of the host, /var/log/SMlog, and at the storage itself, then try again."),
    ),
    "VM_CHECKPOINT_SUSPEND_FAILED": Entry(
        N_("The memory of {0} could not be saved."), N_("Check VM Tools in the guest.")
    ),
    "VM_CHECKPOINT_RESUME_FAILED": Entry(
        N_("{0} did not resume after its snapshot."), N_("Look at the VM's console before you start it again.")
    ),
    "VM_ASSIGNED_TO_PROTECTION_POLICY": Entry(
        N_("{0} belongs to the protection policy {1}."), N_("Remove it from the policy first."), "", Page.destination
    ),
    "VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE": Entry(
        N_("{0} belongs to the snapshot schedule {1}."), N_("Remove it from the schedule first."), "", Page.destination
    ),
    "VM_IS_PART_OF_AN_APPLIANCE": Entry(
        N_("{0} is part of the vApp {1}."), N_("Remove it from the vApp first."), "", Page.destination
    ),
    "OPERATION_PARTIALLY_FAILED": Entry(N_("Some VMs of the vApp could not do it: {0}"), N_("Look at each of them.")),
    "VM_BIOS_STRINGS_ALREADY_SET": Entry(
        N_("The BIOS strings of the VM are set already."), N_("Check the current state, then try again.")
    ),
    "VM_CALL_PLUGIN_RATE_LIMIT": Entry(
        N_("The guest of {0} was asked again too soon."), N_("Try again in {2} seconds.")
    ),
    "VM_PCI_BUS_FULL": Entry(N_("{0} has no free PCI slot."), N_("Detach a device from the VM.")),
    "VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE": Entry(
        N_("The VM may have {0} vCPUs, which is no multiple of {1} cores for each socket."),
        N_("Correct this setting of the VM."),
    ),
    "MEMORY_CONSTRAINT_VIOLATION_ORDER": Entry(
        N_("The memory limits of the VM are invalid."),
        N_(
            "Static minimum, dynamic minimum, dynamic maximum, static maximum: each at least as large as the"
            " one before."
        ),
        "R43",
        Page.home_server,
    ),
    "MEMORY_CONSTRAINT_VIOLATION_MAXPIN": Entry(
        N_("The VM must have a fixed amount of memory: {0}"),
        N_("Set all of its memory limits to the same value."),
        "R43",
        Page.home_server,
    ),
    "BALLOONING_DISABLED": Entry(N_("The host cannot change the memory of running VMs."), N_("Choose another host.")),
    "FEATURE_REQUIRES_HVM": Entry(
        N_("The VM uses a feature that needs hardware virtualisation: {0}"), N_("Correct this setting of the VM.")
    ),
    "INVALID_FEATURE_STRING": Entry(
        N_("The processor features of the VM cannot be read: {0}"), N_("Correct this setting of the VM.")
    ),
    "TOO_MANY_GROUPS": Entry(N_("A VM belongs to one VM group only."), N_("Correct this setting of the VM.")),
    "SYSPREP": Entry(
        N_("{0} could not be prepared: {1}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
}
