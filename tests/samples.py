"""Makes the sample journal of the present format: `python -m tests.samples`, after `documents.VERSION` was raised."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from xsmigui.core.jobs import VmJob
from xsmigui.core.migration.plan import Plan
from xsmigui.local.documents import VERSION
from xsmigui.local.journalfile import FILE

JOURNALS = Path(__file__).parent / "data" / "journals"
HERE = JOURNALS / f"version-{VERSION}"


def form() -> dict[str, Any]:
    """The form of what is written, without the words that explain it."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(each) for key, each in value.items() if key != "description"}
        return [bare(each) for each in value] if isinstance(value, list) else value

    _schemas, parts = msgspec.json.schema_components([Plan, VmJob], schema_hook=lambda _kind: {})
    return json.loads(json.dumps(bare(parts), sort_keys=True))  # type: ignore[no-any-return]


async def make() -> None:
    """A job that has ended with its sources kept, and one that waits."""
    from tests.services.engine import engine
    from tests.services.test_exchange import own_plan
    from tests.simulated import Simulated

    home = Path(tempfile.mkdtemp())
    with Simulated.start("two-pools") as site:
        async with engine(site, home=home) as two:
            await two.run(await own_plan(two), 60)
            job = two.jobs.start(await two.plan("web-01", to="Lisboa", sr="NFS Lisboa"))
            await two.jobs.wait(job.id)
    HERE.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(home / FILE)) as db:
        db.execute("pragma journal_mode = delete")
    shutil.copy(home / FILE, HERE / "ended.sqlite3")
    (HERE / "form.json").write_text(json.dumps(form(), indent=1, sort_keys=True) + "\n")
    shutil.rmtree(home)


if __name__ == "__main__":
    asyncio.run(make())
