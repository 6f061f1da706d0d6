"""Work that follows what changes all the time, so seldom that it takes a small part of the time."""

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer

from xsmigui.core.changes import Delta, merged
from xsmigui.core.refs import PoolId

Deltas = dict[PoolId, Delta]

UNNOTICED_S: Final = 0.002
"""CPU seconds up to which nobody notices how often something is done."""

REST: Final = 50
"""Times what it has taken until it is done again."""

LONGEST_REST_S: Final = 1.5


class Pace:
    """Does its work at once if it costs next to nothing; else it rests in proportion before it is done again."""

    def __init__(self, parent: QObject, work: Callable[[], object]) -> None:
        self._work = work
        self._wanted = False
        self._rest = QTimer(parent)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._rested)

    def go(self) -> None:
        """Do it now, or as soon as the rest is over."""
        self._wanted = True
        if not self._rest.isActive():
            self._do()

    def _rested(self) -> None:
        if self._wanted:
            self._do()

    def _do(self) -> None:
        self._wanted = False
        begun = time.thread_time()
        self._work()
        took = time.thread_time() - begun
        if took > UNNOTICED_S:
            self._rest.start(int(min(REST * took, LONGEST_REST_S) * 1000))


class PacedChanges:
    """Hands changes of pools on, those that come during a rest as one."""

    def __init__(self, parent: QObject, show: Callable[[Deltas], object]) -> None:
        self._show = show
        self._unseen: Deltas = {}
        self._pace = Pace(parent, self._hand_on)

    def hear(self, deltas: Deltas) -> None:
        for pool, delta in deltas.items():
            self._unseen[pool] = merged(self._unseen.get(pool, Delta()), delta)
        self._pace.go()

    def _hand_on(self) -> None:
        unseen, self._unseen = self._unseen, {}
        self._show(unseen)
