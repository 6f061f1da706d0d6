"""From a call's name and parameters to its result: xapi's dispatcher (gen_server.ml)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xsmigui.simulator.failures import NULL, Failure, internal, no_text
from xsmigui.simulator.faults import Cut, Dropped
from xsmigui.simulator.hidden import refusal
from xsmigui.simulator.implicit import implicit
from xsmigui.simulator.records import Records
from xsmigui.simulator.schema import Message, Release
from xsmigui.simulator.sessions import Live
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.tables import Database
from xsmigui.simulator.tasks import Work
from xsmigui.simulator.types import (
    NoDate,
    NoText,
    Type,
    TypeMismatch,
    Value,
    Void,
    parse_type,
    text_of,
    undecoded,
)

log = logging.getLogger(__name__)

Handler = Callable[..., Any]
METHODS: dict[str, Handler] = {}
_NO_SESSION_HOST_CHECK = frozenset({"session.login_with_password", "session.slave_local_login_with_password"})
_REF = parse_type("task ref", {})
_OF_OWNERS = frozenset({
    "destroy", "cancel", "set_status", "set_progress", "set_result", "set_error_info", "set_resident_on",
    "add_to_other_config", "remove_from_other_config", "set_other_config",
})  # fmt: skip
"""What is done to a task by whom has begun it (xapi_task.ml)."""


def method(name: str) -> Callable[[Handler], Handler]:
    """Marks a function as the implementation of a call: `handler(call, *parameters)`, plain or a coroutine."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = handler
        return handler

    return register


@dataclass(slots=True)
class Call:
    """One call under way: who asks, where, and the task that stands for it."""

    pool: XapiPool
    host: str  # the host that answers
    session: str
    live: Live | None
    message: Message
    work: Work | None = None
    cut: int | None = None  # faults: where the answer breaks off, whether it never ends, how slowly it goes
    stuck: bool = False
    slow: float = 1.0
    broken: Failure | None = None  # what has happened to it from outside: it fails so at its next step
    abandoned: bool = False  # and nobody clears up

    @property
    def db(self) -> Database:
        return self.pool.db

    @property
    def task(self) -> str:
        return self.work.ref if self.work else NULL

    def checkpoint(self) -> None:
        """TASK_CANCELLED [task] if somebody has asked for it; or whatever else has broken it."""
        if self.broken is not None:
            raise self.broken
        if self.work and self.work.cancel.is_set() and not self.work.stuck:
            raise Failure("TASK_CANCELLED", self.task)

    def fail_with(self, failure: Failure) -> None:
        self.broken = failure
        if self.work:
            self.work.poke.set()

    async def pause(self, seconds: float, *, cancellable: bool = True) -> None:
        """Lets simulated time pass, and gives way to a cancellation meanwhile."""
        if self.stuck and self.work:
            self.work.stuck = True
            await self.work.released.wait()
            self.stuck = self.work.stuck = False
        seconds *= self.slow
        speed = self.pool.clock.speed
        if self.broken is not None:
            raise self.broken
        if speed and cancellable and self.work and not self.work.stuck:
            try:
                await asyncio.wait_for(self.work.poke.wait(), seconds / speed)
            except TimeoutError:
                pass
        else:
            await self.pool.clock.sleep(seconds)
        if cancellable:
            self.checkpoint()

    def progress(self, value: float) -> None:
        if self.work:
            self.pool.tasks.progress(self.work.ref, value)

    def cancellable(self, yes: bool) -> None:
        if self.work:
            self.pool.tasks.cancellable(self.work.ref, yes)


async def dispatch(pool: XapiPool, method_name: str, params: list[Value], host: str) -> tuple[Value, Type]:
    """Carries out a call at `host` of `pool`; returns its result and the result's type, or raises `Failure`."""
    pool.refresh()  # work in the background writes between calls
    try:
        return await _dispatch(pool, method_name, params, host)
    except (Failure, Dropped, Cut, asyncio.CancelledError):
        raise
    except Exception as error:  # xapi turns whatever it did not foresee into INTERNAL_ERROR (exnHelper.ml)
        log.exception("unforeseen in %s", method_name)
        raise internal(f"{type(error).__name__}({error})") from error
    finally:
        pool.refresh()


async def _dispatch(pool: XapiPool, method_name: str, params: list[Value], host: str) -> tuple[Value, Type]:
    prefix, _, rest = method_name.partition(".")
    asynchronous = prefix in {"Async", "InternalAsync"}
    name = rest if asynchronous else method_name
    message = pool.schema.message(name)
    if message is None:
        if params and isinstance(params[0], str):  # it might be an extension's: the session is looked at first
            pool.sessions.check(params[0])
        raise Failure("MESSAGE_METHOD_UNKNOWN", name)
    session, arguments = _split(message, params)
    decoded = [] if message.removed else _decode(message, arguments, pool.schema.release)
    if host != pool.master and not pool.live(pool.master):
        raise Failure("HOST_STILL_BOOTING")  # emergency mode: the coordinator is gone
    if host != pool.master and message.full in _NO_SESSION_HOST_CHECK:
        raise Failure("HOST_IS_SLAVE", pool_address(pool))
    live = pool.sessions.check(session) if message.needs_session else None
    if message.internal:
        raise internal(refusal(message.full))
    if live is not None and host != pool.master:
        raise Failure("HOST_IS_SLAVE", pool_address(pool))
    if message.removed:
        raise Failure("MESSAGE_REMOVED")
    if asynchronous and not message.asynchronous:
        raise Failure("Fault", f"No async mode for this operation (rpc: {name})")
    if live is not None:
        if message.name.startswith(("add_to_", "remove_from_")) and len(decoded) > 1:
            pool.sessions.authorise_key(live, message, str(decoded[1]))
        else:
            pool.sessions.authorise(live, message)
        if message.name in {"set_other_config", "set_platform"} and not message.implicit:
            pool.sessions.authorise_map(live, message, str(decoded[0]), decoded[1])
        if message.cls == "task" and message.name in _OF_OWNERS and not message.implicit:
            pool.sessions.authorise_task(session, live, str(decoded[0]))
    call = Call(pool, host, session, live, message)
    await pool.faults.strike(call)
    try:
        if asynchronous:
            answer: tuple[Value, Type] = _start(call, method_name, decoded), _REF
        else:
            answer = _typed(pool, message, await _run_now(call, method_name, decoded))
    except Failure as failure:
        if call.cut is not None:
            raise Cut(call.cut, failure=failure) from None
        raise
    if call.cut is not None:
        raise Cut(call.cut, *answer)
    return answer


def pool_address(pool: XapiPool) -> str:
    """Where a slave sends its clients: the coordinator as it is served, else as the database knows it."""
    url = pool.endpoints.get(pool.master)
    return url.partition("://")[2] if url else str(pool.db.get("host", pool.master, "address"))


def _split(message: Message, params: list[Value]) -> tuple[str, list[Value]]:
    """The session and the other parameters; both counts of the mismatch leave the session out."""
    session = ""
    if message.needs_session:
        if params and not isinstance(params[0], str):
            raise internal(f"Failure(\"Expected string, got '{params[0]}'\")")
        try:
            session, params = (text_of(params[0]), params[1:]) if params else ("", [])
        except NoText as error:
            raise no_text(error) from None
    accepts_more = message.required < len(message.params)
    if len(params) < message.required or (len(params) > len(message.params) and not accepts_more):
        raise Failure("MESSAGE_PARAMETER_COUNT_MISMATCH", message.full, message.required, len(params))
    return session, params[: len(message.params)]


def _decode(message: Message, params: list[Value], release: Release) -> list[Value]:
    try:
        decoded = [p.type.decode(v) for p, v in zip(message.params, params, strict=False)]
    except (TypeMismatch, NoText, NoDate) as error:
        raise undecoded(error, release) from None
    return decoded + [p.default for p in message.params[len(params) :]]


def _typed(pool: XapiPool, message: Message, value: Value) -> tuple[Value, Type]:
    if isinstance(message.result, Void):
        return "", message.result
    return value, message.result


async def _perform(call: Call, params: list[Value]) -> Value:
    handler = METHODS.get(call.message.full)
    value = handler(call, *params) if handler else implicit(call.db, call.message, params)
    if inspect.isawaitable(value):
        value = await value
    return value


async def _run_now(call: Call, name: str, params: list[Value]) -> Value:
    """A synchronous call: those that could be asynchronous have a short-lived task row of their own (context.ml)."""
    if not call.message.asynchronous:
        return await _perform(call, params)
    call.work = call.pool.tasks.create(name, call.session)
    try:
        return await _perform(call, params)
    finally:
        call.pool.tasks.remove(call.work.ref)


def _start(call: Call, name: str, params: list[Value]) -> str:
    call.work = call.pool.tasks.create(name, call.session)
    call.pool.spawn(asyncio.ensure_future(_run_later(call, params)))
    return call.work.ref


async def _run_later(call: Call, params: list[Value]) -> None:
    assert call.work is not None
    tasks = call.pool.tasks
    try:
        value = await _perform(call, params)
        value, kind = _typed(call.pool, call.message, value)
        tasks.succeed(call.work.ref, value.as_dict() if isinstance(value, Records) else value, kind)
    except Failure as failure:
        tasks.fail(call.work.ref, failure)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.exception("unforeseen in %s", call.message.full)
        tasks.fail(call.work.ref, internal(f"{type(error).__name__}({error})"))
    finally:
        call.pool.refresh()


async def child(call: Call, name: str, params: list[Value]) -> Value:
    """Runs `Async.X` on behalf of a call, as a task of its own, and waits for its result (host.evacuate)."""
    message = call.pool.schema.message(name)
    assert message is not None
    inner = Call(call.pool, call.host, call.session, call.live, message)
    inner.work = call.pool.tasks.create(f"Async.{name}", call.session, parent=call.task)
    try:
        value = await _perform(inner, _decode(message, params, call.pool.schema.release))
    except Failure as failure:
        call.pool.tasks.fail(inner.work.ref, failure)
        raise
    call.pool.tasks.succeed(inner.work.ref, "" if isinstance(message.result, Void) else value, message.result)
    return value


__all__ = ["METHODS", "Call", "child", "dispatch", "method", "pool_address"]
