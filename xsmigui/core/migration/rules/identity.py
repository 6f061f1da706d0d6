"""Rules about who a VM is among others: twins, groups, schedules, addresses."""

from typing import Final

from xsmigui.core.messages import listed, m_
from xsmigui.core.migration.moves import Copied, Sent
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import HostRef, NetworkRef, VifRef, VmRef, is_null

DESTINATION: Final = Page.destination


@rule("R13", "a VM of the same identity at the destination", page=DESTINATION)
def duplicate(move: Sent) -> Problems:
    """The import there refuses a VM with a uuid that is in use, or with the mac_seed of another VM; a halted VM with
    the same uuid and a lower `version` is replaced (import.ml)."""
    if not move.crosses or move.draft.copy:
        return
    known = move.target.vms_by_identity
    twins = known.get(move.vm.uuid, ())
    for ref in twins:
        other = move.target.VM[ref]
        name = {"vm": move.vm.name_label, "other": other.name_label, "pool": move.target.name}
        if other.power_state == "Halted" and other.version < move.vm.version:
            message = m_("{pool} has an older, halted VM with the identity of {vm}; the move replaces it.", **name)
            hint = m_("Keep a copy of {other} first if its disks are still needed.", **name)
            yield found("R13", Severity.warn, move.target, "VM", ref, message, hint, page=DESTINATION)
        else:
            message = m_("{pool} already has a VM with the identity of {vm}: {other}.", **name)
            hint = m_("Remove {other} there if it is a leftover, or copy {vm} instead of moving it.", **name)
            yield found("R13", Severity.block, move.target, "VM", ref, message, hint, page=DESTINATION)
    for ref in known.get(f"mac_seed={move.vm.other_config.get('mac_seed', '')}", ()):
        other = move.target.VM[ref]
        name = {"vm": move.vm.name_label, "other": other.name_label, "pool": move.target.name}
        if ref not in twins:
            message = m_("{other} in {pool} makes its MAC addresses from the same seed as {vm}.", **name)
            hint = m_("Remove {other} there if it is a leftover, or copy {vm} instead of moving it.", **name)
            yield found("R13", Severity.block, move.target, "VM", ref, message, hint, page=DESTINATION)


@batch_rule("R13", "one identity twice in a batch", DESTINATION)
def twins(batch: Batch) -> Problems:
    """The import refuses the second of two VMs that make their MACs from one seed (import.ml, DUPLICATE_MAC_SEED),
    which no assertion tells while neither is there."""
    seeds: dict[str, list[Sent | Copied]] = {}
    for move in batch.of_vms:
        seed = move.vm.other_config.get("mac_seed", "")
        if move.crosses and not batch.draft.copy and seed:
            seeds.setdefault(seed, []).append(move)
    for moves in seeds.values():
        for move in moves[1:]:
            first = moves[0]
            name = {"vm": move.vm.name_label, "other": first.vm.name_label, "pool": batch.target.name}
            message = m_(
                "{vm} makes its MAC addresses from the same seed as {other}, which goes to {pool} too.", **name
            )
            hint = m_("Copy one of them instead of moving it, or leave it out.")
            yield found("R13", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R21", "left behind", page=DESTINATION)
def left_behind(move: Sent) -> Problems:
    """vApps, snapshot schedules and groups belong to a pool (import.ml sets them to null); the VM arrives without."""
    if not move.crosses:
        return
    tables = move.source.tables
    left = []
    if not is_null(move.vm.appliance):
        left.append(m_("the vApp {name}", name=move.source.name_of("VM_appliance", move.vm.appliance)))
    if not is_null(move.vm.snapshot_schedule):
        left.append(m_("the snapshot schedule {name}", name=move.source.name_of("VMSS", move.vm.snapshot_schedule)))
    left += [
        m_("the group {name}", name=move.source.name_of("VM_group", group))
        for group in move.vm.groups
        if group in tables["VM_group"]
    ]
    if left:
        message = m_(
            "{vm} leaves behind what belongs to {pool}: {left}.",
            vm=move.vm.name_label,
            pool=move.source.name,
            left=listed(left),
        )
        hint = m_("Set it up again in {pool} if it is needed there.", pool=move.target.name)
        yield found("R21", Severity.info, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@batch_rule("R22", "VMs that are to be kept apart", Page.home_server)
def kept_apart(batch: Batch) -> Problems:
    """Groups with the placement `anti_affinity` (since 24.19): the server prefers other hosts when it chooses one, and
    refuses nothing."""
    coming: dict[VmRef, HostRef] = {
        move.ref: move.host
        for move in batch.of_vms
        if move.host is not None and not move.crosses and (move.is_running or move.starts)
    }
    for group in batch.target.VM_group.values():
        if group.placement != "anti_affinity" or not coming.keys() & set(group.VMs):
            continue
        together: dict[HostRef, list[VmRef]] = {}
        for vm in group.VMs:
            record = batch.target.VM.get(vm)
            host = coming.get(vm, record.resident_on if record else HostRef(""))
            if host in batch.target.host:
                together.setdefault(host, []).append(vm)
        for host, vms in together.items():
            moved = [vm for vm in vms if vm in coming and batch.target.VM[vm].resident_on != host]
            if len(vms) > 1 and moved:
                message = m_(
                    "{vms} of the group {group}, which are to be kept apart, would run on {host} together.",
                    vms=listed(sorted(batch.target.name_of("VM", vm) for vm in vms)),
                    group=group.name_label,
                    host=batch.target.name_of("host", host),
                )
                hint = m_("Choose another host for some of them.")
                yield found("R22", Severity.warn, batch.target, "host", host, message, hint, page=Page.home_server)


@rule("R85", "MAC address in use", "SH", Page.networks)
def address_in_use(move: Sent) -> Problems:
    """The VM keeps its addresses when it moves; two on one network disturb each other. A copy gets new ones."""
    if not move.crosses or move.draft.copy:
        return
    for ref, vif in move.source.vifs(move.ref):
        network = move.networks.get(ref)
        for other in move.target.vifs_by_mac.get(vif.MAC.lower(), ()):
            there = move.target.VIF[other]
            owner = move.target.VM.get(there.VM)
            if there.network != network or owner is None or owner.uuid == move.vm.uuid:
                continue
            message = m_(
                "The MAC address {mac} of {vm} is in use on {network} already: by {other}.",
                mac=vif.MAC,
                vm=move.vm.name_label,
                network=move.target.name_of("network", there.network),
                other=owner.name_label,
            )
            hint = m_(
                "Shut {other} down or change the address of one of them; a copy gets new addresses.",
                other=owner.name_label,
            )
            yield found("R85", Severity.warn, move.source, "VIF", ref, message, hint, page=Page.networks)


@batch_rule("R85", "one MAC address twice in a batch", Page.networks)
def addresses_meet(batch: Batch) -> Problems:
    """VMs that keep their addresses and are brought onto one network: clones whose addresses were set by hand, which
    lay on two networks before."""
    if batch.draft.copy:
        return
    met: dict[tuple[NetworkRef, str], tuple[Sent | Copied, VifRef]] = {}
    for move in batch.of_vms:
        for ref, vif in move.source.vifs(move.ref) if move.crosses else ():
            network = move.networks.get(ref)
            if network is None:
                continue
            first, other = met.setdefault((network, vif.MAC.lower()), (move, ref))
            if other == ref or first.source.VIF[other].network == vif.network:  # they meet already
                continue
            message = m_(
                "{vm} and {other} have the same MAC address, {mac}, and would both be on {network}.",
                vm=move.vm.name_label,
                other=first.vm.name_label,
                mac=vif.MAC,
                network=batch.target.name_of("network", network),
            )
            hint = m_("Choose another network for one of them, or change its address first.")
            yield found("R85", Severity.warn, move.source, "VIF", ref, message, hint, page=Page.networks)
