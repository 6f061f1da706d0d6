"""The tables of docs/jobs.md and the code say the same about a job's life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from xsmigui.core.jobs import CHECKED, State, VmJob
from xsmigui.core.migration.calls import Call
from xsmigui.core.migration.exchange import Replacement
from xsmigui.core.migration.exchange.values import ShortStop
from xsmigui.core.migration.fixes import ShutDown
from xsmigui.core.migration.moves import Kind
from xsmigui.core.migration.plan import Thing, VmMove
from xsmigui.core.refs import PoolId, VmRef
from xsmigui.services.restarting import RESUME_UNASKED_WITHIN, as_left

PAGE = Path(__file__).parents[2] / "docs" / "jobs.md"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
POOL = PoolId("pool")


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, cell by cell."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def part(kind: str, state: State, begun: bool) -> VmJob:
    """A part as a process has left it."""
    fix = ShutDown(pool=POOL, vm=VmRef("vm"), vm_name="vm") if kind == "fix" else None
    move = VmMove(
        vm=Thing("uuid", "vm", "vm"),
        kind={"fix": Kind.fix, "copy": Kind.disk, "short stop": Kind.disk}.get(kind, Kind.live),
        power_state="Running",
        source_host=None,
        host=Thing("", "", ""),
        disks=(),
        vifs=(),
        storage_network=None,
        calls=(Call(POOL, "VM.pool_migrate", ()),),
        fix=fix,
    )
    left = VmJob(move=move, state=state, begun=CHECKED if begun else 0)
    if kind in ("copy", "short stop") and begun:
        left = replace(left, replacements=(Replacement(old="old", sr="sr", vdi={}),))
    if kind == "short stop":
        left = replace(left, stop=ShortStop(allowed=600.0, host="", stopping=1.0))
    return left


def outcome(left: VmJob, taken: VmJob) -> str:
    if taken.held:
        return "on hold"
    if taken.state.has_ended:
        return "stays" if taken.state is left.state else str(taken.state)
    return "waits" if taken.state is State.waiting else "goes on"


ROWS = table("What survives a restart as what")


def test_every_state_is_in_the_table() -> None:
    rows = table("States")
    assert [row[0].strip("`") for row in rows] == [str(state) for state in State]
    for name, _meaning, following in rows:
        after = {text.strip(" `") for text in following.split(",")} - {""}
        assert after <= set(State)
        ends_for_good = State(name.strip("`")).has_ended and name != "`interrupted`"
        assert bool(after) is not ends_for_good


def test_every_state_has_a_line_for_a_restart() -> None:
    assert {row[1].strip("`") for row in ROWS} == {str(state) for state in State}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:3]))
def test_what_survives_a_restart_as_what(row: list[str]) -> None:
    kind, state, begun, soon, later, handed, chosen = row
    left = part(kind if kind != "any" else "migration", State(state.strip("`")), begun == "yes")
    short, long = timedelta(0), RESUME_UNASKED_WITHIN + timedelta(minutes=1)
    assert outcome(left, as_left(left, NOW, short, chosen=False)) == soon
    assert outcome(left, as_left(left, NOW, long, chosen=False)) == later
    assert outcome(left, as_left(left, NOW, short, chosen=False, handed=True)) == handed
    assert outcome(left, as_left(left, NOW, long, chosen=True)) == chosen
