"""Virtual disks and the SRs that hold them."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

STORAGE: Final[dict[str, Entry]] = {
    "TOO_MANY_STORAGE_MIGRATES": Entry(
        N_("The host already runs {0} storage migrations, the most it allows."), N_("Wait until one has ended."), "R04"
    ),
    "VDI_NOT_IN_MAP": Entry(
        N_("No SR was chosen for {0} at the destination."), N_("Choose an SR for it."), "R67", Page.storage
    ),
    "VDI_CBT_ENABLED": Entry(
        N_("{0}: changed block tracking is on."),
        N_("Disabling it makes the next backup a full one."),
        "R53",
        Page.storage,
    ),
    "VDI_IS_ENCRYPTED": Entry(
        N_("{0} is encrypted."), N_("Leave it where it is; only its own SR can read it."), "R55", Page.storage
    ),
    "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION": Entry(
        N_("A disk of the VM is reset at each boot."),
        N_("Set the disk to keep its content (on-boot), or shut the VM down."),
        "R54",
        Page.storage,
    ),
    "VDI_INCOMPATIBLE_TYPE": Entry(
        N_("{0} is of a kind that cannot be moved."), N_("Leave it where it is."), "R61", Page.storage
    ),
    "VDI_IN_USE": Entry(N_("{0} is in use."), N_("Wait until it is free."), "R06", Page.storage),
    "VDI_MISSING": Entry(N_("{1} is missing from its SR."), N_("Rescan the SR."), "R68", Page.storage),
    "SUSPEND_IMAGE_NOT_ACCESSIBLE": Entry(
        N_("The sending host cannot see the suspend image {0}."),
        N_("Delete the snapshot if it is no longer needed, or attach its SR there."),
        "R67",
        Page.storage,
    ),
    "SR_DOES_NOT_SUPPORT_MIGRATION": Entry(
        N_("{0} does not support storage migration."),
        N_("Choose another SR, or shut the VM down: halted disks are copied."),
        "R52",
        Page.storage,
    ),
    "SR_OPERATION_NOT_SUPPORTED": Entry(
        N_("The driver of {0} cannot do this."), N_("Choose another SR."), "R52", Page.storage
    ),
    "SR_NOT_ATTACHED": Entry(N_("{0} is not attached."), N_("Repair it first."), "R68", Page.storage),
    "SR_HAS_NO_PBDS": Entry(N_("{0} is attached to no host."), N_("Repair it first."), "R68", Page.storage),
    "SR_FULL": Entry(
        N_("The SR is full: {0} needed, {1} at most."), N_("Free some space there."), "R50", Page.storage, "sizes"
    ),
    "SR_BACKEND_FAILURE_44": Entry(
        N_("The SR does not have enough space."),
        N_("Free some space there, then start the move again."),
        "R50",
        Page.storage,
    ),
    "MIRROR_FAILED": Entry(
        N_("The disk {0} could no longer be mirrored, so the migration was abandoned."),
        N_("The VM is where it was. Check the storage network, then start the move again."),
    ),
    "VDI_IS_SHARABLE": Entry(
        N_("{0} is shared by several VMs."),
        N_("Detach it from the other VMs, or leave it where it is."),
        "R61",
        Page.storage,
    ),
    "VDI_IS_A_PHYSICAL_DEVICE": Entry(
        N_("{0} is a physical device."), N_("Detach it from the VM."), "R61", Page.storage
    ),
    "VDI_NOT_MANAGED": Entry(N_("{0} is a hidden part of other disks."), N_("Rescan the SR."), "R61", Page.storage),
    "VDI_READONLY": Entry(N_("{0} is read-only."), N_("Choose another target."), "R61", Page.storage),
    "VDI_TOO_SMALL": Entry(N_("{0} is too small to hold the disk."), N_("Choose another target."), "R62", Page.storage),
    "VDI_NEEDS_VM_FOR_MIGRATE": Entry(
        N_("{0} belongs to no VM; only disks of VMs can be moved live."),
        N_("Copy the disk instead."),
        "R61",
        Page.storage,
    ),
    "VDI_HAS_RRDS": Entry(N_("{0} holds statistics of the server."), N_("Leave it where it is."), "R61", Page.storage),
    "VDI_CONTENT_ID_MISSING": Entry(
        N_("The content of a disk could not be identified at the destination."), N_("Rescan both SRs, then try again.")
    ),
    "VDI_IO_ERROR": Entry(
        N_("A disk could not be read or written: {0}"), N_("Check the SR and its storage, then start the move again.")
    ),
    "VDI_LOCATION_MISSING": Entry(
        N_("A disk that was copied is no longer on {0}."),
        N_("Rescan the SR, then start the move again."),
        "",
        Page.storage,
    ),
    "LOCATION_NOT_UNIQUE": Entry(N_("{0} has two disks at the same position."), N_("Rescan the SR."), "", Page.storage),
    "UNIMPLEMENTED_IN_SM_BACKEND": Entry(
        N_("The driver of the SR cannot do this: {0}"), N_("Choose another SR."), "R52", Page.storage
    ),
    "VBD_MISSING": Entry(N_("The disk is no longer attached to any VM."), N_("Look at the VM's disks again.")),
    "SR_ATTACH_FAILED": Entry(
        N_("{0} could not be attached."),
        N_("Check the storage and the path of the host to it, then repair the SR."),
        "R68",
        Page.storage,
    ),
    "SR_SOURCE_SPACE_INSUFFICIENT": Entry(
        N_("{0}, the source SR, does not have enough space for the temporary snapshot."),
        N_("Free some space there, then start the move again."),
        "R51",
        Page.storage,
    ),
    "SR_SUSPEND_SPACE_INSUFFICIENT": Entry(
        N_("{0} has no room for the VM's memory image."),
        N_("Free some space there, or set another SR for suspend images."),
        "R50",
        Page.storage,
    ),
    "SR_UNHEALTHY": Entry(
        N_("{0} is unhealthy ({1}): {2}"),
        N_("Repair the SR on its host, then start the move again."),
        "R68",
        Page.storage,
    ),
    "SR_HAS_PBD": Entry(N_("{0} is still attached to a host."), N_("Detach it first.")),
    "SR_REQUIRES_UPGRADE": Entry(
        N_("{0} must be upgraded first."), N_("Upgrade the SR, or choose another one."), "", Page.storage
    ),
    "SR_IS_CACHE_SR": Entry(N_("The SR is the local cache of {0}."), N_("Choose another SR."), "", Page.storage),
    "SR_UUID_EXISTS": Entry(
        N_("There is an SR with this uuid already: {0}"), N_("Check the current state, then try again.")
    ),
    "SR_HAS_MULTIPLE_PBDS": Entry(
        N_("The SR is attached to several hosts."), N_("Check the current state, then try again.")
    ),
    "SR_UNKNOWN_DRIVER": Entry(
        N_("The host has no driver for SRs of the type {0}."),
        N_("Install it on every host, or choose another SR."),
        "",
        Page.storage,
    ),
    "SR_VDI_LOCKING_FAILED": Entry(
        N_("The disks are locked by the storage."),
        N_("Find out who is using them on another host, then try again."),
        "R06",
        Page.storage,
    ),
    "SR_NOT_EMPTY": Entry(N_("The SR is not empty."), N_("Check the current state, then try again.")),
    "SR_DEVICE_IN_USE": Entry(
        N_("The host uses the device of the SR for something else."), N_("Ask whoever administers the pool.")
    ),
    "SR_NOT_SHARABLE": Entry(
        N_("{0} is in use by another host, and cannot be shared."), N_("Choose another SR."), "", Page.storage
    ),
    "SR_INDESTRUCTIBLE": Entry(N_("{0} is protected against removal."), N_("Ask whoever administers the pool.")),
    "SR_NOT_SHARED": Entry(N_("{0} is not shared."), N_("Choose a shared SR."), "", Page.storage),
    "SR_ATTACHED": Entry(N_("{0} is attached already."), N_("Check the current state, then try again.")),
    "SR_BACKEND_FAILURE": Entry(
        N_("The driver of the SR failed: {1}"),
        N_("Look at the log of the host, /var/log/SMlog, and at the storage itself, then try again."),
        "",
        Page.storage,
    ),
    "SM_PLUGIN_COMMUNICATION_FAILURE": Entry(
        N_("The storage driver {0} does not answer."),
        N_("Look at the log of the host, /var/log/SMlog, and at the storage itself, then try again."),
        "",
        Page.storage,
    ),
    "PBD_EXISTS": Entry(N_("{0} is attached to {1} already."), N_("Check the current state, then try again.")),
    "NO_LOCAL_STORAGE": Entry(N_("The host has no storage of its own."), N_("Choose another host.")),
    "DEFAULT_SR_NOT_FOUND": Entry(
        N_("The pool's default SR is gone."), N_("Set another default SR."), "", Page.storage
    ),
    "PROVISION_FAILED_OUT_OF_SPACE": Entry(
        N_("The SR does not have enough space for the disks."),
        N_("Free some space there, or choose another SR."),
        "R50",
        Page.storage,
    ),
    "SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL": Entry(
        N_("The new memory image is not the same as the old one."), N_("Keep the old one.")
    ),
    "VDI_TOO_LARGE": Entry(
        N_("{0} is larger than the SR allows ({1})."),
        N_("Choose an SR that supports disks of this size."),
        "R62",
        Page.storage,
    ),
    "VDI_NOT_SPARSE": Entry(
        N_("{0} cannot tell which of its blocks are used."), N_("Choose another SR."), "", Page.storage
    ),
    "VDI_IS_NOT_ISO": Entry(N_("{0} is not a CD image."), N_("Check the current state, then try again.")),
    "VDI_NOT_AVAILABLE": Entry(
        N_("{0} could not be connected to the VM."),
        N_("Rescan its SR and check the storage; another host may still hold the disk."),
        "R68",
        Page.storage,
    ),
    "VDI_NO_CBT_METADATA": Entry(
        N_("{0} has no record of changed blocks."), N_("Enable changed block tracking, and make a full backup first.")
    ),
    "VDI_COPY_FAILED": Entry(
        N_("A disk could not be copied."),
        N_("The source is unchanged. Check both SRs, then start the move again."),
        "",
        Page.storage,
    ),
    "VDI_CONTAINS_METADATA_OF_THIS_POOL": Entry(
        N_("{0} holds the database of this pool."), N_("Check the current state, then try again.")
    ),
}
