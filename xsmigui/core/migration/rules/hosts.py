"""Checks of one VM against one host: version, processor, memory, and whether the host takes VMs at all."""

from typing import Final

from xsmigui.core.features import comparable, missing
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.moves import Kind, Move
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found, offer_shut_down, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.records import VM, Host
from xsmigui.core.refs import HostRef
from xsmigui.core.releases import version_of
from xsmigui.core.text import _, joined, n_
from xsmigui.core.units import size, whole

HOME: Final = Page.home_server
TOLD: Final = 12
"""Features that a sentence names."""

LEAVING: Final = frozenset({"evacuate", "shutdown", "reboot"})
VERSION_KEYS: Final = ("platform_version", "xapi_build", "xen")


def older(host: dict[str, str], than: dict[str, str]) -> str:
    """The first of the three version keys in which a host is older, as ``8.2.1 < 8.4.0``; empty if in none.

    xapi 25.33 compares all three, releases before it the platform alone."""
    for key in VERSION_KEYS:
        mine, theirs = host.get(key, ""), than.get(key, "")
        if mine and theirs and version_of(mine) < version_of(theirs):
            return f"{mine} < {theirs}"
    return ""


@rule("R01", "destination older than source", page=HOME)
def version(move: Move) -> Problems:
    """Compared with the host on which the VM runs, else with the coordinator, as the server does (xapi 6.2 #5i)."""
    if move.host is None:
        return
    running = move.is_running and move.vm.resident_on in move.source.host
    source = move.source.host.get(move.vm.resident_on if running else move.source.pool.master)
    target = move.target.host.get(move.host)
    comparison = older(target.software_version, source.software_version) if source and target else ""
    if target and not version_of(target.software_version.get("platform_version", "")):
        message = _("The version of {host} is not known.", host=target.name_label)
        hint = _("The server compares the versions before it starts.")
        yield found("R01", Severity.info, move.target, "host", move.host, message, hint, page=HOME)
    if comparison and target:
        yield found(
            "R01",
            Severity.block,
            move.target,
            "host",
            move.host,
            _("{host} is older than the current server ({versions}).", host=target.name_label, versions=comparison),
            _("Choose a host of the same version or a newer one."),
            page=HOME,
        )


RESTART_FROM, RESTART_TO = "7.1.2", "8.2.1"


@rule("R16", "restart after the upgrade", "SH", HOME)
def restart(move: Move) -> Problems:
    """The vendor asks for it from XenServer 7.1 CU2 to Citrix Hypervisor 8.2 CU1."""
    home = move.source.home(move.ref) or move.source.pool.master
    source = move.source.host.get(home)
    target = move.target.host.get(move.host) if move.host is not None else None
    if source is None or target is None or move.host is None:
        return
    product = (source.software_version.get("product_version"), target.software_version.get("product_version"))
    if product == (RESTART_FROM, RESTART_TO):
        message = _(
            "{vm} comes from version {old}: on {host} with {new} it keeps its old features until it is restarted.",
            vm=move.vm.name_label,
            old=RESTART_FROM,
            host=target.name_label,
            new=RESTART_TO,
        )
        hint = _("Shut {vm} down after the move and start it again.", vm=move.vm.name_label)
        yield found("R16", Severity.warn, move.source, "VM", move.ref, message, hint, page=HOME)


HOTFIX: Final = "XS82ECU1033"


@rule("R17", "port 80 of the destination", "SH", HOME)
def port_80(move: Move) -> Problems:
    """Citrix Hypervisor 8.2 CU1 sends over port 80 until its hotfix is installed; a host with `https_only` has it
    closed."""
    if not move.crosses or move.host is None or move.host not in move.target.host:
        return
    target = move.target.host[move.host]
    if not target.https_only:
        return
    old = [
        host.name_label
        for ref, host in move.source.host.items()
        if host.software_version.get("product_version") == RESTART_TO
        and host.software_version.get("product_brand", "").startswith(("Citrix", "XenServer"))
        and not any(u.name_label.startswith(HOTFIX) and ref in u.hosts for u in move.source.pool_update.values())
    ]
    if old:
        message = _(
            "{hosts} of {pool} need port 80 of {host}, which is closed there.",
            hosts=joined(old),
            pool=move.source.name,
            host=target.name_label,
        )
        hint = _(
            "Install the hotfix {hotfix} in {pool}, or open port 80 for a time.", hotfix=HOTFIX, pool=move.source.name
        )
        yield found("R17", Severity.block, move.target, "host", move.host, message, hint, page=HOME)


@rule("R05", "the host is to be emptied", "LSH", HOME)
def leaves(move: Move) -> Problems:
    """It is no target of the VMs that leave it."""
    if move.host is None or move.host != move.draft.leaves:
        return
    message = _("{host} is the host that is to be emptied.", host=move.target.name_of("host", move.host))
    hint = _("Choose another host.")
    yield found("R05", Severity.block, move.target, "host", move.host, message, hint, page=HOME)


@batch_rule("R05", "the host may be emptied", HOME)
def may_leave(batch: Batch) -> Problems:
    """The coordinator of a pool with high availability cannot be disabled (XenCenter refuses it too)."""
    host = batch.draft.leaves
    pool = batch.target.pool
    if host is not None and pool.ha_enabled and pool.master == host:
        message = _("{host} coordinates a pool with high availability.", host=batch.target.name_of("host", host))
        hint = _("Let another host coordinate the pool first, or switch high availability off for the time.")
        yield found("R05", Severity.block, batch.target, "host", host, message, hint, page=HOME)


@rule("R05", "the host takes VMs", page=HOME)
def available(move: Move) -> Problems:
    """Live and enabled (xapi 4.1 #6, #8: HOST_NOT_LIVE, HOST_DISABLED)."""
    if move.host is None:
        return
    host = move.target.host[move.host]
    name = host.name_label
    if not move.target.is_live(move.host):
        yield found(
            "R05",
            Severity.block,
            move.target,
            "host",
            move.host,
            _("{host} cannot be reached by its coordinator.", host=name),
            _("Wait until it is back, or choose another host."),
            page=HOME,
        )
    elif not host.enabled and not move.runs_on:
        yield found(
            "R05",
            Severity.block,
            move.target,
            "host",
            move.host,
            _("{host} is in maintenance mode.", host=name),
            _("Leave maintenance mode there, or choose another host."),
            page=HOME,
        )


@rule("R06", "the host is busy", page=HOME)
def leaving(move: Move) -> Problems:
    """A host that is being emptied, shut down or restarted takes no VMs (xapi 5.1 #6)."""
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None:
        return
    for operation in sorted(LEAVING.intersection(host.current_operations.values())):
        message = _("{host} is busy: {operation} is running.", host=host.name_label, operation=operation)
        hint = _("Wait until it has ended, or choose another host.")
        yield found("R06", Severity.block, move.target, "host", move.host, message, hint, page=HOME)


@rule("R30", "processor vendor", "LS", HOME)
def vendor(move: Move) -> Problems:
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or move.runs_on:
        return
    had, has = move.vm.last_boot_CPU_flags.get("vendor"), host.cpu_info.get("vendor")
    if had and has and had != has:
        message = _(
            "{vm} cannot run on {host}: it was started on a processor of {had}, and {host} has one of {has}.",
            vm=move.vm.name_label,
            host=host.name_label,
            had=had,
            has=has,
        )
        hint = _("Shut {vm} down and move it halted.", vm=move.vm.name_label)
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
    """The features that a VM was started with, and those that a host offers to its kind of domain (xapi 4.3)."""
    key = "features_pv" if _domain(inventory, vm) == "pv" else "features_hvm"
    return vm.last_boot_CPU_flags.get("features", ""), host.cpu_info.get(key, "")


def _lacking(inventory: Inventory, vm: VM, host: Host) -> list[str]:
    """The features that a VM was started with and a host does not offer, by name."""
    return missing(*_feature_sets(inventory, vm, host))


@rule("R31", "processor of snapshots with memory", "SH", HOME)
def snapshots_with_memory(move: Move) -> Problems:
    """In another pool the import checks them too (xapi 4.3)."""
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or not move.crosses or move.draft.copy:
        return
    for ref in move.source.snapshots(move.ref):
        snapshot = move.source.VM[ref]
        if snapshot.power_state != "Suspended":
            continue
        had, has = snapshot.last_boot_CPU_flags.get("vendor"), host.cpu_info.get("vendor")
        if (had and has and had != has) or _lacking(move.source, snapshot, host):
            message = _(
                "The memory in the snapshot {snapshot} of {vm} cannot run on {host}: its processor differs too much.",
                snapshot=snapshot.name_label,
                vm=move.vm.name_label,
                host=host.name_label,
            )
            hint = _("Choose another host, or delete the snapshot if it is no longer needed.")
            yield found("R31", Severity.block, move.target, "host", move.host, message, hint, page=HOME)


@rule("R31", "processor features", "LS", HOME)
def features(move: Move) -> Problems:
    """Each feature that the VM was started with must be among the host's, word by word (xapi 4.3:
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
        message = n_(
            "{vm} cannot run on {host}: its processor lacks {n} feature that {vm} uses: {features}.",
            "{vm} cannot run on {host}: its processor lacks {n} features that {vm} uses: {features}.",
            len(lacking),
            features=joined(lacking, TOLD),
            **name,
        )
        hint = _("Shut {vm} down and start it there, or choose another host.", **name)
        yield offer_shut_down(
            move, found("R31", Severity.block, move.target, "host", move.host, message, hint, page=HOME)
        )
    elif used and not comparable(used, offered):
        message = _("The processor features of {vm} and {host} cannot be compared from here.", **name)
        hint = _("The server compares them before it starts.")
        yield found("R31", Severity.info, move.target, "host", move.host, message, hint, page=HOME)


@rule("R32", "processors of a pool differ", "L", HOME)
def levelled(move: Move) -> Problems:
    """The pool offers VMs only what all its hosts have (xapi 4.3: `pool.cpu_info`)."""
    hosts = move.target.host.values()
    sets = {host.cpu_info.get("features_hvm_host", "") for host in hosts if host.cpu_info}
    if move.host is not None and not move.runs_on and len(sets) > 1:
        message = _(
            "The processors of the hosts of {pool} differ; the pool offers its VMs what all of them have.",
            pool=move.target.name,
        )
        yield found("R32", Severity.info, move.target, "pool", move.target.pool_ref, message, page=HOME)


@rule("R33", "more vCPUs than the host has", page=HOME)
def pcpus(move: Move) -> Problems:
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None or move.vm.platform.get("vcpu-unrestricted") == "true":
        return
    count = whole(host.cpu_info.get("cpu_count", ""))
    if count is None:
        message = _("How many processors {host} has is not known.", host=host.name_label)
        yield found("R33", Severity.info, move.target, "host", move.host, message, page=HOME)
    elif move.vm.VCPUs_max > count:
        message = _(
            "{vm} may have up to {vcpus} vCPUs; {host} has {pcpus} processors.",
            vm=move.vm.name_label,
            vcpus=move.vm.VCPUs_max,
            host=host.name_label,
            pcpus=count,
        )
        yield found(
            "R33",
            Severity.block,
            move.target,
            "host",
            move.host,
            message,
            _("Choose a larger host, or give the VM fewer vCPUs."),
            page=HOME,
        )


@rule("R34", "virtual hardware platform", page=HOME)
def hardware_platform(move: Move) -> Problems:
    host = move.target.host.get(move.host) if move.host is not None else None
    offered = host.virtual_hardware_platform_versions if host else []
    if host and move.host is not None and offered and move.vm.hardware_platform_version not in offered:
        message = _(
            "{host} does not offer version {version} of the virtual hardware, which {vm} needs.",
            host=host.name_label,
            version=move.vm.hardware_platform_version,
            vm=move.vm.name_label,
        )
        yield found(
            "R34", Severity.block, move.target, "host", move.host, message, _("Choose a newer host."), page=HOME
        )


def lacks_memory(target: Inventory, host: HostRef, vm_name: str, need: int, free: int) -> Problems:
    """R40 for one host and what must fit on it."""
    if need > free:
        message = _(
            "{host} has {free} of memory free; {vm} needs {need}.",
            host=target.name_of("host", host),
            free=size(free),
            vm=vm_name,
            need=size(need),
        )
        hint = _("Choose another host, or lower the VM's minimum memory.")
        yield found("R40", Severity.block, target, "host", host, message, hint, page=HOME)


@rule("R40", "memory", page=HOME)
def memory(move: Move) -> Problems:
    """One VM against what is free now; R42 looks at VMs that stay on their host. Inside a
    pool the server asks for the memory of VMs that do not run too (xapi 6.2 #7i); a suspended one that goes to another
    pool could not be resumed there."""
    if move.host is None or move.runs_on or (move.crosses and move.kind is Kind.halted and not move.starts):
        return
    free = move.target.free_memory(move.host)
    if move.is_running or move.starts or not move.crosses:
        yield from lacks_memory(move.target, move.host, move.vm.name_label, move.memory, free)
    elif move.memory > free:
        message = _(
            "{host} has {free} of memory free, and {vm} needs {need} when it is resumed.",
            host=move.target.name_of("host", move.host),
            free=size(free),
            vm=move.vm.name_label,
            need=size(move.memory),
        )
        hint = _("Choose another host, or make room there before you resume it.")
        yield found("R40", Severity.warn, move.target, "host", move.host, message, hint, page=HOME)


@rule("R42", "memory twice", "S", HOME)
def memory_twice(move: Move) -> Problems:
    """Disks that move while the VM runs and stays on its host (xapi 4.2)."""
    if move.host is None or not move.runs_on or not move.moving:
        return
    free = move.target.free_memory(move.host)
    if move.memory > free:
        message = _(
            "While its disks move, {vm} needs its memory a second time on {host}: {need}, and {free} is free.",
            vm=move.vm.name_label,
            host=move.target.name_of("host", move.host),
            need=size(move.memory),
            free=size(free),
        )
        hint = _("Choose another host for {vm}, or shut it down and move its disks then.", vm=move.vm.name_label)
        yield found("R42", Severity.block, move.target, "host", move.host, message, hint, page=HOME)


@rule("R41", "room at the source", "S", HOME)
def room_at_the_source(move: Move) -> Problems:
    """If the VM stops meanwhile it has to be started at the source again."""
    if not move.is_running or move.host is None or not move.moving:
        return
    able = [h for h in move.source.host if move.source.is_live(h) and move.source.host[h].enabled]
    free = max((move.source.free_memory(host) for host in able), default=0)
    if move.memory > free:
        message = _(
            "If {vm} stops while it moves and another VM takes its memory, no host of {pool} could start it again:"
            " it needs {need}, and {free} is free.",
            vm=move.vm.name_label,
            pool=move.source.name,
            need=size(move.memory),
            free=size(free),
        )
        hint = _("Start no other VM there until the move has ended.")
        yield found("R41", Severity.warn, move.source, "VM", move.ref, message, hint, page=HOME)


@rule("R43", "dynamic memory", "LS", HOME)
def dynamic_memory(move: Move) -> Problems:
    """Without its licence the destination wants a fixed size (`restrict_dmc`)."""
    fixed = move.vm.memory_dynamic_min == move.vm.memory_dynamic_max == move.vm.memory_static_max
    if move.host is None or fixed or move.target.pool.restrictions.get("restrict_dmc") != "true":
        return
    message = _(
        "The licence of {pool} does not include dynamic memory, and {vm} has a range: {low} to {high}.",
        pool=move.target.name,
        vm=move.vm.name_label,
        low=size(move.vm.memory_dynamic_min),
        high=size(move.vm.memory_static_max),
    )
    hint = _("Give {vm} a fixed amount of memory first.", vm=move.vm.name_label)
    yield found("R43", Severity.block, move.source, "VM", move.ref, message, hint, page=HOME)


@batch_rule("R40", "memory", HOME)
def memory_of_batch(batch: Batch) -> Problems:
    """Several VMs that each fit alone, and not together."""
    for host, account in batch.ledger.memory.items():
        coming = [m for m in batch.moves if m.host == host and (m.is_running or m.starts) and not m.runs_on]
        name = {
            "host": batch.target.name_of("host", host),
            "free": size(account.free),
            "running": size(account.running),
            "vms": joined([m.vm.name_label for m in coming]),
            "need": size(account.incoming),
        }
        if not coming or account.incoming <= account.room or any(m.memory > account.free for m in coming):
            continue
        if account.running:
            message = _(
                "{host} has {free} of memory free, of which running jobs will take {running}; {vms} need {need}.",
                **name,
            )
            hint = _("Choose another host, or wait until the jobs have ended.")
        else:
            message = _("{host} has {free} of memory free; {vms} need {need} together.", **name)
            hint = _("Choose another host for some of them.")
        yield found("R40", Severity.block, batch.target, "host", host, message, hint, page=HOME)
