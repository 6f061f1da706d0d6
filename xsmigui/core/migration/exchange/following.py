"""Copy and exchange: how a disk of a halted VM, or of none, goes to another SR without ever being the only one.

The server's own storage migration ends by removing the source. Here the program makes the copy itself and puts it in
the place of the disk, which then stays behind, renamed and marked, until the operator lets it go.

What is to be done next is a pure function of what the job has noted and what the server shows. So it does not matter
where an earlier run was cut off, nor whether a call whose answer was lost was carried out. The order is such that at
each moment the VM has a complete disk, and each step but the removal of the source can be undone. A copy takes a disk's
place only while the signs of sameness stand (`core.migration.sameness`): our blocks present at every look, the VM not
started, nobody else connected, and either watched without a gap or proved equal by sums of the server.
"""

from collections.abc import Iterator

from xsmigui.core.migration.exchange.checks import check
from xsmigui.core.migration.exchange.copying import copy_disk, prove
from xsmigui.core.migration.exchange.placing import block, clean_up, exchange_disk, mark
from xsmigui.core.migration.exchange.rollback import roll_back
from xsmigui.core.migration.exchange.stopping import forward_with_stop
from xsmigui.core.migration.exchange.values import CREATE, ExchangeSpec, ExchangeState
from xsmigui.core.migration.steps import Done, Note, Step, Wait


def next_step(spec: ExchangeSpec, state: ExchangeState) -> Step:
    """The next thing to do."""
    lost = spec.pending
    if lost is not None and lost.method == CREATE and not spec.replacements[lost.disk].astray:
        return Note({"astray": True}, lost.disk)
    if spec.rolling_back:
        return next(roll_back(spec, state), Done())
    return next(_forward(spec, state) if spec.stop is None else forward_with_stop(spec, state), Done())


def _forward(spec: ExchangeSpec, state: ExchangeState) -> Iterator[Step]:
    if spec.pending is not None and spec.pending.task:
        yield Wait("", spec.pending.task)
    if not spec.settled:
        yield from check(spec, state)
        yield from mark(spec, state)
        yield from block(spec, state)
        for at, it in enumerate(spec.replacements):
            if it.is_copied and not it.placed:
                yield from copy_disk(spec, state, at, it)
        for at, it in enumerate(spec.replacements):
            if not it.placed:
                yield from prove(spec, state, at, it)
        for at, it in enumerate(spec.replacements):
            if not it.placed:
                yield from exchange_disk(spec, state, at, it)
                yield Note({"placed": True}, at)
        yield Note({"settled": True})
    yield from clean_up(spec, state)
