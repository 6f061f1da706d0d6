"""VMs that are taken over from elsewhere."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

TRANSFER: Final[dict[str, Entry]] = {
    "DUPLICATE_VM": Entry(
        N_("The destination already has this VM: {0}"),
        N_("Remove it there if it is a leftover, or copy instead of moving."),
        "R13",
        Page.destination,
    ),
    "IMPORT_ERROR": Entry(
        N_("The destination could not take the VM: {0}"),
        N_(
            "The source is unchanged. Look at the log of the destination's coordinator, /var/log/xensource.log,"
            " before you try again."
        ),
        "R05",
        Page.destination,
    ),
    "IMPORT_ERROR_PREMATURE_EOF": Entry(
        N_("The VM's metadata arrived incomplete."),
        N_(
            "The source is unchanged. Look at the log of the destination's coordinator, /var/log/xensource.log,"
            " before you try again."
        ),
    ),
    "IMPORT_ERROR_SOME_CHECKSUMS_FAILED": Entry(
        N_("Part of the VM arrived damaged."),
        N_(
            "Do not use anything that arrived; the source is unchanged. Check the network between the pools, "
            "then start again."
        ),
    ),
    "IMPORT_ERROR_CANNOT_HANDLE_CHUNKED": Entry(
        N_("The destination does not accept a VM that is sent in pieces."),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "IMPORT_ERROR_FAILED_TO_FIND_OBJECT": Entry(
        N_("Something that the VM needs is not at the destination: {0}"),
        N_("Check its network, SR or host there, then start again."),
        "R05",
        Page.destination,
    ),
    "IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND": Entry(
        N_("Disks of the VM are not at the destination."),
        N_(
            "The source is unchanged. Look at the log of the destination's coordinator, /var/log/xensource.log,"
            " before you try again."
        ),
    ),
    "IMPORT_ERROR_UNEXPECTED_FILE": Entry(
        N_("The VM's metadata is invalid: {1} instead of {0}."),
        N_(
            "The source is unchanged. Look at the log of the destination's coordinator, /var/log/xensource.log,"
            " before you try again."
        ),
    ),
    "IMPORT_INCOMPATIBLE_VERSION": Entry(
        N_("The destination is too old for this VM."),
        N_("Update the destination, or choose a newer one."),
        "R01",
        Page.destination,
    ),
    "RESTORE_INCOMPATIBLE_VERSION": Entry(
        N_("The backup comes from another release."), N_("Restore it on a host of that release.")
    ),
    "COULD_NOT_IMPORT_DATABASE": Entry(
        N_("The database on the disk could not be read: {0}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
}
