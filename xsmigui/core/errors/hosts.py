"""Hosts: not there, not free, not of the right version."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

HOSTS: Final[dict[str, Entry]] = {
    "HOST_IS_SLAVE": Entry(
        N_("This server is a member of a pool; its coordinator is {0}."), N_("Connect to the coordinator.")
    ),
    "HOST_STILL_BOOTING": Entry(N_("The server is still starting."), N_("Try again in a minute.")),
    "HOST_OFFLINE": Entry(
        N_("{0} is offline."), N_("Wait until it is back, or choose another host."), "R05", Page.home_server
    ),
    "HOST_NOT_LIVE": Entry(
        N_("The host cannot be reached by its coordinator."),
        N_("Wait until it is back, or choose another host."),
        "R05",
        Page.home_server,
    ),
    "HOST_DISABLED": Entry(
        N_("{0} is in maintenance mode."), N_("Leave maintenance mode there first."), "R05", Page.home_server
    ),
    "CANNOT_CONTACT_HOST": Entry(
        N_("{0} cannot be reached."), N_("Check the network between the hosts."), "R84", Page.storage_network
    ),
    "TLS_CONNECTION_FAILED": Entry(
        N_("{0} does not accept a TLS connection on port {1}."),
        N_("Check the network and the firewall between the hosts."),
        "R17",
        Page.storage_network,
    ),
    "HOST_NOT_ENOUGH_FREE_MEMORY": Entry(
        N_("The host has {1} of free memory; {0} is needed."),
        N_("Choose another host."),
        "R40",
        Page.home_server,
        "sizes",
    ),
    "HOST_NOT_ENOUGH_PCPUS": Entry(
        N_("The VM may have up to {0} vCPUs; the number of the host's processors is {1}."),
        N_("Choose a larger host."),
        "R33",
        Page.home_server,
    ),
    "NO_HOSTS_AVAILABLE": Entry(
        N_("No host is available for this."),
        N_(
            "A VM that is not running can leave its pool only if a host of that pool could start it now: free "
            "memory on one, or start the VM and migrate it live."
        ),
        "R05",
        Page.home_server,
    ),
    "NOT_SUPPORTED_DURING_UPGRADE": Entry(
        N_("The pool is being upgraded, or the destination is older than the source."),
        N_("Update the destination first, or wait until the pool has been upgraded."),
        "R14",
        Page.destination,
    ),
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN": Entry(
        N_("After this, high availability could no longer restart all protected VMs."),
        N_("Bring other hosts back online first, or lower the number of host failures to tolerate."),
        "R15",
        Page.home_server,
    ),
    "HOST_EVACUATE_VM_NOT_HA_PROTECTED": Entry(
        N_("{0} is not protected by high availability, so it cannot be evacuated."),
        N_("Move it first, or protect it."),
        "R15",
        Page.destination,
    ),
    "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED": Entry(
        N_("{0} is not shared, which high availability requires."), N_("Choose a shared SR."), "R15", Page.storage
    ),
    "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED": Entry(
        N_("{0} is not on every host, which high availability requires."),
        N_("Choose another network."),
        "R15",
        Page.networks,
    ),
    "HA_IS_ENABLED": Entry(
        N_("High availability is on; this is not possible meanwhile."), N_("Turn it off first."), "R15"
    ),
    "CANNOT_EVACUATE_HOST": Entry(
        N_("The host cannot be evacuated: {0}"), N_("Fix the problem listed for each VM."), "", Page.home_server
    ),
    "HOST_IN_USE": Entry(N_("{0} is in use by {2}."), N_("Wait until it has ended, then try again.")),
    "HOST_IN_EMERGENCY_MODE": Entry(
        N_("The host has lost its coordinator and runs in emergency mode."),
        N_("Bring the coordinator back online, or have the pool elect another one."),
        "R05",
        Page.home_server,
    ),
    "HOST_CANNOT_READ_METRICS": Entry(N_("The statistics of the host cannot be read."), N_("Try again in a moment.")),
    "HOST_DISABLED_UNTIL_REBOOT": Entry(
        N_("{0} accepts no VMs until it has been rebooted."),
        N_("Reboot it, or choose another host."),
        "R05",
        Page.home_server,
    ),
    "HOST_DISABLED_INDEFINITELY": Entry(
        N_("{0} was disabled, and stays disabled after a reboot."),
        N_("Enable it yourself (leave its maintenance mode), or choose another host."),
        "R05",
        Page.home_server,
    ),
    "HOST_NOT_DISABLED": Entry(N_("The host is still in service."), N_("Enter maintenance mode there first.")),
    "HOST_IS_LIVE": Entry(N_("{0} is still up."), N_("Check the current state, then try again.")),
    "HOST_HAS_RESIDENT_VMS": Entry(N_("VMs run on {0}."), N_("Move them off first.")),
    "HOST_CANNOT_DESTROY_SELF": Entry(
        N_("{0} is the coordinator of its pool."), N_("Have the pool elect another coordinator first.")
    ),
    "HOST_CANNOT_SEE_SR": Entry(
        N_("{0} cannot see {1}."), N_("Attach the SR there, or choose another host."), "R56", Page.home_server
    ),
    "HOST_ITS_OWN_SLAVE": Entry(
        N_("The host believes that it is a member of itself."), N_("Have the pool elect its coordinator again.")
    ),
    "HOST_MASTER_CANNOT_TALK_BACK": Entry(
        N_("The coordinator cannot reach the host at {0}."), N_("Check the management network between them.")
    ),
    "HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR": Entry(
        N_("A host is newer than its pool's coordinator."), N_("Update the coordinator first."), "R14", Page.destination
    ),
    "HOST_BROKEN": Entry(N_("The host failed in the middle of a failover."), N_("Restart the host, then try again.")),
    "HOST_NAME_INVALID": Entry(N_("The host name is not accepted: {0}"), N_("Choose another name.")),
    "HOSTS_NOT_COMPATIBLE": Entry(
        N_("The hosts are not compatible."), N_("Choose hosts with the same hardware and the same release.")
    ),
    "HOSTS_NOT_HOMOGENEOUS": Entry(
        N_("The hosts are not alike: {0}"), N_("Choose hosts with the same hardware and the same release.")
    ),
    "HOST_EVACUATE_IN_PROGRESS": Entry(
        N_("{0} is being emptied."), N_("Wait until it has ended, then try again."), "R06", Page.home_server
    ),
    "HOST_EVACUATION_IS_REQUIRED": Entry(N_("{0} must be emptied first."), N_("Enter maintenance mode there.")),
    "HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY": Entry(
        N_("{0} was updated but not yet restarted, which is required."),
        N_("Empty it and reboot it, or choose another host."),
        "R05",
        Page.home_server,
    ),
    "XEN_INCOMPATIBLE": Entry(
        N_("The host was updated but not rebooted: until it is, no running VM can leave it or arrive on it."),
        N_("Reboot that host. Running VMs stay where they are until then; shut down those that cannot wait."),
        "R05",
        Page.home_server,
    ),
    "CLUSTERED_SR_DEGRADED": Entry(
        N_("{0} is currently on too few hosts to lose another one."), N_("Bring the other hosts back online first.")
    ),
    "BOOT_DEVICE_PASSTHROUGH_DISALLOWED": Entry(
        N_("The host boots from the device {0}, so it cannot be given to a VM."),
        N_("Detach the device from the VM."),
        "R70",
        Page.home_server,
    ),
    "CPU_FEATURE_MASKING_NOT_SUPPORTED": Entry(
        N_("The host's processor cannot hide features: {0}"), N_("Choose another host.")
    ),
}
