"""The server's error codes as sentences: what is wrong with which object, what to do, and which rule it belongs to.

Parameters are references, uuids or free text, and their shapes vary between releases (xapi 7.1 to 26); they are
resolved to names where a known object stands behind them. Codes that are not listed are shown whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xsmigui.core.failures import (
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ServerFailure,
    SessionLost,
    Unreachable,
)
from xsmigui.core.inventory import Inventory
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.text import N_, _
from xsmigui.core.units import size


@dataclass(frozen=True, slots=True)
class Entry:
    """A code's sentence and hint, with fields ``{0}``, ``{1}`` … for its parameters, and the rule that foresees it."""

    message: str
    hint: str = ""
    rule: str = ""
    page: Page = Page.summary


_H, _S, _N, _C, _D = Page.home_server, Page.storage, Page.networks, Page.storage_network, Page.destination

ENTRIES: Final[dict[str, Entry]] = {
    "SESSION_AUTHENTICATION_FAILED": Entry(N_("The server does not accept this user name and password.")),
    "RBAC_PERMISSION_DENIED": Entry(
        N_("Your role does not allow {0}."), N_("Log in as a user with one of these roles: {1}"), "R08"
    ),
    "HOST_IS_SLAVE": Entry(N_("This server is a member of a pool; its coordinator is {0}.")),
    "HOST_STILL_BOOTING": Entry(N_("The server is still starting."), N_("Try again in a minute.")),
    "HOST_OFFLINE": Entry(N_("{0} is offline."), N_("Wait until it is back, or choose another host."), "R05", _H),
    "HOST_NOT_LIVE": Entry(N_("The host cannot be reached by its coordinator."), "", "R05", _H),
    "HOST_DISABLED": Entry(N_("{0} is in maintenance mode."), N_("Leave maintenance mode there first."), "R05", _H),
    "CANNOT_CONTACT_HOST": Entry(N_("{0} cannot be reached."), N_("Check the network between the hosts."), "R84", _C),
    "TLS_CONNECTION_FAILED": Entry(N_("{0} does not accept a TLS connection on port {1}."), "", "R17", _C),
    "HANDLE_INVALID": Entry(N_("The {0} is gone from the server."), N_("Check what has happened to it.")),
    "UUID_INVALID": Entry(N_("The server knows no {0} {1}.")),
    "OPERATION_NOT_ALLOWED": Entry(N_("The server does not allow this: {0}"), "", "R05"),
    "OPERATION_BLOCKED": Entry(N_("Somebody has blocked this operation on {0}: “{1}”."), "", "R07", _D),
    "OTHER_OPERATION_IN_PROGRESS": Entry(N_("{1} is busy: {2} is running."), N_("Wait until it has ended."), "R06"),
    "VM_BAD_POWER_STATE": Entry(N_("{0} is {2}; this needs a VM that is {1}."), "", "R10", _D),
    "VM_IS_TEMPLATE": Entry(N_("{0} is a template."), "", "R11", _D),
    "VM_IS_SNAPSHOT": Entry(N_("{0} is a snapshot; it moves with its VM."), "", "R11", _D),
    "VM_IS_IMMOBILE": Entry(N_("{0} is marked as not to be migrated."), N_("Shut it down and move it."), "R73", _D),
    "VM_NON_SUSPENDABLE": Entry(N_("The guest of {0} cannot be suspended: {1}"), "", "R76", _D),
    "VM_LACKS_FEATURE": Entry(
        N_("VM Tools are not running in {0}."),
        N_("Install them in the guest, or shut the VM down and move it halted."),
        "R02",
        _D,
    ),
    "VM_LACKS_FEATURE_SUSPEND": Entry(
        N_("The guest of {0} cannot be suspended: VM Tools are not running in it."), N_("Install them."), "R02", _D
    ),
    "VM_LACKS_FEATURE_SHUTDOWN": Entry(
        N_("The guest of {0} cannot be asked to shut down: VM Tools are not running in it."),
        N_("Shut it down inside the guest."),
        "R02",
        _D,
    ),
    "VM_MISSING_PV_DRIVERS": Entry(N_("VM Tools are not running in {0}."), N_("Install them in the guest."), "R02", _D),
    "VM_HAS_PCI_ATTACHED": Entry(N_("{0} uses a PCI device of its host."), N_("Shut it down first."), "R70", _D),
    "VM_HAS_VGPU": Entry(N_("{0} uses a virtual GPU that cannot move."), N_("Shut it down first."), "R72", _D),
    "VM_HAS_VUSBS": Entry(N_("{0} has a USB device attached."), N_("Detach it first."), "R71", _D),
    "VM_HAS_SRIOV_VIF": Entry(N_("{0} uses an SR-IOV network interface."), "", "R70", _D),
    "VM_REQUIRES_SR": Entry(
        N_("The host cannot see {1}, which {0} needs."), N_("Choose another host, or eject the CD."), "R56", _H
    ),
    "VM_REQUIRES_NETWORK": Entry(N_("The host is not on {1}, which {0} uses."), N_("Choose another host."), "R81", _H),
    "VM_REQUIRES_GPU": Entry(N_("The host has no suitable GPU for {0}."), N_("Choose another host."), "R72", _H),
    "VM_REQUIRES_VGPU": Entry(N_("The host has no room for the virtual GPU of {0}."), "", "R72", _H),
    "VM_REQUIRES_IOMMU": Entry(N_("{0} has no IOMMU."), N_("Choose another host."), "R72", _H),
    "VM_HVM_REQUIRED": Entry(N_("The host cannot run {0}: it has no hardware virtualisation."), "", "R31", _H),
    "VM_INCOMPATIBLE_WITH_THIS_HOST": Entry(
        N_("The VM cannot run on {1} as it was started: {2}"), N_("Shut it down and start it there."), "R31", _H
    ),
    "VM_HOST_INCOMPATIBLE_VERSION": Entry(N_("{0} is older than the VM's present host."), "", "R01", _H),
    "VM_HOST_INCOMPATIBLE_VERSION_MIGRATE": Entry(N_("{1} is older than the present host of {0}."), "", "R01", _H),
    "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION": Entry(
        N_("{0} does not offer version {3} of the virtual hardware, which {2} needs."), "", "R34", _H
    ),
    "HOST_NOT_ENOUGH_FREE_MEMORY": Entry(
        N_("The host has {1} of memory free; {0} is needed."), N_("Choose another host."), "R40", _H
    ),
    "HOST_NOT_ENOUGH_PCPUS": Entry(
        N_("The VM may have up to {0} vCPUs; the host has {1} processors."), N_("Choose a larger host."), "R33", _H
    ),
    "NO_HOSTS_AVAILABLE": Entry(N_("No host is available for this."), "", "R05", _H),
    "NOT_SUPPORTED_DURING_UPGRADE": Entry(
        N_("The pool is being upgraded, or the destination is older than the source."), "", "R14", _D
    ),
    "LICENCE_RESTRICTION": Entry(N_("The licence does not include {0}."), "", "R09", _D),
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN": Entry(
        N_("After this, high availability could no longer restart all protected VMs."), "", "R15", _H
    ),
    "TOO_MANY_STORAGE_MIGRATES": Entry(
        N_("The host already runs {0} storage migrations, the most it allows."), N_("Wait until one has ended."), "R04"
    ),
    "VDI_NOT_IN_MAP": Entry(N_("{0} has no place at the destination."), N_("Choose an SR for it."), "R67", _S),
    "VDI_CBT_ENABLED": Entry(
        N_("{0}: changed block tracking is on."), N_("Disabling it makes the next backup a full one."), "R53", _S
    ),
    "VDI_IS_ENCRYPTED": Entry(N_("{0} is encrypted."), "", "R55", _S),
    "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION": Entry(N_("A disk of the VM is reset at each boot."), "", "R54", _S),
    "VDI_INCOMPATIBLE_TYPE": Entry(N_("{0} is of a kind that cannot be moved."), "", "R61", _S),
    "VDI_IN_USE": Entry(N_("{0} is in use."), N_("Wait until it is free."), "R06", _S),
    "VDI_MISSING": Entry(N_("{1} is missing from its SR."), N_("Rescan the SR."), "R68", _S),
    "SUSPEND_IMAGE_NOT_ACCESSIBLE": Entry(N_("The sending host cannot see the suspend image {0}."), "", "R67", _S),
    "SR_DOES_NOT_SUPPORT_MIGRATION": Entry(N_("{0} does not support storage migration."), "", "R52", _S),
    "SR_OPERATION_NOT_SUPPORTED": Entry(N_("The driver of {0} cannot do this."), "", "R52", _S),
    "SR_NOT_ATTACHED": Entry(N_("{0} is not attached."), N_("Repair it first."), "R68", _S),
    "SR_HAS_NO_PBDS": Entry(N_("{0} is attached to no host."), N_("Repair it first."), "R68", _S),
    "SR_FULL": Entry(N_("The SR is full: {0} needed, {1} at most."), N_("Free some space there."), "R50", _S),
    "SR_BACKEND_FAILURE_44": Entry(
        N_("The SR has not enough space."), N_("Free some space there, then start the move again."), "R50", _S
    ),
    "VIF_NOT_IN_MAP": Entry(N_("A network interface of the VM has no network at the destination."), "", "R80", _N),
    "HOST_CANNOT_ATTACH_NETWORK": Entry(N_("{0} is not on the network {1}."), N_("Choose another."), "R82", _C),
    "PIF_NOT_PRESENT": Entry(N_("{0} has no interface on {1}."), N_("Choose another network."), "R82", _C),
    "PIF_HAS_NO_NETWORK_CONFIGURATION": Entry(N_("The host has no IP address on this network."), "", "R82", _C),
    "INTERFACE_HAS_NO_IP": Entry(N_("The host has no IP address on this network."), "", "R82", _C),
    "REQUIRED_PIF_IS_UNPLUGGED": Entry(N_("The host's interface on this network is unplugged."), "", "R82", _C),
    "DUPLICATE_MAC_SEED": Entry(
        N_("Another VM at the destination makes its MAC addresses from the same seed."),
        N_("Remove it if it is a leftover, or copy instead of moving."),
        "R13",
        _D,
    ),
    "VM_TO_IMPORT_IS_NOT_NEWER_VERSION": Entry(
        N_("The destination already has this VM, and not an older one."), N_("Remove it there first."), "R13", _D
    ),
    "MIRROR_FAILED": Entry(
        N_("The disk {0} could no longer be mirrored, so the migration was abandoned."),
        N_("The VM is where it was. Check the storage network, then start the move again."),
    ),
    "VM_MIGRATE_FAILED": Entry(N_("The migration failed: {3}"), N_("Check where the VM is now.")),
    "VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED": Entry(
        N_("The source host could not reach the destination host."), N_("Check the network between them."), "R84"
    ),
    "TASK_CANCELLED": Entry(N_("It was cancelled.")),
    "SESSION_INVALID": Entry(N_("The session has ended."), N_("Connect again.")),
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
        _H,
    ),
    "MEMORY_CONSTRAINT_VIOLATION": Entry(
        N_("The host does not accept the VM's memory settings."),
        N_("Give the VM a fixed amount of memory, within its static limits."),
        "R43",
        _H,
    ),
    "INVALID_VALUE": Entry(N_("The server does not accept {1} as {0}."), N_("Correct this setting of the VM.")),
    "VALUE_NOT_SUPPORTED": Entry(N_("The server does not accept {1} as {0}: {2}"), N_("Correct it in the VM.")),
    "NETWORK_SRIOV_INSUFFICIENT_CAPACITY": Entry(
        N_("The host has no virtual function (SR-IOV) left on {0}."), N_("Choose another host or network."), "R81", _H
    ),
    "NVIDIA_TOOLS_ERROR": Entry(
        N_("{0} cannot tell whether the virtual GPU could move: NVIDIA's driver does not answer."),
        N_("Check the driver on the host."),
        "R72",
        _H,
    ),
    "VGPU_DESTINATION_INCOMPATIBLE": Entry(
        N_("The virtual GPU cannot run on {2}: {0}"), N_("Choose another host, or shut the VM down."), "R72", _H
    ),
    "VGPU_TYPE_NO_LONGER_SUPPORTED": Entry(
        N_("Virtual GPUs of the type {0} are no longer supported."), N_("Remove it from the VM."), "R72", _D
    ),
    "VDI_IS_SHARABLE": Entry(
        N_("{0} is shared by several VMs."), N_("Take it off the other VMs, or leave it where it is."), "R61", _S
    ),
    "VDI_IS_A_PHYSICAL_DEVICE": Entry(N_("{0} is a physical device."), N_("Take it off the VM."), "R61", _S),
    "VDI_NOT_MANAGED": Entry(N_("{0} is a hidden part of other disks."), N_("Rescan the SR."), "R61", _S),
    "VDI_READONLY": Entry(N_("{0} is read-only."), N_("Choose another target."), "R61", _S),
    "VDI_TOO_SMALL": Entry(N_("{0} is too small to hold the disk."), N_("Choose another target."), "R62", _S),
    "VDI_NEEDS_VM_FOR_MIGRATE": Entry(
        N_("{0} belongs to no VM; only disks of VMs can be moved live."), N_("Copy the disk instead."), "R61", _S
    ),
    "VDI_HAS_RRDS": Entry(N_("{0} holds statistics of the server."), N_("Leave it where it is."), "R61", _S),
    "VDI_CONTENT_ID_MISSING": Entry(
        N_("The content of a disk could not be identified at the destination."), N_("Rescan both SRs, then try again.")
    ),
    "VDI_IO_ERROR": Entry(
        N_("A disk could not be read or written: {0}"), N_("Check the SR and its storage, then start the move again.")
    ),
    "VDI_LOCATION_MISSING": Entry(
        N_("A disk that was copied is not on {0} any more."), N_("Rescan the SR, then start the move again."), "", _S
    ),
    "LOCATION_NOT_UNIQUE": Entry(N_("{0} has two disks in one place."), N_("Rescan the SR."), "", _S),
    "UNIMPLEMENTED_IN_SM_BACKEND": Entry(
        N_("The driver of the SR cannot do this: {0}"), N_("Choose another SR."), "R52", _S
    ),
    "VBD_MISSING": Entry(N_("The disk is attached to no VM any more."), N_("Look at the VM's disks again.")),
    "HOST_HAS_NO_MANAGEMENT_IP": Entry(
        N_("The host has no address on its management network."), N_("Configure its management interface."), "R82", _C
    ),
    "HOST_EVACUATE_VM_NOT_HA_PROTECTED": Entry(
        N_("{0} is not protected by high availability, so it cannot be evacuated."),
        N_("Move it first, or protect it."),
        "R15",
        _D,
    ),
    "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED": Entry(
        N_("{0} is not shared, which high availability wants."), N_("Choose a shared SR."), "R15", _S
    ),
    "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED": Entry(
        N_("{0} is not on every host, which high availability wants."), N_("Choose another network."), "R15", _N
    ),
    "HA_IS_ENABLED": Entry(
        N_("High availability is on; this is not possible meanwhile."), N_("Turn it off first."), "R15"
    ),
    "XAPI_HOOK_FAILED": Entry(
        N_("A script of the host, {0}, refused: {2}"), N_("Ask whoever installed the script on the host.")
    ),
    "MAP_DUPLICATE_KEY": Entry(N_("{0}: the entry {3} is there already."), N_("Somebody else did the same just now.")),
    "CANNOT_EVACUATE_HOST": Entry(N_("The host cannot be evacuated: {0}"), N_("Mend what is said of each VM."), "", _H),
    "MESSAGE_METHOD_UNKNOWN": Entry(N_("This server does not know {0}."), N_("It may be too old for this.")),
    "NOT_IMPLEMENTED": Entry(N_("This server cannot do {0}.")),
    "WLB_NOT_INITIALIZED": Entry(N_("Workload balancing is not configured.")),
    "INTERNAL_ERROR": Entry(
        N_("The server failed with an error of its own: {0}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
}

INSIDE: Final = (
    ("SR_SOURCE_SPACE_INSUFFICIENT", "SR_SOURCE_SPACE_INSUFFICIENT"),
    ("SR_BACKEND_FAILURE_44", "SR_BACKEND_FAILURE_44"),
    ("No space left on device", "SR_BACKEND_FAILURE_44"),
)
"""Storage errors that xapi since 25.17 wraps in the text of INTERNAL_ERROR."""

SOURCE_FULL: Final = Entry(
    N_("The SR that the disks come from has no room for the temporary snapshot."),
    N_("Free some space there, then start the move again."),
    "R51",
    Page.storage,
)


BACKEND: Final = Entry(
    N_("The driver of the SR failed: {1}"), N_("Check the SR and its storage, then try again."), "", Page.storage
)
"""Any SR_BACKEND_FAILURE: a number in the code, then what, why and more."""

FORMAT: Final = Entry(N_("{0}."), N_("Choose another SR."), "R62", Page.storage)
"""VDI_INCOMPATIBLE_TYPE with a single parameter is free text about an image format (xapi 11)."""

VENDOR: Final = Entry(
    N_("The VM was started on a processor of another vendor than that of {1}."),
    N_("Shut it down and start it there."),
    "R30",
    Page.home_server,
)

ROLES: Final = re.compile(r"Roles with this permission: ([^)]*)")


def entry_for(failure: ServerFailure) -> Entry | None:
    """The code's entry, also where it hides inside INTERNAL_ERROR."""
    if failure.code == "INTERNAL_ERROR":
        text = " ".join(failure.params)
        for mark, code in INSIDE:
            if mark in text:
                return SOURCE_FULL if code == "SR_SOURCE_SPACE_INSUFFICIENT" else ENTRIES[code]
    if failure.code == "VM_INCOMPATIBLE_WITH_THIS_HOST" and "different vendor" in " ".join(failure.params):
        return VENDOR
    if failure.code.startswith("SR_BACKEND_FAILURE") and failure.code not in ENTRIES:
        return BACKEND
    if failure.code == "VDI_INCOMPATIBLE_TYPE" and len(failure.params) == 1:
        return FORMAT
    if failure.code == "HOST_NOT_ENOUGH_FREE_MEMORY" and len(failure.params) < 2:
        return Entry(N_("No host has enough free memory for {0}."), "", "R40", Page.home_server)
    return ENTRIES.get(failure.code)


def named(params: Sequence[str], inventories: Sequence[Inventory]) -> list[str]:
    """Parameters with references and uuids replaced by the names of what they stand for."""
    return [_named(param, inventories) for param in params]


def _named(param: str, inventories: Sequence[Inventory]) -> str:
    for inventory in inventories:
        for cls in ("VM", "host", "SR", "VDI", "network", "VIF", "PIF", "task", "pool"):
            if param in inventory.tables[cls]:
                return inventory.name_of(cls, param)
    return _("an unknown object") if param.startswith("OpaqueRef:") else param


def _fill(text: str, params: Sequence[str]) -> str:
    """The sentence with its parameters; parameters that the server left out read as a dash."""
    if not text:
        return ""
    return _(text).format(*params, *["–"] * 6)


def sentence(failure: Exception, *inventories: Inventory) -> tuple[str, str]:
    """What went wrong and what to do, for a reader."""
    match failure:
        case ServerFailure():
            entry = entry_for(failure)
            if entry is None:
                return _("The server refused: {raw}", raw=failure.raw), ""
            params = named(failure.params, inventories)
            if failure.code in ("HOST_NOT_ENOUGH_FREE_MEMORY", "SR_FULL"):
                params = [size(int(p)) if p.isdigit() else p for p in params]
            if failure.code == "RBAC_PERMISSION_DENIED":
                params = [params[0], *ROLES.findall(" ".join(params[1:]))] if params else []
            return _fill(entry.message, params), _fill(entry.hint, params)
        case Unreachable():
            return (
                _("{url} does not answer ({detail}).", url=failure.url, detail=failure.detail),
                _("Check that the server is up and its address is right."),
            )
        case NotSpeaking():
            return (
                _("{url} answers, but not as a XenServer or XCP-ng host.", url=failure.url),
                _("Check the address and the port."),
            )
        case CertificateUnknown():
            return _("The certificate of {url} is not trusted yet.", url=failure.url), _("Compare its fingerprint.")
        case CertificateChanged():
            return (
                _("{url} shows another certificate than the one you trusted.", url=failure.url),
                _("Find out why before you trust the new one."),
            )
        case SessionLost():
            return _("The session with {url} has ended.", url=failure.url), _("Connect again.")
        case _:
            return str(failure) or type(failure).__name__, ""


def problem(failure: Exception, subject: Subject, *inventories: Inventory, page: Page | None = None) -> Problem:
    """A server's refusal (or silence) as a problem about `subject`."""
    message, hint = sentence(failure, *inventories)
    entry = entry_for(failure) if isinstance(failure, ServerFailure) else None
    return Problem(
        rule=(entry.rule if entry else "") or "R05",
        severity=Severity.block,
        subject=subject,
        message=message,
        hint=hint,
        source="server",
        page=page or (entry.page if entry else Page.summary),
        raw=failure.raw if isinstance(failure, ServerFailure) else str(failure),
    )
