"""Checks of one VM against one host: version, processor, memory, and whether the host takes VMs at all."""

from collections.abc import Mapping
from typing import Final

from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import listed, m_
from xsmigui.core.migration.moves import Sent
from xsmigui.core.migration.rules.base import Batch, Problems, batch_rule, found, rule
from xsmigui.core.problems import Page, Severity
from xsmigui.core.refs import HostRef
from xsmigui.core.releases import Since, knows, pool_knows, version_of

HOME: Final = Page.home_server
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
def version(move: Sent) -> Problems:
    """Compared with the host on which the VM runs, else with the coordinator, as the server does
    (xapi_vm_migrate.ml, assert_can_migrate)."""
    if move.host is None:
        return
    running = move.is_running and move.vm.resident_on in move.source.host
    source = move.source.host.get(move.vm.resident_on if running else move.source.pool.master)
    target = move.target.host.get(move.host)
    comparison = older(target.software_version, source.software_version) if source and target else ""
    if target and not version_of(target.software_version.get("platform_version", "")):
        message = m_("The version of {host} is not known.", host=target.name_label)
        hint = m_("The server compares the versions before it starts.")
        yield found("R01", Severity.info, move.target, "host", move.host, message, hint, page=HOME)
    if comparison and target:
        yield found(
            "R01",
            Severity.block,
            move.target,
            "host",
            move.host,
            m_("{host} is older than the current server ({versions}).", host=target.name_label, versions=comparison),
            m_("Choose a host of the same version or a newer one."),
            page=HOME,
        )


RESTART_FROM, RESTART_TO = "7.1.2", "8.2.1"


@rule("R16", "restart after the upgrade", "SH", HOME)
def restart(move: Sent) -> Problems:
    """The vendor asks for it from XenServer 7.1 CU2 to Citrix Hypervisor 8.2 CU1."""
    home = move.source.home(move.ref) or move.source.pool.master
    source = move.source.host.get(home)
    target = move.target.host.get(move.host) if move.host is not None else None
    if source is None or target is None or move.host is None:
        return
    product = (source.software_version.get("product_version"), target.software_version.get("product_version"))
    if product == (RESTART_FROM, RESTART_TO):
        message = m_(
            "{vm} comes from version {old}: on {host} with {new} it keeps its old features until it is restarted.",
            vm=move.vm.name_label,
            old=RESTART_FROM,
            host=target.name_label,
            new=RESTART_TO,
        )
        hint = m_("Shut {vm} down after the move and start it again.", vm=move.vm.name_label)
        yield found("R16", Severity.warn, move.source, "VM", move.ref, message, hint, page=HOME)


HOTFIX: Final = "XS82ECU1033"


@rule("R17", "port 80 of the destination", "SH", HOME)
def port_80(move: Sent) -> Problems:
    """Servers whose xapi is older than 22.32 send disks over port 80, whatever their brand and version, until 8.2 CU1
    has its hotfix; a host with `https_only` has it closed. Whether XCP-ng 8.2 has what the hotfix brings nobody tells.
    """
    if not move.crosses or move.host is None or move.host not in move.target.host:
        return
    target = move.target.host[move.host]
    if not target.https_only:
        return
    senders = [move.vm.resident_on] if move.is_running else list(move.source.host)
    old = [ref for ref in senders if ref in move.source.host and _sends_over_port_80(move.source, ref)]
    unknown = [ref for ref in old if _may_be_patched(move.source.host[ref].software_version)]
    if not old:
        return
    name = {
        "hosts": listed([move.source.host[ref].name_label for ref in old]),
        "pool": move.source.name,
        "host": target.name_label,
    }
    message = m_("Disks of {hosts} in {pool} go over port 80 of {host}, which is closed there.", **name)
    severity = Severity.block
    if unknown == old:
        message = m_("Disks of {hosts} in {pool} may go over port 80 of {host}, which is closed there.", **name)
        severity = Severity.warn
    hint = m_("Update {pool}, or open port 80 of {host} for the duration of the move.", **name)
    versions = {move.source.host[ref].software_version.get("product_version") for ref in old}
    if versions == {RESTART_TO} and severity is Severity.block:
        hint = m_(
            "Install the hotfix {hotfix} in {pool}, or open port 80 for the duration of the move.",
            hotfix=HOTFIX,
            **name,
        )
    yield found("R17", severity, move.target, "host", move.host, message, hint, page=HOME)


def _sends_over_port_80(source: Inventory, host: HostRef) -> bool:
    if knows(source.host[host].software_version, Since.HTTPS_DISKS):
        return False
    return not any(u.name_label.startswith(HOTFIX) and host in u.hosts for u in source.pool_update.values())


def _may_be_patched(software: Mapping[str, str]) -> bool:
    return software.get("product_brand") == "XCP-ng" and software.get("product_version", "").startswith("8.2")


@rule("R05", "the host is to be emptied", "LSH", HOME)
def leaves(move: Sent) -> Problems:
    """It is no target of the VMs that leave it."""
    if move.host is None or move.host != move.draft.leaves:
        return
    message = m_("{host} is the host that is to be emptied.", host=move.target.name_of("host", move.host))
    hint = m_("Choose another host.")
    yield found("R05", Severity.block, move.target, "host", move.host, message, hint, page=HOME)


@batch_rule("R05", "the host may be emptied", HOME)
def may_leave(batch: Batch) -> Problems:
    """The coordinator of a pool with high availability cannot be disabled (XenCenter refuses it too)."""
    host = batch.draft.leaves
    pool = batch.target.pool
    if host is not None and pool.ha_enabled and pool.master == host:
        message = m_("{host} coordinates a pool with high availability.", host=batch.target.name_of("host", host))
        hint = m_("Make another host the coordinator first, or disable high availability for the time being.")
        yield found("R05", Severity.block, batch.target, "host", host, message, hint, page=HOME)


@rule("R05", "the host takes VMs", page=HOME)
def available(move: Sent) -> Problems:
    """Live and enabled (HOST_NOT_LIVE, HOST_DISABLED). Of VMs that stay on it disks may move since 1.301
    (xapi_vm_helpers.ml, assert_can_boot_here)."""
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
            m_("{host} cannot be reached by its coordinator.", host=name),
            m_("Wait until it is back, or choose another host."),
            page=HOME,
        )
    elif not host.enabled and not (move.runs_on and pool_knows(move.target, Since.MOVES_DISKS_WHILE_DISABLED)):
        yield found(
            "R05",
            Severity.block,
            move.target,
            "host",
            move.host,
            m_("{host} is in maintenance mode.", host=name),
            m_("Leave maintenance mode there, or choose another host."),
            page=HOME,
        )


@rule("R06", "the host is busy", page=HOME)
def leaving(move: Sent) -> Problems:
    """A host that is being emptied, shut down or restarted takes no VMs (xapi_host_helpers.ml,
    valid_operations)."""
    host = move.target.host.get(move.host) if move.host is not None else None
    if host is None or move.host is None:
        return
    for operation in sorted(LEAVING.intersection(host.current_operations.values())):
        message = m_("{host} is busy: {operation} is running.", host=host.name_label, operation=operation)
        hint = m_("Wait until it has ended, or choose another host.")
        yield found("R06", Severity.block, move.target, "host", move.host, message, hint, page=HOME)
