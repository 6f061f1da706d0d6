"""A host is emptied for its maintenance, and filled again."""

import argparse
from collections.abc import Awaitable, Callable

from xsmigui.cli.selecting import settled
from xsmigui.cli.starting import not_agreed, not_begun, start
from xsmigui.console import DONE, FAILED, BadArguments, agreed, print_document, say
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.selection import SelectionRefused, host_from, network_from
from xsmigui.core.refs import HostRef
from xsmigui.core.text import _, joined
from xsmigui.local.clock import SystemClock
from xsmigui.services import maintenance
from xsmigui.services.asking import Asker
from xsmigui.services.connections import Connections
from xsmigui.services.jobs import Jobs
from xsmigui.services.store import Store


async def evacuate(
    options: argparse.Namespace,
    store: Store,
    asker: Asker,
    clock: SystemClock,
    jobs: Jobs,
    connections: Connections,
) -> int:
    """Empty a host and leave it in maintenance mode; or end that, and bring the VMs back."""
    site = store.site()
    try:
        pool, host = host_from(site, options.host)
        network = network_from(site.pools[pool], options.network) if options.network else None
    except SelectionRefused as refused:
        raise BadArguments(str(refused)) from None
    if options.at_once < 1:
        raise BadArguments(_("--at-once wants a number, 1 or more."))
    gateway = connections.gateway(pool)
    reason = evacuation.why_not(site, pool, host)
    if reason or gateway is None:
        return not_begun(options, reason)
    inventory = site.pools[pool]
    if options.leave:
        draft = evacuation.back(site, pool, host, evacuation.evacuated(inventory, host))
    else:
        draft = evacuation.evacuation(site, pool, host).over(network)
        for note in evacuation.notes(inventory, host):
            say(note)
    draft = draft.batched(options.at_once)

    touched = False

    async def change() -> None:
        nonlocal touched
        touched = True
        if options.leave:
            await maintenance.leave(gateway, host)
        else:
            await maintenance.enter(gateway, inventory, host, draft.vms)

    if not options.yes and (options.leave or not draft.vms):  # the others are shown their plan first
        say(_intention(inventory, host, draft, options.leave))
        if not await agreed():
            return not_agreed(options)
        options.yes = True
    try:
        if options.leave:
            await change()  # VMs can come back only to a host that takes them
            await store.until(lambda: evacuation.takes(store.inventory(pool), host))
        if draft.vms:
            evaluation = await settled(store, asker, clock, draft)
            status = await start(options, evaluation, jobs, None if options.leave else change)
        else:
            status = await _without_vms(options, None if options.leave else change)
    except WIRE_ERRORS as failure:
        unsure = maintenance.uncertain(failure, inventory, host) if touched else ""
        return not_begun(options, " ".join(part for part in (*sentence(failure, inventory), unsure) if part))
    if options.leave or status not in (DONE, FAILED):
        return status
    left = evacuation.residents(store.site().pools[pool], host)
    if left:
        names = joined([store.site().pools[pool].VM[vm].name_label for vm in left])
        say(_("{host} is not empty: {vms}.", host=inventory.name_of("host", host), vms=names))
        return FAILED
    say(_("{host} is empty and in maintenance mode.", host=inventory.name_of("host", host)))
    return status


def _intention(inventory: Inventory, host: HostRef, draft: Draft, leave: bool) -> str:
    """What is about to be changed where there is no plan to be shown."""
    name = inventory.name_of("host", host)
    if not leave:
        return _("{host} enters maintenance mode.", host=name)
    if not draft.vms:
        return _("{host} leaves maintenance mode.", host=name)
    names = joined([inventory.VM[vm].name_label for vm in draft.vms])
    return _("{host} leaves maintenance mode, and these come back: {vms}.", host=name, vms=names)


async def _without_vms(options: argparse.Namespace, change: Callable[[], Awaitable[None]] | None) -> int:
    """There is nothing to move: the host is ready at once."""
    if change is not None:
        await change()
    if options.json:
        print_document({"job": None, "state": "done", "vms": []}, True)
    return DONE
