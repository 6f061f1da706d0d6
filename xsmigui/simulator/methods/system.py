"""session, event, task, message: the calls about calls."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure, handle_invalid
from xsmigui.simulator.query import matches, parse_query
from xsmigui.simulator.records import EventBatch
from xsmigui.simulator.tables import Row
from xsmigui.simulator.types import Value


@method("session.login_with_password")
def login(call: Call, user: str, password: str, version: str = "", originator: str = "") -> str:
    return call.pool.sessions.login(user, password, originator, call.host)


@method("session.slave_local_login_with_password")
def local_login(call: Call, user: str, password: str) -> str:
    return call.pool.sessions.login(user, password, "", call.host)


@method("session.logout")
@method("session.local_logout")
def logout(call: Call) -> None:
    call.pool.sessions.end(call.session)


@method("session.get_all_subject_identifiers")
def subjects(call: Call) -> list[str]:
    return sorted({row["auth_user_sid"] for row in call.db.table("session").values()} - {""})


@method("session.change_password")
def change_password(call: Call, old: str, new: str) -> None:
    assert call.live is not None
    account = call.pool.sessions.accounts[call.live.user]
    if account.password != old:
        raise Failure("SESSION_AUTHENTICATION_FAILED", call.live.user, "Authentication failure")
    account.password = new


@method("event.from")
async def event_from(call: Call, classes: list[str], token: str, timeout: float) -> EventBatch:
    return await call.pool.events.wait(call.session, classes, token, timeout)


@method("event.register")
def event_register(call: Call, classes: list[str]) -> None:
    call.pool.events.register(call.session, classes)


@method("event.unregister")
def event_unregister(call: Call, classes: list[str]) -> None:
    call.pool.events.unregister(call.session, classes)


@method("event.next")
async def event_next(call: Call) -> list[Row]:
    return await call.pool.events.next(call.session)


@method("event.inject")
def event_inject(call: Call, cls: str, ref: str) -> str:
    return call.pool.events.inject(cls, ref)


@method("event.get_current_id")
def event_current(call: Call) -> int:
    return call.db.generation


@method("task.create")
def task_create(call: Call, label: str, description: str) -> str:
    work = call.pool.tasks.create(label, call.session, description=description)
    return work.ref


@method("task.destroy")
def task_destroy(call: Call, task: str) -> None:
    # A task that a client made is carried out by nobody: it goes at once.
    call.db.row("task", task)
    work = call.pool.tasks.running.get(task)
    if work is not None and call.db.get("task", task, "name_label").startswith(("Async.", "InternalAsync.")):
        call.pool.tasks.destroy(task)
    else:
        call.pool.tasks.remove(task)


@method("task.cancel")
def task_cancel(call: Call, task: str) -> None:
    call.pool.tasks.request_cancel(task, call.task)


@method("task.set_status")
def task_status(call: Call, task: str, value: str) -> None:
    call.db.set("task", task, status=value)  # when it ended is written by whoever carries it out


@method("task.set_progress")
def task_progress(call: Call, task: str, value: float) -> None:
    call.db.set("task", task, progress=value)


@method("task.set_result")
def task_result(call: Call, task: str, value: str) -> None:
    call.db.set("task", task, result=value)


@method("task.set_error_info")
def task_error(call: Call, task: str, value: list[str]) -> None:
    call.db.set("task", task, error_info=value)


def _message(call: Call, ref: str) -> Row:
    rows = call.pool.messages.rows
    if ref not in rows:
        raise handle_invalid("message", ref)
    return rows[ref]


@method("message.get_all")
def messages(call: Call) -> list[str]:
    return list(call.pool.messages.rows)


@method("message.get_all_records")
def message_records(call: Call) -> dict[str, Row]:
    return dict(call.pool.messages.rows)


@method("message.get_all_records_where")
def message_where(call: Call, expression: str) -> dict[str, Row]:
    query = parse_query(expression, call.pool.schema.syntax_error)
    return {ref: row for ref, row in call.pool.messages.rows.items() if matches(query, "message", ref, row)}


@method("message.get_record")
def message_record(call: Call, ref: str) -> Row:
    return _message(call, ref)


@method("message.get_by_uuid")
def message_by_uuid(call: Call, wanted: str) -> str:
    for ref, row in call.pool.messages.rows.items():
        if row["uuid"] == wanted:
            return ref
    raise Failure("UUID_INVALID", "message", wanted)


@method("message.get")
def message_get(call: Call, cls: str, obj_uuid: str, since: str) -> dict[str, Row]:
    return {
        ref: row
        for ref, row in call.pool.messages.rows.items()
        if row["cls"] == cls and row["obj_uuid"] == obj_uuid and row["timestamp"] >= _date(since)
    }


@method("message.get_since")
def message_since(call: Call, since: str) -> dict[str, Row]:
    return {ref: row for ref, row in call.pool.messages.rows.items() if row["timestamp"] >= _date(since)}


def _date(text: str) -> str:
    return text[:10].replace("-", "") + text[10:] if "-" in text[:10] else text


@method("message.create")
def message_create(call: Call, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> str:
    table = next((name for name in call.db.tables if name.lower() == cls.lower()), None)
    if table is not None:
        call.db.by_uuid(table, obj_uuid)
    return call.pool.message(name, priority, cls, obj_uuid, body)


@method("message.destroy")
def message_destroy(call: Call, ref: str) -> None:
    call.pool.messages.remove(ref)
    call.db.poke()


@method("host.get_servertime")
@method("host.get_server_localtime")
def server_time(call: Call, host: str) -> str:
    call.db.row("host", host)
    return call.pool.clock.date()


@method("host.list_methods")
def list_methods(call: Call) -> Value:
    """`system.listMethods` knows them (xapi_host.ml, list_methods)."""
    raise Failure("NOT_IMPLEMENTED", "list_method")


@method("message.destroy_many")
def messages_destroy(call: Call, refs: list[str]) -> None:
    for ref in refs:
        call.pool.messages.remove(ref)
    call.db.poke()


@method("session.logout_subject_identifier")
def logout_subject(call: Call, identifier: str) -> None:
    """Ends the sessions of one external user."""
    for ref in list(call.pool.sessions.live):
        if ref != call.session and call.db.get("session", ref, "auth_user_sid") == identifier:
            call.pool.sessions.end(ref)
