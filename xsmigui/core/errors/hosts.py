"""Hosts and pools: not there, not free, not of the right version."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

HOSTS: Final[dict[str, Entry]] = {
    "HOST_IS_SLAVE": Entry(N_("This server is a member of a pool; its coordinator is {0}.")),
    "HOST_STILL_BOOTING": Entry(N_("The server is still starting."), N_("Try again in a minute.")),
    "HOST_OFFLINE": Entry(
        N_("{0} is offline."), N_("Wait until it is back, or choose another host."), "R05", Page.home_server
    ),
    "HOST_NOT_LIVE": Entry(N_("The host cannot be reached by its coordinator."), "", "R05", Page.home_server),
    "HOST_DISABLED_INDEFINITELY": Entry(
        N_("{0} is in maintenance mode, and stays in it over a restart."),
        N_("Leave maintenance mode there first."),
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
        N_("{0} does not accept a TLS connection on port {1}."), "", "R17", Page.storage_network
    ),
    "HOST_NOT_ENOUGH_FREE_MEMORY": Entry(
        N_("The host has {1} of memory free; {0} is needed."), N_("Choose another host."), "R40", Page.home_server
    ),
    "HOST_NOT_ENOUGH_PCPUS": Entry(
        N_("The VM may have up to {0} vCPUs; the host has {1} processors."),
        N_("Choose a larger host."),
        "R33",
        Page.home_server,
    ),
    "NO_HOSTS_AVAILABLE": Entry(N_("No host is available for this."), "", "R05", Page.home_server),
    "NOT_SUPPORTED_DURING_UPGRADE": Entry(
        N_("The pool is being upgraded, or the destination is older than the source."), "", "R14", Page.destination
    ),
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN": Entry(
        N_("After this, high availability could no longer restart all protected VMs."), "", "R15", Page.home_server
    ),
    "HOST_EVACUATE_VM_NOT_HA_PROTECTED": Entry(
        N_("{0} is not protected by high availability, so it cannot be evacuated."),
        N_("Move it first, or protect it."),
        "R15",
        Page.destination,
    ),
    "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED": Entry(
        N_("{0} is not shared, which high availability wants."), N_("Choose a shared SR."), "R15", Page.storage
    ),
    "HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED": Entry(
        N_("{0} is not on every host, which high availability wants."),
        N_("Choose another network."),
        "R15",
        Page.networks,
    ),
    "HA_IS_ENABLED": Entry(
        N_("High availability is on; this is not possible meanwhile."), N_("Turn it off first."), "R15"
    ),
    "CANNOT_EVACUATE_HOST": Entry(
        N_("The host cannot be evacuated: {0}"), N_("Mend what is said of each VM."), "", Page.home_server
    ),
}
