"""Exceptions of the toolstack that reach a client as the text of INTERNAL_ERROR: what they mean, and what to do.

`VM.migrate_send` and `VDI.pool_migrate` pass on the exceptions of xenopsd and of the storage layer as OCaml prints them
(xapi 26.17, xapi_vm_migrate.ml), `VM.pool_migrate` as xapi_xenops.ml, `transform_xenops_exn`, words them. Names and
parameters are those of xapi-idl/xen/xenops_interface.ml, xapi-idl/storage/storage_interface.ml,
xenopsd/xc/domain.ml, device.ml and hotplug.ml, libs/stunnel/stunnel.ml and libs/http-lib.
"""

from dataclasses import dataclass
from typing import Final

from xsmigui.core.errors import ENTRIES
from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an exception: the words that tell it (a regular expression, whose groups are its parameters),
    and its entry. `takes` are kinds of parameters that follow the name: ``uuid``, ``uuids``, ``bytes``, ``number``,
    ``word``, ``text``; `bare` is the entry where they are missing, as older releases print ``Name(_)``."""

    words: str
    entry: Entry
    takes: tuple[str, ...] = ()
    bare: Entry | None = None


UNTOLD: Final = N_("The host could not do this ({0}).")
"""An exception whose parameters were not printed, where its sentence cannot do without them."""

TOOLSTACK: Final = N_(
    "Check the current state. If the host reports it wrongly, restart its toolstack while no task is running "
    "there; then start the move again."
)
BUSY: Final = N_(
    "Start the move again when the guest is less busy. If it fails again, both hosts need the same updates; else shut"
    " the VM down and move it halted."
)
NETWORK: Final = N_(
    "Check the network between the hosts (the storage network and the management network: address, VLAN, gateway,"
    " firewall), then start the move again."
)
PORTS: Final = N_(
    "Check that the toolstack is running on both hosts and that no firewall between them blocks ports 80 and "
    "443 (servers before xapi 22.32 send disks over port 80), then start the move again."
)
CERTIFICATES: Final = N_("Run host.refresh_server_certificate for every host of the pool, then try again.")
EMPTY_BUNDLE: Final = N_(
    "Check the network between the hosts. In a pool that was upgraded to XenServer 8 or XCP-ng 8.3 a host's file of the"
    " pool's certificates may be empty: run host.refresh_server_certificate for every host, then start the move again."
)
MEMORY: Final = N_(
    "Free memory on the host, or set their minimum and maximum memory to the same value. Moving a disk live "
    "briefly needs the memory of its VM twice."
)
STORAGE: Final = N_("Check both SRs and their storage, then start the move again.")
RESCAN: Final = N_("Rescan the SR, then try again.")
LOG: Final = N_("Look at the log of the host, /var/log/xensource.log, before you try again.")
HOLDER: Final = N_("Find out which host or VM still holds the disk, then start the move again.")
PROGRAM: Final = N_("Please report this to the developers of this program, with the raw error.")
LOOK: Final = N_("Check the current state, then try again.")
ROOM: Final = N_("Free memory on the host, or choose another one.")
TOOLS: Final = N_("Check VM Tools in the guest.")
DEVICES: Final = N_("Look at the VM's devices, and at /var/log/daemon.log on the host, then try again.")

_H, _S, _C = Page.home_server, Page.storage, Page.storage_network


def _of(message: str, hint: str, rule: str = "", page: Page = Page.summary, holds: str = "") -> Entry:
    return Entry(message, hint, rule, page, holds)


XENOPSD: Final = (
    Known(
        "Vms_failed_to_cooperate",
        _of(N_("These guests did not release memory in time: {0}."), MEMORY, "R40", _H),
        ("uuids",),
        ENTRIES["VMS_FAILED_TO_COOPERATE"],
    ),
    Known(
        "Cannot_free_this_much_memory",
        ENTRIES["HOST_NOT_ENOUGH_FREE_MEMORY"],
        ("bytes", "bytes"),
        _of(N_("The host does not have enough free memory for the VM."), ROOM, "R40", _H),
    ),
    Known(
        "Not_enough_memory|there was not enough memory",
        _of(N_("The host does not have enough free memory: {0} is needed."), ROOM, "R40", _H, "sizes"),
        ("bytes",),
        _of(N_("The host does not have enough free memory for the VM."), ROOM, "R40", _H),
    ),
    Known(
        "Emu_manager_failure|Emu_manager_protocol_failure",
        _of(N_("The VM's memory could not be sent or received: {0}"), BUSY),
        ("text",),
        _of(N_("The VM's memory could not be sent or received."), BUSY),
    ),
    Known(
        "Failed_to_acknowledge_suspend_request",
        _of(N_("The guest did not respond when it was asked to suspend."), TOOLS, "R02"),
    ),
    Known(
        "Failed_to_acknowledge_shutdown_request",
        _of(N_("The guest did not respond when it was asked to shut down."), TOOLS),
    ),
    Known(
        "Failed_to_suspend",
        ENTRIES["VM_SUSPEND_TIMEOUT"],
        ("uuid", "number"),
        _of(N_("The guest did not pause in time."), BUSY, "R02"),
    ),
    Known(
        "Failed_to_shutdown",
        ENTRIES["VM_SHUTDOWN_TIMEOUT"],
        ("uuid", "number"),
        _of(N_("The guest did not shut down in time."), N_("Shut it down from inside the guest.")),
    ),
    Known(
        "Domain_not_built|domain has not been built",
        _of(
            N_("The host had not built the VM yet, so it could be neither paused nor moved."),
            N_("Wait until the VM has started, then start the move again."),
        ),
    ),
    Known("Ballooning_timeout_before_migration", ENTRIES["VMS_FAILED_TO_COOPERATE"]),
    Known("Failed_to_contact_remote_service", ENTRIES["VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED"]),
    Known("Failed_to_start_emulator", ENTRIES["FAILED_TO_START_EMULATOR"], ("uuid", "word", "text")),
    Known("Hook_failed", ENTRIES["XAPI_HOOK_FAILED"], ("word", "word", "text")),
    Known("Failed_to_run_script", ENTRIES["XENAPI_PLUGIN_FAILURE"], ("text",)),
    Known("Device_detach_rejected", ENTRIES["DEVICE_DETACH_REJECTED"], ("word", "word", "text")),
    Known("Bootloader_error", ENTRIES["BOOTLOADER_FAILED"], ("uuid", "text")),
    Known(
        "Bad_power_state",
        _of(N_("The VM is {0}; this needs one that is {1}."), LOOK, "R10", holds="states"),
        ("word", "word"),
        _of(N_("The VM is not in the state that this needs."), LOOK, "R10"),
    ),
    Known(
        r"Object with type (\S+) and id (\S+) does not exist",
        _of(N_("The host no longer knows {1} ({0}): it stopped there meanwhile, or was never started."), TOOLSTACK),
    ),
    Known(
        r"Object with type (\S+) and id (\S+) already exists",
        _of(N_("The host still has {1} ({0}), perhaps from an earlier attempt."), TOOLSTACK),
    ),
    Known(
        "PCIBack_not_loaded|pciback has not loaded", _of(N_("The host cannot give PCI devices to VMs."), LOG, "", _H)
    ),
    Known("Invalid_vcpus|maximum number of vcpus", _of(N_("The VM may not have so many vCPUs."), LOG)),
    Known("No_bootable_device|no bootable device", _of(N_("The VM has no boot device."), DEVICES)),
    Known("Media_not_ejectable|cannot be ejected", _of(N_("The CD cannot be ejected."), DEVICES)),
    Known("Media_not_present|no media in this drive", _of(N_("There is no CD in the drive."), DEVICES)),
    Known("Media_present|already media in this drive", _of(N_("There is a CD in the drive already."), DEVICES)),
    Known(
        "Device_is_connected|device because it is connected",
        _of(N_("The device is still connected to a VM."), DEVICES),
    ),
    Known("Device_not_connected|Device is not connected", _of(N_("The device is not connected."), DEVICES)),
)

STORAGE_LAYER: Final = (
    Known("Sr_not_attached|No_storage_plugin_for_sr", ENTRIES["SR_NOT_ATTACHED"], ("word",)),
    Known("Sr_attached", ENTRIES["SR_ATTACHED"], ("word",)),
    Known("Sr_unhealthy", ENTRIES["SR_UNHEALTHY"], ("word", "word")),
    Known("Vdi_does_not_exist", _of(N_("The SR does not show the disk {0} any more."), RESCAN, "R68", _S), ("word",)),
    Known(
        "Activated_on_another_host",
        _of(N_("The disk is in use on another host: {0}."), HOLDER, "R06", _S),
        ("uuid",),
    ),
    Known(
        "Illegal_transition|Bad_transition|No_operation",
        _of(N_("The disk is in the wrong state on the host for this operation."), HOLDER, "R06", _S),
    ),
    Known(
        "Content_ids_do_not_match",
        _of(N_("The disk at the destination is not the one that the copy should go into."), STORAGE, "", _S),
    ),
    Known(
        "Migration_preparation_failure",
        _of(N_("The destination could not prepare its disks: {0}"), STORAGE, "", _S),
        ("text",),
    ),
    Known(
        "Migration_mirror_snapshot_failure",
        _of(N_("No temporary snapshot of a disk could be taken: {0}"), STORAGE, "", _S),
        ("text",),
    ),
    Known(
        "Migration_mirror_copy_failure",
        _of(N_("The content of a disk could not be copied: {0}"), STORAGE, "", _S),
        ("text",),
    ),
    Known(
        "Migration_mirror_fd_failure|transferring fd to tapdisk",
        _of(
            N_("A disk could not be mirrored: its process on the host did not accept the connection."), STORAGE, "", _S
        ),
    ),
    Known(
        "Migration_mirror_failure|Migration_mirror_failed",
        _of(N_("A disk could no longer be mirrored: {0}"), STORAGE, "", _S),
        ("text",),
        _of(N_("A disk could no longer be mirrored."), STORAGE, "", _S),
    ),
    Known(
        "local VDI is larger than the remote VDI",
        _of(N_("The new disk at the destination is smaller than the old one."), STORAGE, "R62", _S),
    ),
    Known(
        "SR UUID matches on destination but VDI does not exist",
        _of(N_("The SR is in both pools, but the destination does not show its disk."), RESCAN, "R68", _S),
    ),
    Known(
        r"(?:Remote SR|Local VDI|VDI|SR) (\S+) not found",
        _of(N_("{0} no longer exists there."), RESCAN, "R68", _S),
    ),
    Known(
        "Backend_error(?:_with_backtrace)?",
        _of(N_("The driver of the SR failed: {0}"), STORAGE, "", _S),
        ("text",),
        _of(N_("The driver of the SR failed."), STORAGE, "", _S),
    ),
    Known("Missing_configuration_parameter", _of(N_("The SR lacks the setting {0}."), LOG, "", _S), ("word",)),
    Known(
        r"Does_not_exist\W+(?:S\()?mirror",
        _of(N_("The mirror of a disk is gone: it ended, or its host was restarted."), STORAGE, "", _S),
    ),
    Known(
        "(?<!_)Does_not_exist",
        _of(N_("The host no longer knows {1} ({0}): it stopped there meanwhile, or was never started."), TOOLSTACK),
        ("word", "word"),
        _of(N_("The host no longer knows the VM: it stopped there meanwhile, or was never started."), TOOLSTACK),
    ),
    Known(
        "Already_exists",
        _of(N_("The host still has {1} ({0}), perhaps from an earlier attempt."), TOOLSTACK),
        ("word", "word"),
        _of(N_("The host still has the VM, perhaps from an earlier attempt."), TOOLSTACK),
    ),
    Known("Unimplemented", ENTRIES["NOT_IMPLEMENTED"], ("word",)),
)

CONNECTION: Final = (
    Known(
        r"Stunnel_verify_error\W*([^\")\]]*)|Certificate verification errors: ([^\")\]]*)|certificate verify failed"
        r"|CERT: ([^\")\]]*)|verify error:? ?([^\")\]]*)",
        _of(N_("A host does not trust the certificate of the other one ({0})."), CERTIFICATES, "R84", _C),
        (),
        _of(N_("A host does not trust the certificate of the other one."), CERTIFICATES, "R84", _C),
    ),
    Known(
        "ECONNREFUSED|connection.refused|Stunnel_connection_failed",
        _of(N_("A host refused the connection of another, so nothing was sent."), PORTS, "R17", _C),
    ),
    Known(
        "EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|no route to host|network is unreachable|host is down",
        _of(N_("There is no network route between the hosts."), NETWORK, "R84", _C),
    ),
    Known(
        "ETIMEDOUT|timed out|Http.Timeout|Subprocess_timeout",
        _of(N_("A host got no answer from the other one in time."), NETWORK, "R84", _C),
    ),
    Known(
        "No host resolved|getaddrinfo|Name or service not known|EAI_",
        _of(N_("A host does not know the name of the other one."), NETWORK, "R84", _C),
    ),
    Known(
        "ECONNRESET|ECONNABORTED|EPIPE|ENOTCONN|connection.reset|broken pipe|Connection_closed",
        _of(N_("The connection between the hosts broke."), EMPTY_BUNDLE, "R84", _C),
    ),
    Known(
        "End_of_file|Empty_response_from_server|Http_header_truncated|Unexpected_EOF",
        _of(
            N_("The other host closed the connection in the middle; a guest that reboots does this too."),
            N_(
                "If the guest was rebooted, start the move again when it is up; otherwise check the hosts and "
                "their network."
            ),
        ),
    ),
    Known(
        r"Http_request_rejected|Http_error|Unauthorised|Forbidden",
        _of(N_("The other host did not accept the request."), LOG, "R84", _C),
    ),
    Known(
        "Stunnel_initialisation_failed|Stunnel_error|stunnel",
        _of(N_("A host could not open an encrypted connection to the other one."), PORTS, "R84", _C),
    ),
    Known(
        r"\bEAGAIN\b|\bEINTR\b|resource temporarily unavailable",
        _of(N_("The host was too busy for this."), N_("Try again in a moment.")),
    ),
    Known(
        "EADDRINUSE|address already in use",
        _of(N_("The host has another process at that port."), N_("Try again in a moment.")),
    ),
)

HOST: Final = (
    Known(
        "ENOMEM|cannot allocate memory|out.of.memory", _of(N_("The host itself is short of memory."), ROOM, "R40", _H)
    ),
    Known(
        r"\bEIO\b|IO_error|input/output error",
        _of(N_("A disk or a memory image could not be read or written."), STORAGE, "", _S),
    ),
    Known(
        "ENOENT|no such file or directory|Could_not_read_file",
        _of(N_("The host does not find a file or a device that the VM needs."), RESCAN, "", _S),
    ),
    Known("EBUSY|device or resource busy", _of(N_("A device is in use on the host."), HOLDER, "R06", _S)),
    Known(
        "EACCES|EPERM|EROFS|permission denied|read-only file system",
        _of(N_("The host is not allowed to write there."), STORAGE, "", _S),
    ),
    Known("EMFILE|ENFILE|too many open files", _of(N_("The host has too many files open."), TOOLSTACK)),
    Known("Suspend_image_failure", _of(N_("The memory image of the VM could not be written or read."), STORAGE)),
    Known(
        "Domain_restore_failed|Domain_restore_truncated_hvmstate",
        _of(N_("The other host could not receive the VM's memory."), BUSY),
    ),
    Known("Domain_build_failed|Domain_build_pre_failed", _of(N_("The host could not build the VM."), LOG)),
    Known(
        "Xenguest_failure|Xenguest_protocol_failure|xenguest",
        _of(N_("The VM's memory could not be sent or received: {0}"), BUSY),
        ("text",),
        _of(N_("The VM's memory could not be sent or received."), BUSY),
    ),
    Known(
        "Ioemu_failed|QMP_Error|QMP_connection_error",
        _of(N_("The VM's device process on the host (QEMU) failed: {0}"), DEVICES),
        ("text",),
        _of(N_("The VM's device process on the host (QEMU) failed."), DEVICES),
    ),
    Known(
        "Device_disconnect_timeout|Device_timeout|Frontend_device|Timeout_backend|Device_error|Device_shutdown"
        "|Device_not_found|Hotplug_error|External_command_failure",
        _of(N_("A device of the VM could not be attached or detached on the host."), DEVICES),
    ),
    Known(
        r"\btapdisk\b|\btap-ctl\b|\bblktap\d?\b|\bnbd\b|Nbd_\w+|qemu-dp",
        _of(N_("The process that carries a disk on the host failed."), STORAGE, "", _S),
    ),
    Known(
        r"LVMException|\b(?:lvm|lvchange|lvcreate|lvs|vgs|vgchange|pvs|vhd-util|qcow-tool)\b",
        _of(N_("A tool of the SR's driver failed."), STORAGE, "", _S),
    ),
    Known("Watch.Timeout|Xs_protocol|Xenctrl", _of(N_("Xen on the host refused the request."), LOG)),
    Known(
        "Remote_failed",
        _of(N_("The other host gave up: {0}"), BUSY),
        ("text",),
        _of(N_("The other host gave up."), BUSY),
    ),
    Known(
        r"Subprocess (?:exited|killed)[^\[]*|Spawn_internal_error|Subprocess_failed|Subprocess_killed",
        _of(N_("A program on the host failed: {0}"), LOG),
        ("text",),
        _of(N_("A program on the host failed."), LOG),
    ),
)

XAPI: Final = (
    Known(
        r"evacuate: (\d+) VMs are still resident on (\S+)",
        _of(
            N_("{1} is not empty; the number of VMs that are still on it is {0}."),
            N_("See why each of them cannot move, then empty the host again."),
            "",
            _H,
        ),
    ),
    Known(r"VM metadata import failed: (.*)", ENTRIES["IMPORT_ERROR"]),
    Known(r"duplicate objects in database", _of(N_("The server's database has the same thing twice."), LOG)),
    Known(
        r"(Internal API \S+|Forwarded to the wrong host|(?:Dispatcher_)?FieldNotFound\w*|Expected \w+, got '[^']*'?"
        r"|Invalid argument: .*)",
        _of(N_("The server did not understand a call: {0}"), PROGRAM),
    ),
    Known(
        "Db_exn|DBCache_NotFound|Read_missing_uuid|missing (?:row|reference|uuid)",
        _of(N_("Something that this needs is no longer in the pool's database."), LOOK),
    ),
    Known(
        r"Jsonrpc|Parse_error|Storage_error\W+(?:S\()?Internal_error",
        _of(N_("The storage layer of the host failed."), TOOLSTACK, "", _S),
    ),
    Known("Memory_interface|MemoryError", _of(N_("The service that shares the host's memory failed."), TOOLSTACK)),
    Known(
        r"\b(Invalid_argument|Stack.overflow|Assert_failure|Match_failure|Not_found|Division_by_zero|int_of_string"
        r"|index out of bounds|Undefined_recursive_module)\b",
        _of(
            N_("The server ran into a bug of its own ({0})."),
            N_("Install the updates of the hosts; if it fails again, report it to their vendor with the host's log."),
        ),
    ),
    Known("Unknown error returned from xenopsd|Unknown_error", _of(N_("The host failed for an unknown reason."), LOG)),
    Known("Cancelled", ENTRIES["TASK_CANCELLED"]),
)

SERVICES: Final = (
    Known("Domains_refused_to_cooperate", ENTRIES["VMS_FAILED_TO_COOPERATE"]),
    Known(
        r"Domain_not_found|Domain_not_running|Domain_does_not_exist|Domain_stuck_in_dying_state|Domain is dying",
        _of(N_("The VM no longer runs on the host, or is just stopping there."), TOOLSTACK, "R10"),
    ),
    Known(
        r"Queue_deleted|Message_switch_\w+|Unknown_RPC|Redirect\b|Failed_to_start\b",
        _of(N_("The services of the host did not reach each other."), TOOLSTACK, "", _H),
    ),
    Known(
        r"VGPU_mapping|Gpumon_error|v?gpu_\w+|\bv?GPU\b|\bnvidia\b|\bNVML\w*|\bvfio\b",
        _of(
            N_("The VM's virtual GPU could not be set up or moved on the host."),
            N_("Shut the VM down and move it halted, to a host with the same GPU and driver."),
            "",
            _H,
        ),
    ),
    Known(
        r"Network_error|Interface_does_not_exist|Bridge_does_not_exist|Sriov_\w+",
        _of(N_("A network of the host could not be set up."), NETWORK, "", _H),
    ),
    Known("Sr_not_empty", _of(N_("The SR still holds disks."), RESCAN, "", _S)),
    Known(r"Vdi_in_use|Duplicated?_key", _of(N_("A disk is in use by something else on the host."), HOLDER, "R06", _S)),
    Known(
        r"ESTALE|stale (?:NFS )?file handle|ENODEV|ENXIO|no such device|transport endpoint",
        _of(
            N_("The host has lost the storage that the disk is on."),
            N_("Unplug the SR from the host and plug it again (Repair), then start the move again."),
            "R68",
            _S,
        ),
    ),
    Known(
        r"EmptyVHD|Invalid_sector|Not_sector_aligned|Failed_to_parse|Integer_truncation|\bVHD\b|Vhd\.\w+|\bqcow2?\b",
        _of(N_("The image of a disk on the SR could not be read."), RESCAN, "R68", _S),
    ),
    Known(
        r"Rpc\.Runtime_error|Rpcmarshal|Idl\.\w+|MarshalError|Un?marshall?_error|Type_error|RunTimeTypeError"
        r"|Missing_field|Missing_key|MissingHeader|Method_not_implemented|Not_implemented_in_backend|Xml_parse_failure"
        r"|Http_parse_failure|Parse_fail\w+|Parse_cmd_output_failure|Backend_\w+_(?:field|error)|Version_mismatch",
        _of(
            N_("Two services of the hosts did not understand each other."),
            N_("Install the same updates on all hosts and restart their toolstacks, then try again."),
        ),
    ),
    Known(
        r"Command_(?:failed|failure|killed)|Fork_exec_error|Service_failed|Systemctl_fail|Process_still_alive"
        r"|Generic_error|Loopdev_\w+",
        _of(N_("A program on the host failed."), LOG),
    ),
    Known(
        r"Umount_timeout|Device_\w+|Cdrom\b",
        _of(N_("A device of the VM could not be attached or detached on the host."), DEVICES),
    ),
    Known(
        r"DatabaseWrongSize|DeltaTooOld|NoGeneration|Uuid_not_found|Unknown_blob|Host_not_found|Address_not_found",
        _of(N_("Something that this needs is no longer in the pool's database."), LOOK),
    ),
    Known(
        r"Timed_out|\bTimeout\b|timeout waiting|Did_not_cancel|watchdog",
        _of(N_("Something on the host took too long."), TOOLSTACK),
    ),
    Known(
        r"\(?Failure\W+(?:hd|tl|nth|List\.\w+|bool_of_string|float_of_string)\b|Pattern matching failed|OutOfBounds"
        r"|\b(?:Stdlib|Pervasives|Thread)\.Exit\b|Lwt\.Canceled",
        _of(
            N_("The server ran into a bug of its own."),
            N_("Install the updates of the hosts; if it fails again, report it to their vendor with the host's log."),
        ),
    ),
    Known(
        r"Read_error|Write_error|Unix_error\W+(?:Unix\.)?(E[A-Z]+)|Sys_error\W+([^\")]+)",
        _of(N_("The operating system of the host reported an error: {0}."), LOG),
        (),
        _of(N_("A file on the host could not be read or written."), LOG),
    ),
)

KNOWN: Final = (*XENOPSD, *STORAGE_LAYER, *CONNECTION, *HOST, *XAPI, *SERVICES)
"""In this order: what names its cause comes before what only wraps another."""
