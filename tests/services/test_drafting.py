"""Drafts judged again after each choice and each change; the servers' answers to their questions."""

import asyncio
from typing import Any

import pytest

from tests.holding import until
from tests.services.engine import Engine
from xsmigui.core.failures import Unreachable
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.facts import Answer, CanBootHere, CanMigrate, Question, WriteRate
from xsmigui.core.migration.selection import Asked, draft_from
from xsmigui.core.problems import Page
from xsmigui.core.refs import HostRef, VmRef
from xsmigui.services import drafting as module
from xsmigui.services.asking import Asker
from xsmigui.services.drafting import Drafting
from xsmigui.simulator.failures import Failure


class Recording(Asker):
    """Keeps the questions; those about migrations may be held."""

    def __init__(self, inner: Asker) -> None:
        super().__init__(inner._gateways)
        self.questions: list[Question] = []
        self.open = asyncio.Event()
        self.open.set()
        self.at_once = self.most = 0

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            if isinstance(question, CanMigrate):
                await self.open.wait()
            return await super().ask(question)
        finally:
            self.at_once -= 1


def begin(two: Engine, *vms: str, to: str = "Lisboa", **asked: Any) -> tuple[Drafting, Recording]:
    asker = Recording(two.asker)
    draft = draft_from(two.store.site(), Asked(vms=vms, to=to, **asked))
    return Drafting(two.store, asker, two.clock, draft), asker


def named(two: Engine, pool: str, cls: str, name: str) -> str:
    return two.inventory(pool).find(cls, name)[0]


async def test_settled_has_a_plan_and_leaves_no_session(two: Engine) -> None:
    drafting, asker = begin(two, "web-01")
    assert drafting.busy
    assert drafting.evaluation.plan is None
    evaluation = await drafting.settled()
    assert evaluation.plan is not None
    assert not drafting.busy
    assert [type(q) for q in asker.questions[-2:]] == [CanMigrate, WriteRate]
    drafting.close()
    assert two.sessions("Lisboa") == 1


async def test_edits_and_answers_are_kept_by_the_whole_question(two: Engine) -> None:
    drafting, asker = begin(two, "web-01", to="Madrid")
    heard: list[Evaluation] = []
    drafting.subscribe(heard.append)
    vm = VmRef(named(two, "Madrid", "VM", "web-01"))
    for host in ("madrid-02", "madrid-03", "madrid-02", "madrid-03"):
        drafting.choose(lambda d, h=host: d.on(vm, HostRef(named(two, "Madrid", "host", h))))  # type: ignore[misc]
        evaluation = await drafting.settled()
        assert evaluation.plan is not None
        assert evaluation.plan.moves[0].host.name == host
    assert drafting.draft is not None
    boots = [q for q in asker.questions if isinstance(q, CanBootHere)]
    assert len(boots) == len(set(boots))
    assert heard[-1] is drafting.evaluation
    drafting.close()


async def test_what_nobody_wants_to_know_any_more_is_not_asked_on(two: Engine) -> None:
    drafting, asker = begin(two, "web-01", "web-02")
    asker.open.clear()
    await until(lambda: asker.at_once == 2)
    drafting.choose(lambda d: d.to(two.pool("Madrid")))
    await until(lambda: not any(isinstance(q, CanMigrate) and q.target == two.pool("Lisboa") for q in drafting._asking))
    asker.open.set()
    await drafting.settled()
    drafting.close()
    assert two.sessions("Lisboa") == 1


async def test_few_questions_at_once(two: Engine) -> None:
    names = ("web-01", "web-02", "web-03", "mail", "files-windows", "intranet-old", "test-suspended")
    drafting, asker = begin(two, *names)
    await drafting.settled()
    assert asker.most == module.MOST_QUESTIONS
    drafting.close()


async def test_a_refusal_is_a_problem_and_asked_again_after_a_change(
    two: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the change comes so soon after the refusal that it is not believed at first."""
    monkeypatch.setattr(module, "FORGET", 0.4)
    pool = two.served("Madrid").pool
    two.site.run(lambda: pool.faults.add("VM.assert_can_migrate", failure=Failure("VDI_CBT_ENABLED", "OpaqueRef:x")))
    drafting, asker = begin(two, "web-01")
    evaluation = await drafting.settled()
    assert evaluation.plan is None
    assert [p.source for p in evaluation.problems if p.blocks] == ["server"]
    before = len(asker.questions)
    ref = two.site.vm(two.served("Madrid"), "web-02")
    await asyncio.to_thread(two.site.call, two.served("Madrid"), "VM.set_name_label", ref, "renamed")
    await until(lambda: drafting.evaluation.plan is not None)
    assert len(asker.questions) == before + 1
    drafting.close()


async def test_ask_again_forgets_refusals_only(two: Engine) -> None:
    pool = two.served("Madrid").pool
    fault = two.site.run(
        lambda: pool.faults.add("VM.assert_can_migrate", failure=Failure("VDI_CBT_ENABLED", "OpaqueRef:x"))
    )  # fmt: skip
    drafting, asker = begin(two, "web-01")
    assert (await drafting.settled()).plan is None
    drafting.ask_again()
    assert (await drafting.settled()).plan is not None
    drafting.ask_again()
    assert (await drafting.settled()).plan is not None
    assert fault.seen == 2
    assert len([q for q in asker.questions if isinstance(q, CanMigrate)]) == 2
    drafting.close()


async def test_closing_cancels_and_nothing_is_left(two: Engine) -> None:
    faults = two.served("Lisboa").pool.faults
    fault = two.site.run(lambda: faults.add("host.migrate_receive", delay=0.2))
    drafting, _asker = begin(two, "web-01")
    heard: list[Evaluation] = []
    drafting.subscribe(heard.append)
    waiting = asyncio.ensure_future(drafting.settled())
    await until(lambda: fault.seen)
    heard.clear()
    drafting.close()
    assert not drafting.busy
    await asyncio.wait_for(waiting, 1)
    await until(lambda: [t for t in asyncio.all_tasks() if t.get_name() == "ask"] == [])
    assert two.sessions("Lisboa") == 1  # the session whose answer nobody waited for was ended all the same
    ref = two.site.vm(two.served("Madrid"), "web-01")
    await asyncio.to_thread(two.site.call, two.served("Madrid"), "VM.set_name_label", ref, "renamed")
    await until(lambda: two.inventory("Madrid").VM[VmRef(ref)].name_label == "renamed")
    drafting.choose(lambda d: d)
    assert heard == []


async def test_a_vm_that_vanishes(two: Engine) -> None:
    drafting, _asker = begin(two, "intranet-old")
    assert (await drafting.settled()).plan is not None
    ref = two.site.vm(two.served("Madrid"), "intranet-old")
    await asyncio.to_thread(two.site.call, two.served("Madrid"), "VM.destroy", ref)
    await until(lambda: drafting.evaluation.plan is None)
    problem = drafting.evaluation.blocked(Page.destination)
    assert problem is not None
    assert "no longer exists" in problem.message
    drafting.close()


async def test_a_pool_that_does_not_answer_and_comes_back(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORGET", 0.2)
    drafting, _asker = begin(two, "web-01")
    assert (await drafting.settled()).plan is not None
    two.proxies["Lisboa"].down()
    await until(lambda: drafting.evaluation.plan is None)
    assert "Lisboa" in drafting.evaluation.problems[0].message
    two.proxies["Lisboa"].up()
    await until(lambda: drafting.evaluation.plan is not None)
    await two.connections.close(two.address("Madrid").url)
    await until(lambda: drafting.evaluation.plan is None)
    drafting.close()


async def test_tasks_alone_are_no_reason_to_judge(two: Engine) -> None:
    drafting, _asker = begin(two, "web-01")
    await drafting.settled()
    await asyncio.sleep(module.GATHER * 3)  # what the answers themselves have brought about
    heard: list[Evaluation] = []
    drafting.subscribe(heard.append)
    seen: list[bool] = []
    leave = two.store.subscribe(lambda change: seen.append("task" in (change.delta.added or {})))
    task = await asyncio.to_thread(two.site.call, two.served("Madrid"), "task.create", "by hand", "")
    await until(lambda: any(seen))
    await asyncio.sleep(module.GATHER * 2)
    assert heard == []
    await asyncio.to_thread(two.site.call, two.served("Madrid"), "task.destroy", task)
    leave()
    drafting.close()


async def test_a_large_draft_is_judged_aside(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_DRAFT_PAIRS", 1)
    threads: list[str] = []
    judge = module.evaluate

    def watched(*arguments: Any) -> Evaluation:
        import threading

        threads.append(threading.current_thread().name)
        return judge(*arguments)

    monkeypatch.setattr(module, "evaluate", watched)
    drafting, _asker = begin(two, "web-01")
    assert drafting.busy
    assert drafting.evaluation.plan is None
    heard: list[Evaluation] = []
    drafting.subscribe(heard.append)
    drafting.choose(lambda d: d.homing(False))
    drafting.choose(lambda d: d.homing(True))
    evaluation = await drafting.settled()
    assert evaluation.plan is not None
    assert threads[0] == "MainThread"  # the blank one
    assert not [name for name in threads[1:] if name == "MainThread"]
    drafting.choose(lambda d: d.homing(False))
    drafting.close()


async def test_a_destination_is_chosen_for_a_draft_without_one(two: Engine) -> None:
    vm = VmRef(named(two, "Madrid", "VM", "web-01"))
    drafting = Drafting(two.store, two.asker, two.clock, Draft(two.pool("Madrid"), (vm,)))
    await drafting.settled()
    drafting.choose(lambda d: d)
    await drafting.settled()
    assert drafting.draft.destination == drafting.evaluation.draft.destination
    assert drafting.draft.destination is not None
    drafting.close()


# Asking.


async def question(two: Engine) -> CanMigrate:
    drafting, asker = begin(two, "web-01")
    await drafting.settled()
    drafting.close()
    (found,) = [q for q in asker.questions if isinstance(q, CanMigrate)]
    return found


async def test_the_session_of_migrate_receive_is_ended_in_every_case(two: Engine) -> None:
    asked = await question(two)
    madrid, lisboa = two.served("Madrid").pool, two.served("Lisboa").pool
    assert await two.asker.ask(asked) == Answer()
    for fault in ({"failure": Failure("VDI_CBT_ENABLED", "x")}, {"drop": True}):
        two.site.run(lambda f=fault: madrid.faults.add("VM.assert_can_migrate", **f))  # type: ignore[misc]
        assert (await two.asker.ask(asked)).failure is not None
        assert two.sessions("Lisboa") == 1
        two.site.run(madrid.faults.clear)
    for held, pool in (("VM.assert_can_migrate", madrid), ("host.migrate_receive", lisboa)):
        slow = two.site.run(lambda p=pool, h=held: p.faults.add(h, delay=0.2))  # type: ignore[misc]
        asking = asyncio.ensure_future(two.asker.ask(asked))
        await until(lambda s=slow: s.seen)  # type: ignore[misc]
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert two.sessions("Lisboa") == 1, held
        two.site.run(pool.faults.clear)
    refused = two.site.run(lambda: lisboa.faults.add("host.migrate_receive", delay=0.2, failure=Failure("X")))
    asking = asyncio.ensure_future(two.asker.ask(asked))
    await until(lambda: refused.seen)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_the_sessions_reference_is_taken_out_of_the_answer(two: Engine) -> None:
    asked = await question(two)
    madrid, lisboa = two.served("Madrid").pool, two.served("Lisboa").pool
    slow = two.site.run(lambda: madrid.faults.add("VM.assert_can_migrate", delay=0.3))
    known = set(two.site.run(lambda: list(lisboa.sessions.live)))
    asking = asyncio.ensure_future(two.asker.ask(asked))
    await until(lambda: slow.seen)
    (received,) = set(two.site.run(lambda: list(lisboa.sessions.live))) - known
    text = f"http://10.0.0.1/services/SM?session_id={received}"
    two.site.run(lambda: setattr(slow, "failure", Failure("INTERNAL_ERROR", text)))
    answer = await asking
    assert received not in repr(answer)
    assert "session_id=…" in repr(answer)


async def test_not_connected_is_an_answer(two: Engine) -> None:
    asked = await question(two)
    await two.connections.close(two.address("Lisboa").url)
    answer = await two.asker.ask(asked)
    assert isinstance(answer.failure, Unreachable)


async def test_the_write_rate_comes_from_the_server(two: Engine) -> None:
    two.site.fault(two.served("Madrid"), "set_write_rate", vm="web-01", rate=30e6)
    evaluation = await two.evaluation("web-01", to="Lisboa")
    (said,) = [p for p in evaluation.problems if p.rule == "R19"]
    assert "The guests are writing 29 MiB per second" in said.message
    faults = two.served("Madrid").pool.faults
    two.site.run(lambda: faults.add("VM.query_data_source", failure=Failure("INTERNAL_ERROR", "rrdd"), times=0))
    evaluation = await two.evaluation("web-01", to="Lisboa")
    assert evaluation.plan is not None
    (said,) = [p for p in evaluation.problems if p.rule == "R19"]
    assert "is not known" in said.message
