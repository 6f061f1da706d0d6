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
        N_("{0} has no place at the destination."), N_("Choose an SR for it."), "R67", Page.storage
    ),
    "VDI_CBT_ENABLED": Entry(
        N_("{0}: changed block tracking is on."),
        N_("Disabling it makes the next backup a full one."),
        "R53",
        Page.storage,
    ),
    "VDI_IS_ENCRYPTED": Entry(N_("{0} is encrypted."), "", "R55", Page.storage),
    "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION": Entry(
        N_("A disk of the VM is reset at each boot."), "", "R54", Page.storage
    ),
    "VDI_INCOMPATIBLE_TYPE": Entry(N_("{0} is of a kind that cannot be moved."), "", "R61", Page.storage),
    "VDI_IN_USE": Entry(N_("{0} is in use."), N_("Wait until it is free."), "R06", Page.storage),
    "VDI_MISSING": Entry(N_("{1} is missing from its SR."), N_("Rescan the SR."), "R68", Page.storage),
    "SUSPEND_IMAGE_NOT_ACCESSIBLE": Entry(
        N_("The sending host cannot see the suspend image {0}."), "", "R67", Page.storage
    ),
    "SR_DOES_NOT_SUPPORT_MIGRATION": Entry(N_("{0} does not support storage migration."), "", "R52", Page.storage),
    "SR_OPERATION_NOT_SUPPORTED": Entry(N_("The driver of {0} cannot do this."), "", "R52", Page.storage),
    "SR_NOT_ATTACHED": Entry(N_("{0} is not attached."), N_("Repair it first."), "R68", Page.storage),
    "SR_HAS_NO_PBDS": Entry(N_("{0} is attached to no host."), N_("Repair it first."), "R68", Page.storage),
    "SR_FULL": Entry(N_("The SR is full: {0} needed, {1} at most."), N_("Free some space there."), "R50", Page.storage),
    "SR_BACKEND_FAILURE_44": Entry(
        N_("The SR has not enough space."), N_("Free some space there, then start the move again."), "R50", Page.storage
    ),
    "MIRROR_FAILED": Entry(
        N_("The disk {0} could no longer be mirrored, so the migration was abandoned."),
        N_("The VM is where it was. Check the storage network, then start the move again."),
    ),
    "VDI_IS_SHARABLE": Entry(
        N_("{0} is shared by several VMs."),
        N_("Take it off the other VMs, or leave it where it is."),
        "R61",
        Page.storage,
    ),
    "VDI_IS_A_PHYSICAL_DEVICE": Entry(N_("{0} is a physical device."), N_("Take it off the VM."), "R61", Page.storage),
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
        N_("A disk that was copied is not on {0} any more."),
        N_("Rescan the SR, then start the move again."),
        "",
        Page.storage,
    ),
    "LOCATION_NOT_UNIQUE": Entry(N_("{0} has two disks in one place."), N_("Rescan the SR."), "", Page.storage),
    "UNIMPLEMENTED_IN_SM_BACKEND": Entry(
        N_("The driver of the SR cannot do this: {0}"), N_("Choose another SR."), "R52", Page.storage
    ),
    "VBD_MISSING": Entry(N_("The disk is attached to no VM any more."), N_("Look at the VM's disks again.")),
}
