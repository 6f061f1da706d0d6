"""What the journal's rows hold: plans and parts of jobs as JSON, each with the version of its form.

A row that cannot be decoded is a row of its own misfortune: it is named with the reason, and the others are read.
"""

from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec.structs import replace

from xsmigui.core.jobs import State, Step, VmJob
from xsmigui.core.messages import Text, m_
from xsmigui.core.migration.plan import FORMAT as PLAN_FORMAT
from xsmigui.core.migration.plan import Plan, VmMove
from xsmigui.core.text import _

VERSION: Final = 9
"""The version of the form in which plans and parts are written. Any change of `Plan`, `VmJob` and what they consist of
is a new version, with a sample in `tests/data/journals`: a program that does not know a field would drop it."""

T = TypeVar("T")


class Undecodable(ValueError):
    """A document cannot be read; the text says why."""


def encode(value: Plan | VmJob) -> bytes:
    return msgspec.json.encode(value)


def decode_plan(raw: object, version: object) -> Plan:
    """Raises `Undecodable`."""
    plan = _decode(raw, version, Plan)
    if plan.format > PLAN_FORMAT:
        raise Undecodable(_later())
    return plan


def decode_part(raw: object, version: object) -> VmJob:
    """One VM's part of a job. Raises `Undecodable`."""
    return _decode(raw, version, VmJob)


def _decode(raw: object, version: object, kind: type[T]) -> T:
    if isinstance(version, int) and version > VERSION:
        raise Undecodable(_later())
    if not isinstance(raw, bytes | str) or not isinstance(version, int) or version < 1:
        raise Undecodable(_("the row is damaged"))
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Undecodable(str(error)) from None


def _later() -> str:
    return _("a later version of this program wrote it")


def encode_text(text: Text) -> str:
    """A message as a line of the journal keeps it: words as they are, others as JSON."""
    return text if isinstance(text, str) else msgspec.json.encode(text).decode()


def decode_text(raw: str) -> Text:
    """The message of a line; what is no message of ours is words."""
    if raw.startswith('{"kind":'):
        try:
            return cast(Text, msgspec.json.decode(raw, type=Text))
        except (msgspec.MsgspecError, RecursionError):
            return raw
    return raw


def moment(text: object) -> datetime | None:
    """A time as it is written, in UTC where it does not say; None if it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def unreadable_part(move: VmMove, reason: str) -> VmJob:
    """Stands in for a part that cannot be read; it is never written."""
    message = m_(
        "The journal entry of this VM cannot be read ({reason}), so it is not continued. Look on the server to "
        "see where the VM is and whether any of its operations are blocked.",
        reason=reason,
    )
    return VmJob(move=move, state=State.interrupted, step=Step.ended, status=message, cancellable=False)


def folded_part(vm: VmJob) -> VmJob:
    """What a report tells of a part that ended long ago: what was moved, how it ended, uuids before and after. What
    only a job under way needs is left out."""
    kept: dict[str, Any] = {"replacements": (), "pending": None, "blocks": None, "begun": 0, "followed": 0}
    return replace(vm, move=replace(vm.move, calls=()), **kept)


def folded_plan(plan: Plan) -> Plan:
    """The plan of such a job; its moves stand in the parts."""
    return replace(plan, moves=())
