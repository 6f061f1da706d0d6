"""From the options of a command to an evaluation."""

import argparse
from pathlib import Path

import msgspec

from xsmigui.console import BadArguments, say
from xsmigui.core.migration.draft import LONGEST_STOP
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.leaving_out import LeftOut
from xsmigui.core.migration.lookup import SelectionRefused
from xsmigui.core.migration.plan import FORMAT, Plan, PlanRefused
from xsmigui.core.migration.selection import Asked, disks_from, draft_from, emptying_from, network_from
from xsmigui.core.text import _, joined
from xsmigui.local.unhurried import apart
from xsmigui.services.asking import Asker
from xsmigui.services.checking import judge_afresh
from xsmigui.services.desk import Desk
from xsmigui.services.store import Store


async def evaluate(options: argparse.Namespace, store: Store, asker: Asker, desk: Desk) -> Evaluation:
    """The evaluation of what was selected, with the servers' answers."""
    if options.plan:
        if options.vm or options.to:
            raise BadArguments(_("Specify either a plan or VMs and a destination, not both."))
        try:
            plan = _plan_in(await apart(Path(options.plan).read_bytes))
            if plan.format != FORMAT:
                raise BadArguments(_("{path} was written by another version of this program.", path=options.plan))
            return await judge_afresh(store, asker, plan)
        except OSError as error:
            text = _("The plan {path} cannot be read: {reason}", path=options.plan, reason=error.strerror or error)
            raise BadArguments(text) from None
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise BadArguments(_("{path} is not a plan: {reason}", path=options.plan, reason=error)) from None
        except PlanRefused as gone:
            raise BadArguments(_("The plan refers to {name}, which does not exist.", name=gone)) from None
    if not options.vm or not options.to:
        raise BadArguments(_("Specify which VMs (--vm) go where (--to), or pass a plan (--plan)."))
    asked = Asked(
        vms=tuple(options.vm),
        to=options.to,
        host=options.host or "",
        sr=options.sr or "",
        disks=_pairs(options.disk, "--disk"),
        networks=_pairs(options.network, "--network"),
        storage_network=options.storage_network or "",
        copy=options.copy,
        compress=options.compress,
        start_after=options.start_after,
        prove=options.prove,
        short_stop=_short_stop(options),
    )
    try:
        draft = draft_from(store.site(), asked)
    except SelectionRefused as refused:
        raise BadArguments(str(refused)) from None
    return await desk.settled(draft)


async def leaving_out_blocked(evaluation: Evaluation, desk: Desk) -> tuple[Evaluation, tuple[LeftOut, ...]]:
    """The evaluation of those that can go, and who was left out of it. Where nobody can go, or something blocks the
    whole batch, it is the evaluation of all, and nobody was left out."""
    fewer, out = await desk.settled_without_blocked(evaluation.draft)
    return (fewer, out) if fewer.plan is not None else (evaluation, ())


async def evaluate_disks(
    options: argparse.Namespace, store: Store, desk: Desk
) -> tuple[Evaluation, tuple[LeftOut, ...]]:
    """The evaluation of moving single disks, or all of an SR, and what was left out of it."""
    days = options.keep_source
    if days is not None and days < 0:
        raise BadArguments(_("--keep-source takes a number of days, 0 or more."))
    site = store.site()
    try:
        if options.from_sr:
            draft, staying = emptying_from(site, options.from_sr, options.sr)
            options.staying = staying
            for line in staying:
                say(_("Stays: {what}", what=line))
        else:
            draft = disks_from(site, tuple(options.vdi), options.sr)
        if days is not None:
            vms = site.pools[draft.source].VM
            running = [vms[vm].name_label for vm in draft.vms if vms[vm].power_state != "Halted"]
            if running and not options.short_stop:
                names = joined(running)
                text = _(
                    "--keep-source works for halted VMs only; the server itself removes the source disks of {names}."
                )
                raise BadArguments(text.format(names=names))
            draft = draft.copying(True, days)
        draft = draft.proving(options.prove).with_short_stop(_short_stop(options))
        if options.storage_network:
            draft = draft.over(network_from(site, draft.source, options.storage_network))
    except SelectionRefused as refused:
        raise BadArguments(str(refused)) from None
    evaluation = await desk.settled(draft)
    if not options.leave_out_blocked:
        return evaluation, ()
    return await leaving_out_blocked(evaluation, desk)


def _short_stop(options: argparse.Namespace) -> int:
    """The minutes of `--short-stop`; 0 where it was not given."""
    minutes: int | None = options.short_stop
    if minutes is not None and not 1 <= minutes <= LONGEST_STOP:
        raise BadArguments(_("--short-stop takes a number of minutes, 1 to {most}.", most=LONGEST_STOP))
    return minutes or 0


def _plan_in(data: bytes) -> Plan:
    """A plan, by itself or as `preflight --json` prints it."""
    parts = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(parts.get("plan", data), type=Plan)


def _pairs(texts: list[str], option: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        left, equals, right = text.partition("=")
        if not (left and equals and right):
            raise BadArguments(_("{option} takes NAME=NAME, not “{text}”.", option=option, text=text))
        pairs.append((left, right))
    return tuple(pairs)
