"""Checks of one VM against a host's processor: vendor, features, number, virtual hardware."""

from typing import Final

from xsmigui.core.features import comparable, missing
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import listed, m_, mn_
from xsmigui.core.migration.moves import Sent
from xsmigui.core.migration.rules.base import Problems, found, offer_shut_down, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import VM, Host
from xsmigui.core.releases import Since, knows, pool_knows
from xsmigui.core.units import whole

HOME: Final = Page.home_server
TOLD: Final = 12
"""Features that a sentence names."""


@rule("R30", "processor vendor", "LS", HOME)
def vendor(move: Sent) -> Problems:
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or move.runs_on:
        return
    had, has = move.vm.last_boot_CPU_flags.get("vendor"), host.cpu_info.get("vendor")
    if had and has and had != has:
        message = m_(
            "{vm} cannot run on {host}: it was started on a processor of {had}, but {host} has one of {has}.",
            vm=move.vm.name_label,
            host=host.name_label,
            had=had,
            has=has,
        )
        hint = m_("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        yield offer_shut_down(
            move, found("R30", Severity.block, move.target, "host", move.host, message, hint, page=HOME)
        )


def _domain(inventory: Inventory, vm: VM) -> str:
    """The kind of domain that a VM runs as, or would."""
    metrics = inventory.VM_metrics.get(vm.metrics)
    domain = metrics.current_domain_type if metrics else "unspecified"
    if domain == "unspecified":
        domain = vm.domain_type if vm.domain_type != "unspecified" else "hvm" if vm.HVM_boot_policy else "pv"
    return domain


def _feature_sets(inventory: Inventory, vm: VM, host: Host) -> tuple[str, str]:
    """The features that a VM was started with, and those that a host offers to its kind of domain
    (cpuid_helpers.ml, assert_vm_is_compatible)."""
    key = "features_pv" if _domain(inventory, vm) == "pv" else "features_hvm"
    return vm.last_boot_CPU_flags.get("features", ""), host.cpu_info.get(key, "")


def _lacking(inventory: Inventory, vm: VM, host: Host) -> list[str]:
    """The features that a VM was started with and a host does not offer, by name."""
    return missing(*_feature_sets(inventory, vm, host))


@rule("R31", "processor of snapshots with memory", "SH", HOME)
def snapshots_with_memory(move: Sent) -> Problems:
    """Since 24.40 the destination checks them when it imports a VM that is not halted (xapi import.ml, precheck).
    Before, and for halted VMs, nobody does, and the memory cannot be resumed there."""
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or not move.crosses or move.draft.copy:
        return
    both = pool_knows(move.source, Since.IMPORT_CHECKS_PROCESSOR) and knows(
        host.software_version, Since.IMPORT_CHECKS_PROCESSOR
    )
    refused = both and move.vm.power_state != "Halted"
    for ref in move.source.snapshots(move.ref):
        snapshot = move.source.VM[ref]
        if snapshot.power_state != "Suspended":
            continue
        had, has = snapshot.last_boot_CPU_flags.get("vendor"), host.cpu_info.get("vendor")
        if (had and has and had != has) or _lacking(move.source, snapshot, host):
            message = m_(
                "The memory in the snapshot {snapshot} of {vm} cannot run on {host}: its processor differs too much.",
                snapshot=snapshot.name_label,
                vm=move.vm.name_label,
                host=host.name_label,
            )
            hint = m_("Choose another host, or delete the snapshot if it is no longer needed.")
            severity = Severity.block if refused else Severity.warn
            yield found("R31", severity, move.target, "host", move.host, message, hint, page=HOME)


@rule("R31", "processor features", "LS", HOME)
def features(move: Sent) -> Problems:
    """Each feature that the VM was started with must be among the host's, word by word (cpuid_helpers.ml,
    assert_vm_is_compatible:
    VM_INCOMPATIBLE_WITH_THIS_HOST). What cannot be compared is said."""
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or move.runs_on:
        return
    had, has = move.vm.last_boot_CPU_flags.get("vendor"), host.cpu_info.get("vendor")
    if had and has and had != has:
        return  # R30 says it; the vendors number other things alike
    used, offered = _feature_sets(move.source, move.vm, host)
    lacking = missing(used, offered)
    name = {"vm": move.vm.name_label, "host": host.name_label}
    if lacking:
        message = mn_(
            "{vm} cannot run on {host}: its processor lacks {n} feature that {vm} uses: {features}.",
            "{vm} cannot run on {host}: its processor lacks {n} features that {vm} uses: {features}.",
            len(lacking),
            features=listed(lacking, TOLD),
            **name,
        )
        hint = m_("Shut {vm} down and start it there, or choose another host.", **name)
        yield offer_shut_down(
            move, found("R31", Severity.block, move.target, "host", move.host, message, hint, page=HOME)
        )
    elif used and not comparable(used, offered):
        message = m_("The processor features of {vm} and {host} cannot be compared from here.", **name)
        hint = m_("The server compares them before it starts.")
        yield found("R31", Severity.info, move.target, "host", move.host, message, hint, page=HOME)


@rule("R32", "processors of a pool differ", "L", HOME)
def levelled(move: Sent) -> Problems:
    """The pool offers VMs only what all its hosts have (create_misc.ml, create_pool_cpuinfo)."""
    if move.host is not None and not move.runs_on and len(move.target.feature_sets) > 1:
        message = m_(
            "The processors of the hosts of {pool} differ; the pool offers its VMs what all of them have.",
            pool=move.target.name,
        )
        yield found("R32", Severity.info, move.target, "pool", move.target.pool_ref, message, page=HOME)


@rule("R33", "more vCPUs than the host has", page=HOME)
def pcpus(move: Sent) -> Problems:
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or move.vm.platform.get("vcpu-unrestricted") == "true":
        return
    count = whole(host.cpu_info.get("cpu_count", ""))
    if count is None:
        message = m_("How many processors {host} has is not known.", host=host.name_label)
        yield found("R33", Severity.info, move.target, "host", move.host, message, page=HOME)
    elif move.vm.VCPUs_max > count:
        message = mn_(
            "{vm} may have up to {vcpus} vCPUs; {host} has {n} processor.",
            "{vm} may have up to {vcpus} vCPUs; {host} has {n} processors.",
            count,
            vm=move.vm.name_label,
            vcpus=move.vm.VCPUs_max,
            host=host.name_label,
        )
        yield found(
            "R33",
            Severity.block,
            move.target,
            "host",
            move.host,
            message,
            m_("Choose a larger host, or give the VM fewer vCPUs."),
            page=HOME,
        )


@rule("R34", "virtual hardware platform", page=HOME)
def hardware_platform(move: Sent) -> Problems:
    host = move.target.host.get(move.host) if move.host is not None else None
    offered = host.virtual_hardware_platform_versions if host else []
    if host and move.host is not None and offered and move.vm.hardware_platform_version not in offered:
        message = m_(
            "{host} does not offer version {version} of the virtual hardware, which {vm} needs.",
            host=host.name_label,
            version=move.vm.hardware_platform_version,
            vm=move.vm.name_label,
        )
        yield found(
            "R34", Severity.block, move.target, "host", move.host, message, m_("Choose a newer host."), page=HOME
        )
