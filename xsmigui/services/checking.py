"""The check before a run: a plan judged again with the records and the servers' answers of this moment."""

from typing import Final

from msgspec.structs import replace

from xsmigui.core.messages import Text, m_
from xsmigui.core.migration.draft import Claim
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer, Question
from xsmigui.core.migration.plan import Plan, PlanRefused, VmMove, draft_of, same_intent
from xsmigui.core.problems import Problem, Severity, Subject
from xsmigui.services.asking import Asker, Keep
from xsmigui.services.store import Store

ROOM: Final = frozenset({"R40", "R50"})
"""The rules that count what others will take: memory of hosts, space of SRs."""


class Refused(Exception):
    """The check before the run found what forbids it; nothing was changed. The arguments are the problems."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(*problems)
        self.problems = problems


class NoRoomYet(Refused):
    """There is room, but what is ahead in the queue will take it, or has taken it already and has not said so yet: the
    space of a disk that is being made is counted twice until its server tells how much is free by now."""


async def judge_afresh(
    store: Store,
    asker: Asker,
    plan: Plan,
    keep: Keep | None = None,
    claims: tuple[Claim, ...] | None = None,
) -> Evaluation:
    """A plan judged with the records and the servers' answers of this moment, and with what our other jobs will still
    take; with these claims alone where they are given. Raises `PlanRefused`."""
    site = store.booked(claims)
    draft = draft_of(plan, site)
    facts: dict[Question, Answer] = {}
    evaluation: Evaluation | None = None
    while True:
        evaluation = evaluate(site, draft, facts, evaluation)
        if not evaluation.needed:
            return evaluation
        for question in evaluation.needed:
            facts[question] = await (asker.ask(question) if keep is None else asker.ask(question, keep))


async def check_again(
    store: Store,
    asker: Asker,
    plan: Plan,
    move: VmMove,
    keep: Keep | None = None,
    claims: tuple[Claim, ...] | None = None,
) -> None:
    """Go on only if the plan still means the same for this VM; `keep` may take over what was opened to find out, and
    `claims` is what those ahead of it will still take. Raises `Refused`, or `NoRoomYet` where it need only wait."""
    single = replace(plan, moves=(move,))
    subject = Subject("VM", move.vm.uuid, move.vm.name)

    def refused(finding: Text, advice: Text = "") -> Refused:
        return Refused((Problem(rule="R05", severity=Severity.block, subject=subject, finding=finding, advice=advice),))

    try:
        evaluation = await judge_afresh(store, asker, single, keep, claims)
    except PlanRefused as gone:
        raise refused(m_("{name} is no longer there.", name=str(gone))) from None
    if evaluation.plan is None:
        blocks = tuple(p for p in evaluation.problems if p.blocks)
        if {p.rule for p in blocks} <= ROOM and await _fits_alone(store, asker, single):
            raise NoRoomYet(blocks)
        raise Refused(blocks)
    if not same_intent(evaluation.plan, single):
        message = m_("{vm} has changed since the plan was made.", vm=move.vm.name)
        raise refused(message, m_("Make a new plan."))


async def _fits_alone(store: Store, asker: Asker, single: Plan) -> bool:
    """Nothing but what others will take is in the way."""
    try:
        return (await judge_afresh(store, asker, single, claims=())).plan is not None
    except PlanRefused:
        return False
