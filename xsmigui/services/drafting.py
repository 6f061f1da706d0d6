"""A migration being drafted: the operator's choices, judged again after each of them and after each change of the site.

The wizard exists without widgets: it sends edits here and renders the evaluation that comes back; the command line does
the same in one go.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation, evaluate, needed
from xsmigui.core.migration.facts import Answer, Question
from xsmigui.core.ports import Clock
from xsmigui.services.asking import Asker
from xsmigui.services.store import Change, Store

log = logging.getLogger(__name__)

MOST_QUESTIONS: Final = 4
"""Questions under way at the same time."""

LARGE_DRAFT_PAIRS: Final = 60
"""From so many pairs of VM and host on, a draft is judged in a thread: the window must not wait for it."""

GATHER: Final = 0.1
"""Seconds for which changes of the site are gathered before the draft is judged again."""

FORGET: Final = 2.0
"""Seconds after which a refusal may be asked for again when the site has changed: it may have been fixed."""

IGNORED: Final = ("task",)

Edit = Callable[[Draft], Draft]
Listener = Callable[[Evaluation], None]


class Drafting:
    """One draft with its evaluation. Belongs to the loop's thread; `close` cancels what is under way."""

    def __init__(self, store: Store, asker: Asker, clock: Clock, draft: Draft) -> None:
        self._store = store
        self._asker = asker
        self._clock = clock
        self._draft = draft
        self._facts: dict[Question, Answer] = {}
        self._refused_at: dict[Question, float] = {}
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(MOST_QUESTIONS)
        self._listeners: list[Listener] = []
        self._settled = asyncio.Event()
        self._judging: asyncio.Task[None] | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._looking_again: asyncio.TimerHandle | None = None
        self._closed = False
        self.evaluation = evaluate(store.booked(), draft, {}) if not self._is_large() else self._blank()
        self._leave = store.subscribe(self._site_changed)
        self._after(self.evaluation)
        if self._is_large():
            self._judge()

    def _is_large(self) -> bool:
        site = self._store.site()
        pools = {self._draft.source, self._draft.destination or self._draft.source}
        hosts = sum(len(site.pools[pool].host) for pool in pools if pool in site.pools)
        return len(self._draft.vms) * hosts > LARGE_DRAFT_PAIRS

    def _blank(self) -> Evaluation:
        """What stands until a large draft is judged: no problem, no plan, nothing to ask."""
        empty = Draft(self._draft.source, (), self._draft.destination)
        return evaluate(self._store.site(), empty, {})

    @property
    def draft(self) -> Draft:
        return self._draft

    @property
    def busy(self) -> bool:
        """An answer that is needed, or a judgement, is still due."""
        return bool(needed(self._asking)) or self._judging is not None

    def subscribe(self, listener: Listener) -> None:
        """Hear of every new evaluation."""
        self._listeners.append(listener)

    def choose(self, edit: Edit) -> None:
        """Change the draft and judge it again."""
        self._draft = edit(self._draft)
        self._judge()

    def ask_again(self) -> None:
        """Forget what the servers refused, since something was fixed."""
        self._facts = {q: a for q, a in self._facts.items() if a.failure is None}
        self._refused_at.clear()
        self._judge()

    async def settled(self) -> Evaluation:
        """The evaluation once every answer has come."""
        while self._asking or self._judging is not None:
            self._settled.clear()
            await self._settled.wait()
        return self.evaluation

    def close(self) -> None:
        self._closed = True
        self._leave()
        self._listeners.clear()
        for task in self._asking.values():
            task.cancel()
        self._asking.clear()
        if self._judging is not None:
            self._judging.cancel()
            self._judging = None
        for timer in (self._gathering, self._looking_again):
            if timer is not None:
                timer.cancel()
        self._settled.set()

    # How it goes on.

    def _site_changed(self, change: Change) -> None:
        if change.pool not in (self._draft.source, self._draft.destination) and not change.delta.whole:
            return
        if change.delta and not change.delta.whole and not self._matters(change):
            return
        if self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(GATHER, self._gathered)

    def _matters(self, change: Change) -> bool:
        parts = (change.delta.added, change.delta.changed, change.delta.removed)
        return any(cls not in IGNORED for part in parts for cls in part)

    def _gathered(self) -> None:
        self._gathering = None
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        old = [q for q, at in self._refused_at.items() if loop.time() - at >= FORGET]
        for question in old:
            del self._refused_at[question]
            self._facts.pop(question, None)
        if self._refused_at and self._looking_again is None:
            # Too young to be asked again, and mended perhaps all the same.
            oldest = min(self._refused_at.values())
            self._looking_again = loop.call_at(oldest + FORGET, self._look_again)
        self._judge()

    def _look_again(self) -> None:
        self._looking_again = None
        self._gathered()

    def _judge(self) -> None:
        if self._closed:
            return
        if not self._is_large():
            self._take(evaluate(self._store.booked(), self._draft, self._facts))
            return
        if self._judging is not None:
            self._judging.cancel()
        self._judging = asyncio.create_task(self._judge_aside(), name="evaluate")

    async def _judge_aside(self) -> None:
        draft = self._draft
        found = await asyncio.to_thread(evaluate, self._store.booked(), draft, dict(self._facts))
        self._judging = None
        self._take(found)

    def _take(self, evaluation: Evaluation) -> None:
        if evaluation.draft.destination != self._draft.destination:
            self._draft = evaluation.draft
        self.evaluation = evaluation
        self._after(evaluation)
        for listener in tuple(self._listeners):
            listener(evaluation)

    def _after(self, evaluation: Evaluation) -> None:
        """Ask what is to be asked, and stop asking what nobody wants to know any more."""
        wanted = set(evaluation.questions)
        for question in [q for q in self._asking if q not in wanted]:
            self._asking.pop(question).cancel()
        for question in evaluation.questions:
            if question not in self._asking:
                self._asking[question] = asyncio.create_task(self._ask(question), name="ask")
        self._settled.set()

    async def _ask(self, question: Question) -> None:
        async with self._places:
            answer = await self._asker.ask(question)
        self._asking.pop(question, None)
        self._facts[question] = answer
        if answer.failure is not None:
            self._refused_at[question] = asyncio.get_running_loop().time()
        self._judge()
