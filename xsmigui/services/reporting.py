"""How one VM's part of a job is reported while it is carried out: shared by all that carry it out."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from xsmigui.core.jobs import State, Step, VmJob
from xsmigui.core.messages import Text
from xsmigui.core.ports import Clock
from xsmigui.core.problems import Problem


class Reporting:
    """`job` is the present state; `report` hears of every change."""

    def __init__(self, job: VmJob, clock: Clock, report: Callable[[VmJob], None]) -> None:
        self.job = job
        self._clock = clock
        self._report = report

    def _ended(self, state: State, status: Text, problems: tuple[Problem, ...] = ()) -> VmJob:
        """The job as it ends. Nobody hears of it yet."""
        return replace(
            self.job,
            state=state,
            step=Step.ended,
            status=status,
            problems=problems,
            ended=self._clock.now(),
            progress=None,
            cancelling=False,
            task="",
        )

    def _tell(self, **changes: Any) -> None:
        self._tell_of(replace(self.job, **changes))

    def _tell_of(self, job: VmJob) -> None:
        if job != self.job:
            self.job = job
            self._report(job)
