"""`jobs --resume` where a server may be a copy of the pool that the job has left."""

import argparse
from typing import Any, cast

import pytest

from xsmigui.cli import journal
from xsmigui.console import BadArguments


class Doubting:
    """Jobs of which one was left in another pool, as it seems."""

    def __init__(self) -> None:
        self.done: list[str] = []
        thing = argparse.Namespace(uuid="p", name="Madrid")
        self.job = argparse.Namespace(id="j", plan=argparse.Namespace(source=thing, target=thing))

    async def take_up(self, wanted: str, *, accept: bool = False) -> list[Any]:
        return [self.job]

    def doubt(self, job: str) -> str:
        return "It may be a copy."

    def vouch(self, job: str) -> None:
        self.done.append(f"vouch {job}")

    def proceed(self, job: str) -> None:
        self.done.append(f"proceed {job}")


class Connected:
    def is_connected(self, _pool: str) -> bool:
        return True


@pytest.mark.parametrize("sure", [False, True])
async def test_only_the_operators_word_goes_on(sure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def to_the_end(_options: object, _jobs: object, begin: Any) -> int:
        begin()
        return 0

    monkeypatch.setattr(journal, "to_the_end", to_the_end)
    options = argparse.Namespace(resume="j", revert=None, accept=None, same_pool=sure)
    jobs = Doubting()
    if sure:
        assert await journal.take_up(options, cast(Any, jobs), cast(Any, Connected()), cast(Any, None)) == 0
        assert jobs.done == ["vouch j", "proceed j"]
        return
    with pytest.raises(BadArguments, match=r"It may be a copy\. .*--same-pool"):
        await journal.take_up(options, cast(Any, jobs), cast(Any, Connected()), cast(Any, None))
    assert jobs.done == []
