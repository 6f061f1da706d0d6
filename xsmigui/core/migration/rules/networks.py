"""Rules about the VMs' networks and the network that carries the disks."""

from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import listed, m_
from xsmigui.core.migration.moves import OfVm, Sent
from xsmigui.core.migration.rules.base import Problems, found, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import PIF
from xsmigui.core.refs import HostRef, NetworkRef, is_null

NETWORKS: Final = Page.networks
CARRIER: Final = Page.storage_network


def host_attaches(inventory: Inventory, host: HostRef, network: NetworkRef) -> bool:
    """The host can put a VM on the network: it has a PIF on it that is no bond member, or the network is internal
    (xapi_vm_helpers.ml, assert_can_see_networks)."""
    record = inventory.network.get(network)
    if record is None:
        return False
    if not record.PIFs:
        return True
    pif = inventory.pif(host, network)
    return pif is not None and is_null(pif.bond_slave_of)


def pinned_elsewhere(inventory: Inventory, host: HostRef, network: NetworkRef) -> bool:
    """An internal network belongs to the hosts of the VMs that run on it, if there are any
    (xapi_vm_helpers.ml, assert_can_see_networks)."""
    hosts = inventory.pinned_networks.get(network)
    return hosts is not None and host not in hosts


@rule("R80", "VIFs have networks", "SH", NETWORKS)
def mapped(move: Sent) -> Problems:
    """The server accepts networks that do not exist at the destination (seen on xapi 24.10), so we look ourselves."""
    if not move.crosses:
        return
    for ref, network in move.networks.items():
        vif = move.source.VIF[ref]
        name = {
            "mac": vif.MAC,
            "vm": move.vm.name_label,
            "network": move.source.name_of("network", vif.network),
            "pool": move.target.name,
        }
        same = move.target.networks_by_name.get(move.source.name_of("network", vif.network), ())
        if network is None and len(same) > 1:
            message = m_(
                "{pool} has {n} networks named {network}: choose one for the interface {mac} of {vm}.",
                n=len(same),
                **name,
            )
            hint = m_("Choose one of them.")
        elif network is None:
            message = m_(
                "No network in {pool} has been chosen for the interface {mac} of {vm} (now on {network}) yet.", **name
            )
            hint = m_("Choose a network for it.")
        elif network not in move.target.network:
            message = m_("The network chosen for the interface {mac} of {vm} is not in {pool}.", **name)
            hint = m_("Choose another network.")
        elif move.host is not None and not host_attaches(move.target, move.host, network):
            message = m_(
                "{host} is not on the network {target}, which was chosen for the interface {mac} of {vm}.",
                host=move.target.name_of("host", move.host),
                target=move.target.name_of("network", network),
                **name,
            )
            hint = m_("Choose another network, or another host.")
        else:
            continue
        yield found("R80", Severity.block, move.source, "VIF", ref, message, hint, page=NETWORKS)


@rule("R81", "the host is on the VM's networks", "LSH", Page.home_server)
def reachable(move: Sent) -> Problems:
    """Inside a pool the VIFs stay on their networks (xapi_vm_helpers.ml,
    assert_can_see_networks: VM_REQUIRES_NETWORK)."""
    if move.crosses or move.host is None or move.stays_on_host:
        return
    for network in dict.fromkeys(vif.network for _ref, vif in move.source.vifs(move.ref)):
        if network not in move.target.network:
            continue
        if pinned_elsewhere(move.target, move.host, network):
            message = m_(
                "{network}, which {vm} uses, is an internal network of another host, with running VMs on it.",
                network=move.target.name_of("network", network),
                vm=move.vm.name_label,
            )
            hint = m_("Shut {vm} down, or disconnect it from this network.", vm=move.vm.name_label)
            yield found("R81", Severity.block, move.target, "host", move.host, message, hint, page=Page.home_server)
        elif not host_attaches(move.target, move.host, network):
            message = m_(
                "{host} is not on the network {network}, which {vm} uses.",
                host=move.target.name_of("host", move.host),
                network=move.target.name_of("network", network),
                vm=move.vm.name_label,
            )
            hint = m_("Choose another host.")
            yield found("R81", Severity.block, move.target, "host", move.host, message, hint, page=Page.home_server)


def has_address(pif: PIF) -> bool:
    """The PIF has an address of its primary type; link-local IPv6 addresses don't count (xapi_host.ml,
    migrate_receive)."""
    if pif.primary_address_type == "IPv6":
        return any(not address.lower().startswith("fe80") for address in pif.IPv6)
    return bool(pif.IP)


def carries(inventory: Inventory, host: HostRef, network: NetworkRef) -> Problems:
    """R82: the host can receive disks over this network: a PIF, plugged, with an address
    (xapi_host.ml, migrate_receive)."""
    if network not in inventory.network:
        message, hint = m_("The chosen storage network no longer exists."), m_("Choose another storage network.")
        yield found("R82", Severity.block, inventory, "network", network, message, hint, page=CARRIER)
        return
    pif = inventory.pif(host, network)
    name = {"host": inventory.name_of("host", host), "network": inventory.name_of("network", network)}
    if pif is None:
        message = m_("{host} is not on the network {network}.", **name)
    elif not pif.currently_attached:
        message = m_("The interface of {host} on {network} is unplugged.", **name)
    elif not has_address(pif):
        message = m_("{host} has no IP address on {network}.", **name)
    else:
        return
    hint = m_("Choose another storage network.")
    yield found("R82", Severity.block, inventory, "network", network, message, hint, page=CARRIER)


@rule("R82", "storage network", "SH", CARRIER)
def storage_network(move: Sent) -> Problems:
    if move.host is None or not (move.crosses or move.carries_disks):
        return
    if move.storage_network is None:
        host = move.target.name_of("host", move.host)
        message = m_(
            "No network of {host} can carry the disks: none has a plugged interface with an IP address.", host=host
        )
        hint = m_("Configure an IP address on an interface of the host, or choose another host.")
        yield found("R82", Severity.block, move.target, "host", move.host, message, hint, page=CARRIER)
    else:
        yield from carries(move.target, move.host, move.storage_network)


@rule("R82", "network of the memory", "L", CARRIER)
def memory_network(move: Sent) -> Problems:
    """A network for `VM.pool_migrate` is the operator's choice, when a host is emptied
    (xapi_vm_migrate.ml, pool_migrate)."""
    if move.host is not None and move.memory_network is not None:
        yield from carries(move.target, move.host, move.memory_network)


@rule("R83", "management network", "SH", CARRIER)
def management(move: Sent) -> Problems:
    network = move.storage_network
    if network is None or not (move.crosses or move.carries_disks):
        return
    if move.target.is_management(network):
        message = m_(
            "The disks are sent over the management network {network}; this is not recommended for performance.",
            network=move.target.name_of("network", network),
        )
        hint = m_("Choose another network if there is one.")
        yield found("R83", Severity.warn, move.target, "network", network, message, hint, page=CARRIER)


def _sending_network(move: OfVm, network: NetworkRef) -> NetworkRef | None:
    """The network of the source by which the disks probably leave: inside a pool the same, else the one of the same
    name, else the management network."""
    if not move.crosses:
        return network
    name = move.target.name_of("network", network)
    same = move.source.networks_by_name.get(name, ())
    return same[0] if len(same) == 1 else next(iter(sorted(move.source.management_networks)), None)


@rule("R86", "packets of another size", "SH", CARRIER)
def packet_size(move: Sent) -> Problems:
    """Where one side sends larger packets than the other takes, a transfer stands still after its first bytes."""
    network = move.storage_network
    if move.host is None or network is None or not (move.crosses or move.carries_disks):
        return
    sender = move.vm.resident_on if move.is_running else move.source.pool.master
    leaves = _sending_network(move, network)
    here = move.source.pif(sender, leaves) if leaves is not None else None
    there = move.target.pif(move.host, network)
    if here is not None and there is not None and here.MTU and there.MTU and here.MTU != there.MTU:
        message = m_(
            "The storage network {network} has packets of {there} bytes at {host} and of {here} bytes at {sender}.",
            network=move.target.name_of("network", network),
            there=there.MTU,
            host=move.target.name_of("host", move.host),
            here=here.MTU,
            sender=move.source.name_of("host", sender),
        )
        hint = m_("Set the same MTU on both sides, or choose another storage network.")
        yield found("R86", Severity.warn, move.target, "network", network, message, hint, page=CARRIER)


@rule("R86", "interfaces locked to addresses", "SH", NETWORKS)
def locked_addresses(move: Sent) -> Problems:
    """A VIF with the locking mode `locked` lets only its addresses pass, which belong to the network that it leaves."""
    if not move.crosses:
        return
    for ref, vif in move.source.vifs(move.ref):
        if vif.locking_mode != "locked":
            continue
        allowed = listed([*vif.ipv4_allowed, *vif.ipv6_allowed]) or m_("no address")
        message = m_(
            "The interface {mac} of {vm} is locked to {addresses}; on another network nothing else passes.",
            mac=vif.MAC,
            vm=move.vm.name_label,
            addresses=allowed,
        )
        hint = m_("Change its allowed addresses after the move, or unlock it first.")
        yield found("R86", Severity.warn, move.source, "VIF", ref, message, hint, page=NETWORKS)


@rule("R84", "routes", "SH")
def routes(move: Sent) -> Problems:
    """Cannot be checked from a client, so it is said."""
    if move.crosses and move.host is not None:
        message = m_(
            "Not checked: whether the hosts of {source} can reach {host} over the storage network, and the coordinator"
            " of {target} on port 443.",
            source=move.source.name,
            host=move.target.name_of("host", move.host),
            target=move.target.name,
        )
        yield found("R84", Severity.info, move.target, "pool", move.target.pool_ref, message)
