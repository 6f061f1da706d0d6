"""What the calls of this program answer, by the API's own conventions: so that an answer of another shape is met at the
wire, where it means "no XenAPI server", and not in the midst of a migration.

Getters answer their field's type, `get_record` a map with the fields of the class, `get_all` and `get_by_name_label`
references, `Async` calls and those that create something one reference (xapi's datamodel, all releases).
"""

from functools import cache
from typing import Any, Final, get_type_hints

import msgspec

from xsmigui.core.records import CLASSES, Text
from xsmigui.xapi.decoding import converted

NAMED: Final[dict[str, Any]] = {
    "session.login_with_password": str,
    "session.get_is_local_superuser": bool,
    "session.get_rbac_permissions": list[Text],
    "host.migrate_receive": dict[str, Text],
    "event.inject": str,
    "VM.get_allowed_VBD_devices": list[Text],
}
"""Calls that follow no convention."""

ENDINGS: Final[dict[str, Any]] = {
    "get_all": list[str],
    "get_by_name_label": list[str],
    "get_by_uuid": str,
    "get_record": dict[str, Any],
    "create": str,
    "clone": str,
    "copy": str,
    "snapshot": str,
}


@cache
def shape_of(method: str) -> Any:
    """The type of a call's answer; `Any` where nobody looks at it."""
    if method.startswith("Async."):
        return str
    if method in NAMED:
        return NAMED[method]
    cls, _dot, name = method.partition(".")
    if name in ENDINGS:
        return ENDINGS[name]
    if name.startswith("get_") and cls in CLASSES:
        return get_type_hints(CLASSES[cls], include_extras=True).get(name.removeprefix("get_"), Any)
    return Any


def completed(value: Any, method: str) -> Any:
    """The answer of a call; a record has every field that its class has here, since old servers lack some. Raises
    msgspec's `ValidationError` where a field is of another type."""
    cls, _dot, name = method.partition(".")
    if name != "get_record" or cls not in CLASSES:
        return value
    converted(value, CLASSES[cls])
    return {**_defaults(cls), **value}


@cache
def _defaults(cls: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(CLASSES[cls]())
    return found
