"""Networks and the interfaces on them."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

NETWORKS: Final[dict[str, Entry]] = {
    "VIF_NOT_IN_MAP": Entry(
        N_("A network interface of the VM has no network at the destination."),
        N_("Choose a network for it."),
        "R80",
        Page.networks,
    ),
    "HOST_CANNOT_ATTACH_NETWORK": Entry(
        N_("{0} is not on the network {1}."), N_("Choose another."), "R82", Page.storage_network
    ),
    "PIF_NOT_PRESENT": Entry(
        N_("{0} has no interface on {1}."), N_("Choose another network."), "R82", Page.storage_network
    ),
    "PIF_HAS_NO_NETWORK_CONFIGURATION": Entry(
        N_("The host has no IP address on this network."), N_("Choose another network."), "R82", Page.storage_network
    ),
    "INTERFACE_HAS_NO_IP": Entry(
        N_("The host has no IP address on this network."), N_("Choose another network."), "R82", Page.storage_network
    ),
    "REQUIRED_PIF_IS_UNPLUGGED": Entry(
        N_("The host's interface on this network is unplugged."),
        N_("Plug it in, or choose another network."),
        "R82",
        Page.storage_network,
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
    "NETWORK_INCOMPATIBLE_WITH_SRIOV": Entry(
        N_("{0} cannot be combined with SR-IOV."), N_("Choose another network."), "R81", Page.networks
    ),
    "NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE": Entry(
        N_("{0} cannot be combined with a VLAN on a bridge."), N_("Choose another network."), "R81", Page.networks
    ),
    "NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV": Entry(
        N_("{0} cannot be combined with a VLAN on SR-IOV."), N_("Choose another network."), "R81", Page.networks
    ),
    "NETWORK_INCOMPATIBLE_WITH_BOND": Entry(
        N_("{0} cannot be combined with a bond."), N_("Choose another network."), "R81", Page.networks
    ),
    "NETWORK_INCOMPATIBLE_WITH_TUNNEL": Entry(
        N_("{0} cannot be combined with a tunnel."), N_("Choose another network."), "R81", Page.networks
    ),
    "NETWORK_INCOMPATIBLE_WITH_TRUNKS": Entry(
        N_("{0} cannot carry an interface with VLAN trunks."),
        N_("Choose a network with its own bridge, or remove the VLAN trunks from the interface."),
        "R81",
        Page.networks,
    ),
    "NETWORK_INCOMPATIBLE_PURPOSES": Entry(
        N_("A network cannot serve {0} and {1} at once."), N_("Choose another network.")
    ),
    "NETWORK_SRIOV_ALREADY_ENABLED": Entry(
        N_("SR-IOV is on already on {0}."), N_("Check the current state, then try again.")
    ),
    "NETWORK_SRIOV_ENABLE_FAILED": Entry(
        N_("SR-IOV could not be turned on on {0}: {1}"), N_("Look at the network settings of the pool.")
    ),
    "NETWORK_SRIOV_DISABLE_FAILED": Entry(
        N_("SR-IOV could not be turned off on {0}: {1}"), N_("Look at the network settings of the pool.")
    ),
    "NETWORK_UNMANAGED": Entry(
        N_("{0} is not managed by the pool."), N_("Choose another network."), "R81", Page.networks
    ),
    "NETWORK_ALREADY_CONNECTED": Entry(
        N_("{0} has an interface on this host already."), N_("Look at the network settings of the pool.")
    ),
    "NETWORK_CONTAINS_PIF": Entry(
        N_("Interfaces of hosts are on the network."), N_("Look at the network settings of the pool.")
    ),
    "NETWORK_CONTAINS_VIF": Entry(
        N_("Interfaces of VMs are on the network."), N_("Look at the network settings of the pool.")
    ),
    "CANNOT_DESTROY_SYSTEM_NETWORK": Entry(
        N_("{0} is a network of the system."), N_("Look at the network settings of the pool.")
    ),
    "VIF_IN_USE": Entry(
        N_("An interface of a running VM is on {0}."), N_("Shut that VM down, or unplug its interface.")
    ),
    "CANNOT_PLUG_VIF": Entry(
        N_("The network interface {0} could not be connected."),
        N_("Look at its network on that host, then connect it again."),
    ),
    "MAC_STILL_EXISTS": Entry(
        N_("The host still has the MAC address {0}."), N_("Look at the network settings of the pool.")
    ),
    "MAC_DOES_NOT_EXIST": Entry(
        N_("The host has no MAC address {0}."), N_("Look at the network settings of the pool.")
    ),
    "MAC_INVALID": Entry(N_("{0} is not a MAC address."), N_("Correct this setting of the VM.")),
    "BRIDGE_NOT_AVAILABLE": Entry(
        N_("The host has no bridge {0}, which the VM needs."),
        N_("Choose another host, or another network for the VM."),
        "R81",
        Page.home_server,
    ),
    "BRIDGE_NAME_EXISTS": Entry(N_("There is a bridge {0} already."), N_("Look at the network settings of the pool.")),
    "ADDRESS_VIOLATES_LOCKING_CONSTRAINT": Entry(
        N_("The interface is locked to other addresses than {0}."), N_("Correct this setting of the VM.")
    ),
    "INVALID_CIDR_ADDRESS_SPECIFIED": Entry(N_("{0} is not a network address."), N_("Correct it.")),
    "PIF_HAS_NO_V6_NETWORK_CONFIGURATION": Entry(
        N_("The host has no IPv6 address on this network."), N_("Choose another network."), "R82", Page.storage_network
    ),
    "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE": Entry(
        N_("The interfaces use different kinds of addresses (IPv4 and IPv6)."),
        N_("Look at the network settings of the pool."),
    ),
    "PIF_ALLOWS_UNPLUG": Entry(
        N_("The interface {0} may be unplugged, which is not allowed here."),
        N_("Look at the network settings of the pool."),
    ),
    "PIF_DOES_NOT_ALLOW_UNPLUG": Entry(
        N_("The interface {0} must not be unplugged."), N_("Look at the network settings of the pool.")
    ),
    "PIF_HAS_FCOE_SR_IN_USE": Entry(
        N_("{1} is reached over the interface {0} (FCoE)."), N_("Look at the network settings of the pool.")
    ),
    "PIF_IS_PHYSICAL": Entry(
        N_("{0} is a physical interface of the host."), N_("Look at the network settings of the pool.")
    ),
    "PIF_IS_NOT_PHYSICAL": Entry(
        N_("{0} is not a physical interface of the host."), N_("Look at the network settings of the pool.")
    ),
    "PIF_TUNNEL_STILL_EXISTS": Entry(
        N_("A tunnel is on the interface {0}."), N_("Look at the network settings of the pool.")
    ),
    "PIF_IS_MANAGEMENT_INTERFACE": Entry(
        N_("{0} is the host's management interface."), N_("Look at the network settings of the pool.")
    ),
    "PIF_CONFIGURATION_ERROR": Entry(
        N_("The interface {0} could not be configured: {1}"), N_("Look at the network settings of the pool.")
    ),
    "PIF_ALREADY_BONDED": Entry(
        N_("The interface {0} is part of a bond."), N_("Look at the network settings of the pool.")
    ),
    "PIF_UNMANAGED": Entry(
        N_("The pool does not manage the interface {0}."), N_("Look at the network settings of the pool.")
    ),
    "PIF_VLAN_EXISTS": Entry(
        N_("This VLAN is on the interface {0} already."), N_("Look at the network settings of the pool.")
    ),
    "PIF_VLAN_STILL_EXISTS": Entry(
        N_("A VLAN is on the interface {0}."), N_("Look at the network settings of the pool.")
    ),
    "PIF_IS_VLAN": Entry(N_("{0} is a VLAN itself."), N_("Look at the network settings of the pool.")),
    "PIF_DEVICE_NOT_FOUND": Entry(
        N_("The host has no such interface."), N_("Look at the network settings of the pool.")
    ),
    "CANNOT_PLUG_BOND_SLAVE": Entry(
        N_("The interface {0} is part of a bond."), N_("Look at the network settings of the pool.")
    ),
    "OPENVSWITCH_NOT_ACTIVE": Entry(
        N_("Some host does not use Open vSwitch."), N_("Look at the network settings of the pool.")
    ),
    "TRANSPORT_PIF_NOT_CONFIGURED": Entry(
        N_("The interface under the tunnel has no IP address."), N_("Look at the network settings of the pool.")
    ),
    "IS_TUNNEL_ACCESS_PIF": Entry(N_("{0} is the end of a tunnel."), N_("Look at the network settings of the pool.")),
    "VLAN_TAG_INVALID": Entry(N_("{0} is not a VLAN number."), N_("Look at the network settings of the pool.")),
    "VLAN_IN_USE": Entry(N_("VLAN {1} on {0} is in use."), N_("Look at the network settings of the pool.")),
    "SLAVE_REQUIRES_MANAGEMENT_INTERFACE": Entry(
        N_("A member needs its management interface."), N_("Look at the network settings of the pool.")
    ),
}
