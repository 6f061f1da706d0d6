"""What ended before this run of the program, or in another process, as the journal tells of it; bounded in number."""

from datetime import datetime
from typing import Final

from xsmigui.core.jobs import Job
from xsmigui.core.ports import Journal
from xsmigui.services.jobs import Jobs

MOST_JOBS: Final = 100
"""Jobs that are listed again at most."""

MOST_VMS: Final = 500
"""VMs of all these jobs at most."""


class History:
    """Jobs that have ended and are not among those of this run."""

    def __init__(self, jobs: Jobs, journal: Journal) -> None:
        self._jobs = jobs
        self._journal = journal
        self._past: dict[str, Job] = {}

    async def load(self, since: datetime | None = None) -> None:
        """Read the latest ones that ended after this time (None: whenever that was). Raises `OSError`."""
        found = await self._journal.ended(MOST_JOBS, MOST_VMS)
        self._past = {job.id: job for job in found if since is None or _end(job) > since}

    def all(self) -> list[Job]:
        """The latest first, without those that this run of the program has."""
        return [job for job in self._past.values() if not self._jobs.has(job.id)]

    def get(self, job: str) -> Job:
        """One of these, or of this run's jobs. Raises `KeyError`."""
        return self._jobs.get(job) if self._jobs.has(job) else self._past[job]

    def drop(self, job: str) -> None:
        """It was taken out of the journal."""
        self._past.pop(job, None)

    def clear(self) -> None:
        """List nothing of it any more; the journal keeps all."""
        self._past.clear()


def _end(job: Job) -> datetime:
    return max((vm.ended for vm in job.vms if vm.ended is not None), default=job.created)
