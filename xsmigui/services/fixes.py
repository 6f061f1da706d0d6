"""Fixes at the spot: what can be mended from the wizard, each with what it costs. Asked for, never done silently."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from xsmigui.core.failures import Unreachable
from xsmigui.core.inventory import Inventory
from xsmigui.core.ports import Gateway
from xsmigui.core.problems import Problem
from xsmigui.core.refs import PoolId
from xsmigui.core.text import _


@dataclass(frozen=True, slots=True)
class Offer:
    """A fix as a question: what it does, what it costs, and the words on its buttons."""

    title: str
    question: str
    go: str
    leave: str


def offer(problem: Problem) -> Offer | None:
    """The question to ask before the fix; None where there is none."""
    match problem.fix:
        case "disable-cbt":
            return Offer(
                _("Disable changed block tracking"),
                _(
                    "Changed block tracking of {disk} will be disabled. The next backup of this disk will be a full"
                    " one.",
                    disk=problem.subject.name,
                ),
                _("Disable tracking"),
                _("Keep it"),
            )
        case "eject-cd":
            return Offer(
                _("Eject the CD"),
                _("{cd} will be ejected from the VM's drive.", cd=problem.subject.name),
                _("Eject"),
                _("Leave it"),
            )
    return None


async def apply(
    problem: Problem,
    inventory: Callable[[PoolId], Inventory | None],
    gateway: Callable[[PoolId], Gateway | None],
) -> None:
    """Carry the fix out. Raises the wire's errors."""
    if problem.about is None:
        return
    way = gateway(problem.about.pool)
    pool = inventory(problem.about.pool)
    if way is None or pool is None:
        raise Unreachable(_("the pool"), _("not connected"))
    match problem.fix:
        case "disable-cbt":
            await way.call("VDI.disable_cbt", problem.about.ref)
        case "eject-cd":
            for ref in _drives(pool, problem):
                await way.call("VBD.eject", ref)


def _drives(pool: Inventory, problem: Problem) -> list[str]:
    """The drives with this CD of the VM that the problem speaks of (a CD may be in several drives): of the longest name
    in its message, since “db” stands in “db test” too."""
    assert problem.about is not None
    vdi = pool.tables["VDI"].get(problem.about.ref)
    found: dict[str, list[str]] = {}
    for ref in getattr(vdi, "VBDs", ()):
        vbd = pool.VBD.get(ref)
        if vbd is None or vbd.type != "CD" or vbd.empty:
            continue
        name = pool.name_of("VM", vbd.VM)
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", problem.message):
            found.setdefault(name, []).append(ref)
    return found[max(found, key=len)] if found else []
