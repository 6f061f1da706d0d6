"""Networks and the interfaces on them."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

NETWORKS: Final[dict[str, Entry]] = {
    "VIF_NOT_IN_MAP": Entry(
        N_("A network interface of the VM has no network at the destination."), "", "R80", Page.networks
    ),
    "HOST_CANNOT_ATTACH_NETWORK": Entry(
        N_("{0} is not on the network {1}."), N_("Choose another."), "R82", Page.storage_network
    ),
    "PIF_NOT_PRESENT": Entry(
        N_("{0} has no interface on {1}."), N_("Choose another network."), "R82", Page.storage_network
    ),
    "PIF_HAS_NO_NETWORK_CONFIGURATION": Entry(
        N_("The host has no IP address on this network."), "", "R82", Page.storage_network
    ),
    "INTERFACE_HAS_NO_IP": Entry(N_("The host has no IP address on this network."), "", "R82", Page.storage_network),
    "REQUIRED_PIF_IS_UNPLUGGED": Entry(
        N_("The host's interface on this network is unplugged."), "", "R82", Page.storage_network
    ),
    "NETWORK_SRIOV_INSUFFICIENT_CAPACITY": Entry(
        N_("The host has no virtual function (SR-IOV) left on {0}."),
        N_("Choose another host or network."),
        "R81",
        Page.home_server,
    ),
    "HOST_HAS_NO_MANAGEMENT_IP": Entry(
        N_("The host has no address on its management network."),
        N_("Configure its management interface."),
        "R82",
        Page.storage_network,
    ),
}
