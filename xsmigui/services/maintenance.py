"""Maintenance mode of a host: no VM is started on it any more, and it remembers which ones it has lost for that.

What is judged before anything changes, and what comes back, is the same for the window and the command line.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS, ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration import evacuation, leaving_out
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evacuation import LISTS, MODE, Returning
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.ports import Gateway
from xsmigui.core.refs import HostRef, PoolId, VmRef
from xsmigui.core.releases import Since, pool_knows
from xsmigui.core.text import _
from xsmigui.services.store import Store

Settle = Callable[[Draft], Awaitable[Evaluation]]
"""The evaluation of a draft with every answer of the servers."""

START_DEADLINE: Final = 600.0
"""Seconds for a VM to be started or resumed."""


async def enter(gateway: Gateway, inventory: Inventory, host: HostRef, vms: Iterable[VmRef]) -> None:
    """Disable the host and write down which VMs are to leave it, beside those that it has not got back from an earlier
    maintenance. Where that cannot be written the host is as it was before. Raises the wire's errors."""
    inventory = await _as_written(gateway, inventory, host)
    before = inventory.host[host]
    lists = evacuation.lists_of_leaving(inventory, host, tuple(vms))
    for_good = (False,) if pool_knows(inventory, Since.DISABLED_FOR_GOOD) else ()
    await gateway.call("host.disable", host, *for_good)
    try:
        await _write(gateway, host, MODE, "true")
        await _write_lists(gateway, inventory, host, lists)
    except WIRE_ERRORS:
        with suppress(*WIRE_ERRORS):  # what went wrong first is told
            if before.enabled:
                await gateway.call("host.enable", host)
            if before.other_config.get(MODE) != "true":
                await gateway.call("host.remove_from_other_config", host, MODE)
        raise


async def note_halted(gateway: Gateway, inventory: Inventory, host: HostRef, vm: VmRef) -> None:
    """Write down that a VM is shut down for the host's maintenance, before that is done. Raises the wire's errors."""
    inventory = await _as_written(gateway, inventory, host)
    await _write_lists(gateway, inventory, host, evacuation.with_halted(inventory, host, vm))


def uncertain(failure: BaseException, inventory: Inventory, host: HostRef) -> str:
    """What is not known after a failure to enter or to leave, or an interruption of it: a lost answer may have been
    carried out."""
    if isinstance(failure, ServerFailure):
        return ""
    name = inventory.name_of("host", host)
    return _("It is not known whether {host} is in maintenance mode now: look when it is connected again.", host=name)


async def leave(gateway: Gateway, host: HostRef) -> None:
    """Enable the host (which a reboot may have done already), and take the mark away; its lists stay. Raises the wire's
    errors."""
    await gateway.call("host.enable", host)
    await gateway.call("host.remove_from_other_config", host, MODE)


async def forget(gateway: Gateway, inventory: Inventory, host: HostRef) -> None:
    """Take the lists away: nobody is to be brought back. Raises the wire's errors."""
    inventory = await _as_written(gateway, inventory, host)
    await _write_lists(gateway, inventory, host, dict.fromkeys(LISTS, ()))


async def strike_off(store: Store, gateway: Gateway, pool: PoolId, host: HostRef, started: Iterable[VmRef]) -> None:
    """Take off the lists whoever is back, is gone or waits no longer; a key goes with its last VM. What was just
    `started` is waited for first. Raises the wire's errors."""
    awaited = tuple(started)

    def seen() -> bool:
        vms = store.site().pools[pool].VM
        return all(vm not in vms or vms[vm].resident_on == host for vm in awaited)

    await store.until(seen)
    inventory = await _as_written(gateway, store.site().pools[pool], host)
    await _write_lists(gateway, inventory, host, evacuation.lists_of_waiting(inventory, host))


async def _as_written(gateway: Gateway, inventory: Inventory, host: HostRef) -> Inventory:
    """The inventory with the host's keys as the server has them now: events of our own writes may still be on their
    way."""
    config = await gateway.call("host.get_other_config", host)
    record = replace(inventory.host[host], other_config=dict(config))
    return inventory.with_record("host", host, record)


async def _write_lists(
    gateway: Gateway, inventory: Inventory, host: HostRef, lists: Mapping[str, tuple[str, ...]]
) -> None:
    for key, uuids in lists.items():
        if ",".join(uuids) != inventory.host[host].other_config.get(key, ""):
            await _write(gateway, host, key, ",".join(uuids))


async def _write(gateway: Gateway, host: HostRef, key: str, value: str) -> None:
    """Set a key; one that is there must go first (MAP_DUPLICATE_KEY)."""
    await gateway.call("host.remove_from_other_config", host, key)
    if value:
        await gateway.call("host.add_to_other_config", host, key, value)


# What can move without what cannot.


async def settle_without_blocked(settle: Settle, draft: Draft) -> tuple[Evaluation, tuple[LeftOut, ...]]:
    """The evaluation of those VMs of a draft that can go, and the others each with the reasons against it. Where the
    draft is blocked by something that no VM has a part in, nobody is left out."""
    out: tuple[LeftOut, ...] = ()
    while True:
        evaluation = await settle(draft)
        stuck = leaving_out.blocked(evaluation) if evaluation.plan is None else {}
        if not stuck:
            return evaluation, out
        out += leaving_out.left_out(evaluation, stuck)
        draft = leaving_out.without(draft, stuck)
        if not draft.vms and not draft.loose:
            return await settle(draft), out


def foreseen(site: Site, pool: PoolId, host: HostRef) -> tuple[LeftOut, ...]:
    """Who could not come back to the host if it took VMs again, as far as the records tell. Nothing is changed."""
    vms = evacuation.returning(site.pools[pool], host).run
    draft = evacuation.back(site, pool, host, vms)
    out: tuple[LeftOut, ...] = ()
    while draft.vms:
        evaluation = evaluate(evacuation.as_enabled(site, pool, host), draft)
        stuck = leaving_out.blocked(evaluation)
        if not stuck:
            break
        out += leaving_out.left_out(evaluation, stuck)
        draft = leaving_out.without(draft, stuck)
    return out


# Those that do not run.


@dataclass(frozen=True, slots=True)
class NotBack:
    """A VM that did not come back to its host, and why, as a sentence."""

    uuid: str
    name: str
    reason: str


def not_back(out: Iterable[LeftOut]) -> tuple[NotBack, ...]:
    return tuple(NotBack(vm.uuid, vm.name, vm.problem.sentence()) for vm in out)


async def start_again(
    gateway: Gateway, inventory: Inventory, host: HostRef, waiting: Returning
) -> tuple[tuple[VmRef, ...], tuple[NotBack, ...]]:
    """Resume and start on the host what was suspended and shut down for its maintenance, one after the other. Who was,
    and who was refused. Raises the wire's other errors."""
    started, refused = [], []
    calls = [("VM.resume_on", vm) for vm in waiting.suspended] + [("VM.start_on", vm) for vm in waiting.halted]
    for method, vm in calls:
        try:
            await gateway.call(method, vm, host, False, False, deadline=START_DEADLINE)
            started.append(vm)
        except ServerFailure as failure:
            reason = " ".join(part for part in sentence(failure, inventory) if part)
            record = inventory.VM.get(vm)
            refused.append(NotBack(record.uuid if record else "", inventory.name_of("VM", vm), reason))
    return tuple(started), tuple(refused)
