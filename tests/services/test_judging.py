"""Large drafts are judged in a thread, one judgement at a time: it is let end, and made once more if need be."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.core.site import TwoPools
from tests.holding import PATIENCE, until
from xsmigui.core.changes import Event
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.facts import Answer, Question
from xsmigui.local.clock import SystemClock
from xsmigui.services import drafting as module
from xsmigui.services.drafting import Drafting
from xsmigui.services.store import Store


class Oracle:
    """Answers when it is let, the first `quick` questions at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.quick = 0

    async def ask(self, _question: Question) -> Answer:
        self.quick -= 1
        if self.quick < 0:
            await self.gate.wait()
        return Answer()


class Bench:
    """A large draft of three VMs whose judgements are counted, and go on one by one while the gate is shut."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LARGE_DRAFT_PAIRS", 0)
        monkeypatch.setattr(module, "GATHER", 0.0)
        self.judged: list[Draft] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self._judge = module._judged
        monkeypatch.setattr(module, "_judged", self._counted)
        self.site = TwoPools()
        self.store = Store()
        for pool in (self.site.madrid, self.site.lisboa):
            self.store.put(pool.inventory())
        self.oracle = Oracle()
        vms = (self.site.web, self.site.db, self.site.sleeper)
        draft = Draft(self.site.madrid.id, vms, self.site.lisboa.id)
        self.drafting = Drafting(self.store, self.oracle, SystemClock(), draft)  # type: ignore[arg-type]
        self.heard: list[Evaluation] = []
        self.drafting.subscribe(self.heard.append)

    def _counted(self, site: Any, draft: Draft, *rest: Any) -> Any:
        self.judged.append(draft)
        assert self.gate.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return self._judge(site, draft, *rest)

    def change(self, turn: int) -> None:
        """A record of a host changes, as it does all day."""
        site = self.site
        site.madrid.set(site.m1, memory_overhead=turn)
        record = site.madrid.inventory().host[site.m1]
        self.store.apply(site.madrid.id, [Event("host", site.m1, record)])


async def test_a_pool_that_changes_all_the_time_is_judged_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.gate.clear()
    await until(lambda: len(bench.judged) == 1)
    for turn in range(5):
        bench.change(turn)
        await asyncio.sleep(0.01)  # the changes are gathered one by one
    assert len(bench.judged) == 1, "one judgement at a time"
    bench.gate.set()
    await until(lambda: len(bench.heard) == 2)
    assert len(bench.judged) == 2, "once more for all five changes"
    assert bench.heard[0].resolved.moves
    assert bench.heard[1].site.pools[bench.site.madrid.id].host[bench.site.m1].memory_overhead == 4
    bench.drafting.close()


async def test_what_was_chosen_meanwhile_is_not_shown_as_it_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.gate.clear()
    await until(lambda: len(bench.judged) == 1)
    bench.drafting.choose(lambda draft: draft.on(bench.site.web, bench.site.l2))
    assert bench.drafting.busy
    bench.gate.set()
    await until(lambda: bool(bench.heard))
    assert [heard.draft.hosts for heard in bench.heard] == [{bench.site.web: bench.site.l2}]
    assert not bench.drafting._judging or bench.drafting._judged == bench.drafting.draft
    bench.drafting.close()


async def test_answers_are_judged_once_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    monkeypatch.setattr(module, "ANSWERS_GATHERED_S", 60.0)
    await until(lambda: bool(bench.heard))
    before = len(bench.judged)
    assert len(bench.drafting._asking) > 1
    bench.oracle.gate.set()
    evaluation = await bench.drafting.settled()
    rounds = 4  # what the servers allow, what our rights are, whether the VMs can go, and how much they write
    assert evaluation.plan is not None
    assert len(bench.judged) - before <= rounds < len(bench.drafting._facts)
    bench.drafting.close()


async def test_some_answers_are_shown_before_the_others_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS_GATHERED_S", 0.0)
    bench = Bench(monkeypatch)
    bench.oracle.quick = 1
    await until(lambda: bool(bench.heard))
    asked = set(bench.heard[0].questions)
    assert len(asked) > 1
    await until(lambda: len(bench.heard) > 1)
    assert len(asked & set(bench.heard[-1].questions)) == len(asked) - 1
    bench.drafting.close()


async def test_an_error_while_judging_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(monkeypatch)
    await until(lambda: bool(bench.heard))
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    bench.error = ZeroDivisionError("a rule")
    bench.drafting.choose(lambda draft: draft.on(bench.site.web, bench.site.l2))
    bench.oracle.gate.set()
    with pytest.raises(ZeroDivisionError):
        await bench.drafting.settled()
    bench.error = None
    bench.drafting.choose(lambda draft: draft.on(bench.site.web, bench.site.l1))
    evaluation = await bench.drafting.settled()
    assert evaluation.draft.hosts == {bench.site.web: bench.site.l1}
    assert not bench.drafting.busy
    bench.drafting.close()


async def test_what_a_window_shows_is_made_in_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    threads: list[threading.Thread] = []
    bench.drafting.preparing = lambda: lambda _evaluation: threads.append(threading.current_thread())
    await until(lambda: bool(bench.heard))
    bench.drafting.choose(lambda draft: draft.on(bench.site.web, bench.site.l2))
    await until(lambda: bench.heard[-1].draft.hosts != {})
    assert threads
    assert threading.main_thread() not in threads
    bench.drafting.close()
