"""Rules about the guest and the devices that it was given."""

from collections.abc import Iterator
from typing import Final

from xsmigui.core.messages import Size, listed, m_
from xsmigui.core.migration.moves import Kind, LooseDisk, Move, OfVm, Sent, own_disks
from xsmigui.core.migration.rules.base import Problems, found, offer_shut_down, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import VGPU
from xsmigui.core.refs import NetworkRef
from xsmigui.core.releases import Since, pool_knows, version_of

DESTINATION: Final = Page.destination


def _implementation(move: OfVm, gpu: VGPU) -> str:
    kind = move.source.VGPU_type.get(gpu.type)
    return kind.implementation if kind else "passthrough"


def _virtual_functions(move: OfVm) -> Iterator[NetworkRef]:
    """The SR-IOV networks that the VM is on."""
    for network in dict.fromkeys(vif.network for _ref, vif in move.source.vifs(move.ref)):
        pifs = [move.source.PIF.get(p) for p in getattr(move.source.network.get(network), "PIFs", ())]
        if any(pif is not None and pif.sriov_logical_PIF_of for pif in pifs):
            yield network


@rule("R02", "VM Tools", "LS", DESTINATION)
def tools(move: Sent) -> Problems:
    """A running HVM guest must say that it can be suspended, or have had its drivers seen; from 25.24 until 25.27
    drivers alone prove nothing (xapi_vm_lifecycle.ml, check_op_for_feature: VM_LACKS_FEATURE)."""
    metrics = move.source.VM_metrics.get(move.vm.metrics)
    domain = metrics.current_domain_type if metrics else "unspecified"
    if not move.is_running or domain in ("pv", "pvh", "pv_in_pvh"):
        return
    guest = move.source.VM_guest_metrics.get(move.vm.guest_metrics)
    seen = guest.PV_drivers_version.keys() if guest else set()
    says = guest.other.get("feature-suspend", "") if guest else ""
    drivers_count = not pool_knows(move.source, Since.REASONS_OF_GUESTS) or pool_knows(
        move.source, Since.DRIVERS_COUNT_AGAIN
    )
    if says == "1" or (drivers_count and {"major", "minor"} <= seen):
        return
    hint = m_("Install them in the guest, or shut {vm} down and move it halted.", vm=move.vm.name_label)
    if domain == "hvm":
        message, severity = m_("VM Tools are not running in {vm}.", vm=move.vm.name_label), Severity.block
    else:
        message = m_("VM Tools were not seen in {vm}, and how it was started is not known.", vm=move.vm.name_label)
        severity = Severity.warn
    yield found("R02", severity, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R03", "age of VM Tools", "LS", DESTINATION)
def tools_age(move: Sent) -> Problems:
    guest = move.source.VM_guest_metrics.get(move.vm.guest_metrics)
    if move.is_running and guest and guest.PV_drivers_version and not guest.PV_drivers_up_to_date:
        message = m_("VM Tools in {vm} are not up to date.", vm=move.vm.name_label)
        hint = m_("Update them in the guest if you can before it moves.")
        yield found("R03", Severity.warn, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R76", "the guest cannot be suspended", "LSH", DESTINATION)
def cannot_suspend(move: Sent) -> Problems:
    """Refused since 25.24 (VM_NON_SUSPENDABLE), from 25.27 until 26.13 also of a VM that does not run. Older servers
    begin all the same, and the guest stops the migration at its end."""
    guest = move.source.VM_guest_metrics.get(move.vm.guest_metrics)
    reason = guest.other.get("data-cant-suspend-reason") if guest else None
    refused = pool_knows(move.source, Since.REASONS_OF_GUESTS)
    counts = move.is_running or (
        pool_knows(move.source, Since.DRIVERS_COUNT_AGAIN) and not pool_knows(move.source, Since.GUESTS_MATTER_LIVE)
    )
    if counts and reason is not None:
        message = m_(
            "The guest of {vm} says that it cannot be paused: “{reason}”.", vm=move.vm.name_label, reason=reason
        )
        hint = m_("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        severity = Severity.block if refused else Severity.warn
        yield offer_shut_down(
            move, found("R76", severity, move.source, "VM", move.ref, message, hint, page=DESTINATION)
        )


@rule("R70", "PCI devices", "LS", DESTINATION)
def pci(move: Sent) -> Problems:
    """Passed through, or a virtual function of a network (SR-IOV); those of NVIDIA's virtual GPUs move
    (xapi_vm_lifecycle.ml, check_operation_error: VM_HAS_PCI_ATTACHED)."""
    own = {gpu.PCI for gpu in move.source.vgpus(move.ref) if _implementation(move, gpu) == "nvidia_sriov"}
    if move.is_running and set(move.vm.attached_PCIs) - own:
        message = m_("{vm} uses a PCI device of its host, which cannot move with it.", vm=move.vm.name_label)
        networks = [move.source.name_of("network", n) for n in _virtual_functions(move)]
        if networks:
            message = m_(
                "{vm} uses a virtual function (SR-IOV) of its host on {networks}, which cannot move with it.",
                vm=move.vm.name_label,
                networks=listed(networks),
            )
        hint = m_("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        yield offer_shut_down(
            move, found("R70", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
        )


@rule("R71", "USB devices", page=DESTINATION)
def usb(move: Sent) -> Problems:
    if move.vm.VUSBs:
        message = m_("{vm} has a USB device of its host attached.", vm=move.vm.name_label)
        hint = m_("Detach it in the VM's USB settings; the guest loses it until it is attached again.")
        yield found("R71", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R73", "immobile", "LS", DESTINATION)
def immobile(move: Sent) -> Problems:
    """`nomigrate` or nested virtualisation, which suspended VMs keep (xapi_vm_lifecycle.ml, is_mobile:
    VM_IS_IMMOBILE)."""
    metrics = move.source.VM_metrics.get(move.vm.metrics)
    platform = move.vm.platform
    reasons = []
    if metrics.nomigrate if metrics else platform.get("nomigrate") == "true":
        reasons.append(m_("it is marked as not to be migrated"))
    if metrics.nested_virt if metrics else platform.get("nested-virt") == "true":
        reasons.append(m_("it uses nested virtualisation"))
    if reasons:
        message = m_("{vm} cannot be migrated live: {reasons}.", vm=move.vm.name_label, reasons=listed(reasons))
        hint = m_("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        yield offer_shut_down(
            move, found("R73", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
        )


def _moves(move: OfVm, gpu: VGPU) -> bool:
    """NVIDIA's virtual GPUs move where the host knows what they are compatible with
    (xapi_vm_lifecycle.ml, check_vgpu)."""
    on = move.source.PGPU.get(gpu.resident_on)
    return (
        _implementation(move, gpu) in ("nvidia", "nvidia_sriov") and on is not None and bool(on.compatibility_metadata)
    )


@rule("R72", "virtual GPUs", page=DESTINATION)
def virtual_gpus(move: Sent) -> Problems:
    """Those that cannot move stop the move of a running or suspended VM (VM_HAS_VGPU); the state of the others is sent
    while the VM pauses. Whether the destination has room for them the server tells."""
    if not move.vm.VGPUs:
        return
    gpus = move.source.vgpus(move.ref)
    if move.vm.power_state == "Halted":
        if move.crosses:
            message = m_(
                "{vm} has a virtual GPU: {pool} must have a GPU of the same kind.",
                vm=move.vm.name_label,
                pool=move.target.name,
            )
            yield found("R72", Severity.info, move.source, "VM", move.ref, message, page=DESTINATION)
        return
    if len(gpus) < len(move.vm.VGPUs) or not all(_moves(move, gpu) for gpu in gpus):
        message = m_("{vm} uses a virtual GPU that cannot move.", vm=move.vm.name_label)
        hint = m_("Shut {vm} down and move it halted.", vm=move.vm.name_label)
        yield offer_shut_down(
            move, found("R72", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
        )
        return
    kinds = [move.source.VGPU_type[gpu.type] for gpu in gpus]
    message = m_(
        "The memory of the virtual GPU of {vm} ({size}) is sent while {vm} pauses.",
        vm=move.vm.name_label,
        size=Size(sum(kind.framebuffer_size for kind in kinds)),
    )
    hint = m_("Use a fast network, and expect a longer pause.")
    yield found("R72", Severity.warn, move.source, "VM", move.ref, message, hint, page=DESTINATION)


VTPM_FROM: Final = "3.3.0"
"""The first platform version that carries virtual TPMs (XenServer 8, XCP-ng 8.3)."""


@rule("R74", "virtual TPM", "SH", DESTINATION)
def virtual_tpm(move: Sent) -> Problems:
    """It is exported with its contents and destroyed at the source
    (xapi_vm_migrate.ml, migrate_send')."""
    if not move.vm.VTPMs or not move.crosses:
        return
    host = move.target.host.get(move.host) if move.host is not None else None
    version = host.software_version.get("platform_version", "") if host else ""
    if version and version_of(version) < version_of(VTPM_FROM):
        message = m_(
            "{vm} has a virtual TPM, which {pool} does not know.", vm=move.vm.name_label, pool=move.target.name
        )
        hint = m_("Choose a destination of a newer version.")
        yield found("R74", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
    else:
        message = m_("The virtual TPM of {vm} moves with it.", vm=move.vm.name_label)
        hint = m_("Have the recovery keys of the guest's encrypted disks at hand.")
        yield found("R74", Severity.info, move.source, "VM", move.ref, message, hint, page=DESTINATION)


@rule("R75", "IPv6 and old kernels", "SD", DESTINATION)
def ipv6_kernel(move: Move) -> Problems:
    """A Linux guest with IPv6 and a kernel before 3.0 may lose its addresses when it moves on the same host."""
    guest = None if isinstance(move, LooseDisk) else move.source.VM_guest_metrics.get(move.vm.guest_metrics)
    if (
        isinstance(move, LooseDisk)
        or guest is None
        or not move.is_running
        or move.stops
        or (move.kind is Kind.storage and not move.stays_on_host)
    ):
        return
    distribution = guest.os_version.get("distro", "")
    ipv6 = any("/ipv6/" in key for key in guest.networks)
    if not ipv6 or not distribution or distribution == "windows":
        return
    kernel = guest.os_version.get("uname", "")
    if not kernel:
        message = m_("{vm} uses IPv6, and the version of its kernel is not known.", vm=move.vm.name_label)
        severity = Severity.info
    elif version_of(kernel) < (3,):
        message = m_("{vm} uses IPv6 with an old kernel ({kernel}).", vm=move.vm.name_label, kernel=kernel)
        severity = Severity.warn
    else:
        return
    hint = m_("Kernels before 3.0 may lose IPv6 addresses; check them after the move.")
    yield found("R75", severity, move.source, "VM", move.ref, message, hint, page=DESTINATION)


SCHEME: Final = "CitrixProvisioningSchemeId"
"""The mark that Machine Creation Services sets on its machines and their disks (vendor's documentation)."""

GUESSES: Final = ("xendesktop", "citrix-vda", "mcs", "machine creation", "pvs")


@rule("R18", "desktops of a catalog", "SD", DESTINATION)
def desktop(move: Move) -> Problems:
    """Machines of Citrix Virtual Apps and Desktops belong to a catalog that knows their SR; Machine Creation Services
    marks its own, other signs are guesses."""
    if isinstance(move, LooseDisk):
        return
    disks = own_disks(move.source, move.ref).values()
    holders = [(move.vm.name_label, move.vm.other_config, move.vm.tags)]
    holders += [(disk.name_label, disk.other_config, disk.tags) for disk in disks]
    marked = [name for name, config, tags in holders if SCHEME in config or any(t.startswith(SCHEME) for t in tags)]
    if marked:
        message = m_(
            "{vm} belongs to a catalog of Machine Creation Services ({evidence}), which cannot follow it to another"
            " SR.",
            vm=move.vm.name_label,
            evidence=m_("{mark} on {names}", mark=SCHEME, names=listed(marked)),
        )
        hint = m_("Move the catalog with the tools of Citrix Virtual Apps and Desktops.")
        yield found("R18", Severity.block, move.source, "VM", move.ref, message, hint, page=DESTINATION)
        return
    signs = [tag for tag in move.vm.tags if tag.casefold() in GUESSES]
    signs += [key for key in move.vm.other_config if key.casefold() in GUESSES]
    signs += [disk.name_label for disk in disks if "identitydisk" in disk.name_label.casefold().replace(" ", "")]
    if signs:
        message = m_(
            "{vm} looks like a machine of Citrix Virtual Apps and Desktops: {evidence}.",
            vm=move.vm.name_label,
            evidence=listed(signs),
        )
        hint = m_("If it belongs to a catalog, do not move it with this program.")
        yield found("R18", Severity.warn, move.source, "VM", move.ref, message, hint, page=DESTINATION)
