"""Makes the sample journal of the present format: `python -m tests.samples`, after `documents.VERSION` was raised."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from xsmigui.core.jobs import VmJob
from xsmigui.core.migration.plan import Plan
from xsmigui.local.documents import VERSION
from xsmigui.local.journalfile import FILE

JOURNALS = Path(__file__).parent / "data" / "journals"
HERE = JOURNALS / f"version-{VERSION}"


def form() -> dict[str, Any]:
    """The form of what is written: the fields of every struct with their types, the values of every choice."""
    found: dict[str, Any] = {}

    def look(kind: Any) -> None:
        for inner in get_args(kind):
            look(inner)
        if not isinstance(kind, type) or kind.__name__ in found:
            return
        if issubclass(kind, msgspec.Struct):
            fields = msgspec.structs.fields(kind)
            found[kind.__name__] = {field.encode_name: _name(field.type) for field in fields}
            for field in fields:
                look(field.type)
        elif issubclass(kind, Enum):
            found[kind.__name__] = sorted(str(each.value) for each in kind)

    look(Plan)
    look(VmJob)
    return found


def _name(kind: Any) -> str:
    """A type in words that are the same in every Python."""
    inner = ", ".join(map(_name, get_args(kind)))
    origin = get_origin(kind) or kind
    name = "Union" if origin in (Union, UnionType) else getattr(origin, "__name__", str(origin))
    return f"{name}[{inner}]" if inner else name


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
