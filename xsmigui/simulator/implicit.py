"""The calls that every class has: getters, setters, get_all_records, constructors, destructors (gen_db_actions)."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from xsmigui.simulator.failures import Failure, internal
from xsmigui.simulator.query import matches, parse_query
from xsmigui.simulator.records import Records
from xsmigui.simulator.schema import Message, Schema
from xsmigui.simulator.tables import Database, Row
from xsmigui.simulator.types import NoDate, NoText, TypeMismatch, Value, undecoded


def implicit(db: Database, message: Message, params: list[Value]) -> Value:
    """Carries out a call from its name alone; NOT_IMPLEMENTED where a hand-written method would be needed."""
    cls, name = message.cls, message.name
    if not is_implicit(db.schema, message):
        raise Failure("NOT_IMPLEMENTED", message.full)
    if name in _WHOLE:
        return _WHOLE[name](db, cls, params)
    verb, _, field = name.partition("_")
    if verb == "add" and field.startswith("to_"):
        return _map_field(db, message, field[3:], db.add_to, params)
    if verb == "remove" and field.startswith("from_"):
        return _map_field(db, message, field[5:], db.remove_from, params)
    if verb == "get":
        return db.get(cls, params[0], field)
    if verb == "set":
        return db.set(cls, params[0], **{field: params[1]})
    return _set_field(db, cls, field, verb, params)


def is_implicit(schema: Schema, message: Message) -> bool:
    """The name alone says what is done: to the whole class, or to one of its fields."""
    fields = schema.classes[message.cls].fields
    verb, _, field = message.name.partition("_")
    if message.name in _WHOLE:
        return message.implicit or message.name != "create"
    if (verb == "add" and field.startswith("to_")) or (verb == "remove" and field.startswith("from_")):
        return field.partition("_")[2] in fields
    return field in fields and (verb == "get" or (verb in {"set", "add", "remove"} and len(message.params) == 2))


def _map_field(db: Database, message: Message, field: str, write: Callable[..., None], params: list[Value]) -> None:
    if isinstance(db.get(message.cls, params[0], field), list):  # subject.add_to_roles
        _set_field(db, message.cls, field, message.name.partition("_")[0], params)
        return
    write(message.cls, params[0], field, *params[1:])


def _set_field(db: Database, cls: str, field: str, verb: str, params: list[Value]) -> None:
    (db.add_member if verb == "add" else db.remove_member)(cls, params[0], field, params[1])


def _get_all(db: Database, cls: str, params: list[Value]) -> Value:
    return list(db.table(cls))


def _get_all_records(db: Database, cls: str, params: list[Value]) -> Value:
    return Records(db.tables[cls], db.table(cls))


def _refs_where(db: Database, cls: str, params: list[Value]) -> list[str]:
    query = parse_query(params[0], db.schema.syntax_error)
    return [ref for ref in db.table(cls) if matches(query, cls, ref, db.tables[cls].shown(ref))]


def _where(db: Database, cls: str, params: list[Value]) -> Value:
    return Records(db.tables[cls], _refs_where(db, cls, params))


def _get_record(db: Database, cls: str, params: list[Value]) -> Value:
    db.row(cls, params[0])
    return db.tables[cls].shown(params[0])


def _by_uuid(db: Database, cls: str, params: list[Value]) -> Value:
    return db.by_uuid(cls, params[0])


def _by_name(db: Database, cls: str, params: list[Value]) -> Value:
    return [ref for ref, row in db.table(cls).items() if row["name_label"] == params[0]]


def _destroy(db: Database, cls: str, params: list[Value]) -> None:
    db.delete(cls, params[0])


def _create(db: Database, cls: str, params: list[Value]) -> str:
    return db.create(cls, constructor_values(db, cls, params[0]))


def constructor_values(db: Database, cls: str, struct: Row) -> Row:
    """A constructor's struct, checked: what is no constructor field is dropped, what is mandatory insisted on."""
    values: Row = {}
    for name, field in db.schema.classes[cls].fields.items():
        if name == "uuid" or (field.qualifier == "RO/runtime" and name != "power_state"):
            continue
        if name in struct:
            try:
                values[name] = field.type.decode(struct[name])
            except (TypeMismatch, NoText, NoDate) as error:
                raise undecoded(error, db.schema.release) from None
        elif field.mandatory:
            raise internal(f'Server_helpers.Dispatcher_FieldNotFound("{name}")')
    return values


def completed(db: Database, cls: str, struct: Row) -> Row:
    """A constructor's struct, checked, with the schema's values for what it leaves out."""
    fields = db.schema.classes[cls].fields
    given = constructor_values(db, cls, struct)
    left = {name: copy(field.default) for name, field in fields.items() if name != "uuid"}
    return {**left, **given}


_WHOLE: dict[str, Callable[[Database, str, list[Value]], Value]] = {
    "get_all": _get_all, "get_all_records": _get_all_records, "get_all_records_where": _where,
    "get_all_where": _refs_where,
    "get_record": _get_record, "get_by_uuid": _by_uuid, "get_by_name_label": _by_name, "create": _create,
    "destroy": _destroy,
}  # fmt: skip
