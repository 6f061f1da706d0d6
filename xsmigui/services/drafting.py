"""A migration being drafted: the operator's choices, judged again after each of them and after each change of the site.

The wizard exists without widgets: it sends edits here and renders the evaluation that comes back; the command line does
the same in one go.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import Evaluation, evaluate
from xsmigui.core.migration.facts import Answer, Facts, Question
from xsmigui.core.ports import Clock
from xsmigui.services.asking import Asker
from xsmigui.services.store import Change, Store

log = logging.getLogger(__name__)

MOST_QUESTIONS: Final = 4
"""Questions under way at the same time."""

LARGE_DRAFT_PAIRS: Final = 60
"""From so many pairs of VM and host on, a draft is judged in a thread: the window must not wait for it."""

ANSWERS_GATHERED_S: Final = 0.5
"""Seconds after which what the servers have answered so far is judged, though more answers are due; where judging takes
long, `ANSWERS_SHARE` times as long as that."""

ANSWERS_SHARE: Final = 5.0

GATHER: Final = 0.1
"""Seconds for which changes of the site are gathered before the draft is judged again."""

FORGET: Final = 2.0
"""Seconds after which a refusal may be asked for again when the site has changed: it may have been fixed."""

IGNORED: Final = ("task",)

Preparation = Callable[[Evaluation], None]
"""Makes what a window will show of an evaluation, in the thread that judges."""

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
        self._answered: asyncio.TimerHandle | None = None
        self._again = False
        self._judged: Draft | None = None
        self._took = 0.0
        self._error: Exception | None = None
        self._closed = False
        self.preparing: Callable[[], Preparation] = lambda: _nothing_more
        """What is made of each evaluation of a large draft before it is shown; asked in the loop's thread."""
        self.evaluation = evaluate(store.booked(), draft, {}) if not self._is_large() else self._blank()
        self._leave = store.subscribe(self._site_changed)
        self._after(self.evaluation)
        if self._is_large():
            self._judge()

    def _is_large(self) -> bool:
        site = self._store.site()
        pools = {self._draft.source, self._draft.target}
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
        """An answer that is needed, or the judgement of what was chosen last, is still due."""
        if self._closed:
            return False
        return bool(self.evaluation.needed) or (self._judging is not None and self._judged != self._draft)

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
        """The evaluation once every answer has come. Raises what judging has raised."""
        while self._asking or self._judging is not None:
            self._settled.clear()
            await self._settled.wait()
        if self._error is not None:
            raise self._error
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
        for timer in (self._gathering, self._looking_again, self._answered):
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
        """Judge the draft: at once if it is small. What a thread judges is let end, and judged once more: if the site
        changes all the time, there would never be a judgement otherwise."""
        if self._answered is not None:
            self._answered.cancel()
            self._answered = None
        if self._closed:
            return
        if self._judging is not None:
            self._again = True
        elif self._is_large():
            self._judging = asyncio.create_task(self._judge_aside(), name="evaluate")
        else:
            self._take(evaluate(self._store.booked(), self._draft, self._facts, self.evaluation))

    async def _judge_aside(self) -> None:
        self._error = None
        try:
            while True:
                self._again = False
                draft, prepare = self._draft, self.preparing()
                site, facts = self._store.booked(), dict(self._facts)
                found, self._took = await asyncio.to_thread(_judged, site, draft, facts, self.evaluation, prepare)
                if draft == self._draft:
                    self._judged = draft
                    self._take(found)
                else:  # something else was chosen meanwhile
                    self._again = True
                if not self._again:
                    return
        except Exception as error:
            self._error = error
            raise
        finally:
            self._judging = None
            self._settled.set()

    def _take(self, evaluation: Evaluation) -> None:
        if evaluation.draft.destination != self._draft.destination:
            self._draft = self._judged = evaluation.draft
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
            if question not in self._asking and question not in self._facts:
                self._asking[question] = asyncio.create_task(self._ask(question), name="ask")
        self._settled.set()

    async def _ask(self, question: Question) -> None:
        async with self._places:
            answer = await self._asker.ask(question)
        self._asking.pop(question, None)
        self._facts[question] = answer
        if answer.failure is not None:
            self._refused_at[question] = asyncio.get_running_loop().time()
        if not self._asking or not self._is_large():
            self._judge()
        elif self._answered is None and not self._closed:
            later = max(ANSWERS_GATHERED_S, ANSWERS_SHARE * self._took)
            self._answered = asyncio.get_running_loop().call_later(later, self._judge)


def _judged(
    site: Site, draft: Draft, facts: Facts, before: Evaluation, prepare: Preparation
) -> tuple[Evaluation, float]:
    """The evaluation with what the window will show of it, and the CPU seconds that it took; in a thread."""
    begun = time.thread_time()
    evaluation = evaluate(site, draft, facts, before)
    prepare(evaluation)
    return evaluation, time.thread_time() - begun


def _nothing_more(_evaluation: Evaluation) -> None:
    """Nobody shows it."""
