"""role, subject and auth: who may do what.

Roles are no rows: xapi makes them with its code. Their references and UUIDs are the MD5 digest of their names
(`rbac_static.ml`; `xe role-list` of any server shows the same seven). Of external authentication there is none, so that
whatever asks the directory service answers AUTH_IS_DISABLED.
"""

from __future__ import annotations

import functools
import hashlib
import uuid
from typing import Final

from xsmigui.simulator import features
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure, handle_invalid
from xsmigui.simulator.permissions import ROLES, permissions_of
from xsmigui.simulator.schema import Release, schema
from xsmigui.simulator.tables import Row

_ABOUT: Final = {
    "pool-admin": "Everything, the control domain and the users included",
    "pool-operator": "Hosts, storage, networks and the pool itself",
    "vm-power-admin": "All of VMs and templates, where they run and how much memory they get",
    "vm-admin": "VMs and templates",
    "vm-operator": "Consoles, power and removable media of VMs",
    "client-cert": "What programs do that show a certificate",
    "read-only": "Looking",
}


def _uuid(name: str) -> str:
    return str(uuid.UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()))


def _ref(name: str) -> str:
    return f"OpaqueRef:{_uuid(name)}"


@functools.cache
def _known(version: Release) -> dict[str, Row]:
    """All permissions of a release and then its roles, by reference; a permission is a role without roles below it
    (rbac_static.ml, all_static_permissions: those of the pool admin). Permissions are called in small letters, their
    UUIDs come from the names as they are written."""
    known: dict[str, Row] = {}
    permissions = permissions_of(schema(version))
    for permission, roles in permissions.items():
        if "pool-admin" in roles:
            known[_ref(permission)] = _row(permission, "A basic permission", [], internal=True)
    for role in ROLES:
        below = [_ref(permission) for permission, roles in permissions.items() if role in roles]
        known[_ref(role)] = _row(role, _ABOUT[role], below, internal=role == "client-cert")
    return known


def _row(name: str, about: str, below: list[str], *, internal: bool = False) -> Row:
    return {
        "uuid": _uuid(name), "name_label": name.lower(), "name_description": about, "subroles": below,
        "is_internal": internal,
    }  # fmt: skip


def _all(call: Call) -> dict[str, Row]:
    return _known(call.pool.schema.release)


def _roles(call: Call) -> dict[str, Row]:
    """The roles, without the permissions that they are made of."""
    return {ref: row for ref, row in _all(call).items() if row["subroles"]}


def _role(call: Call, ref: str) -> Row:
    row = _all(call).get(ref)
    if row is None:
        raise handle_invalid("role", ref)
    return row


@method("role.get_all")
def get_all(call: Call) -> list[str]:
    return list(_all(call))


@method("role.get_all_records")
def get_all_records(call: Call) -> dict[str, Row]:
    return _all(call)


@method("role.get_all_records_where")
def get_all_records_where(call: Call, expression: str) -> dict[str, Row]:
    """Two expressions are known, letter by letter; any other, a mistaken one too, means all (xapi_role.ml,
    get_common_where)."""
    match expression:
        case "subroles<>[]":
            return _roles(call)
        case "subroles=[]":
            return {ref: row for ref, row in _all(call).items() if not row["subroles"]}
        case _:
            return _all(call)


@method("role.get_all_where")
def get_all_where(call: Call, expression: str) -> list[str]:
    return list(get_all_records_where(call, expression))


@method("role.get_record")
def get_record(call: Call, ref: str) -> Row:
    return _role(call, ref)


@method("role.get_uuid")
@method("role.get_name_label")
@method("role.get_name_description")
@method("role.get_subroles")
@method("role.get_is_internal")
def get_field(call: Call, ref: str) -> object:
    return _role(call, ref)[call.message.name.removeprefix("get_")]


@method("role.get_by_uuid")
def get_by_uuid(call: Call, wanted: str) -> str:
    ref = f"OpaqueRef:{wanted}"
    if ref not in _all(call):
        raise Failure("UUID_INVALID", "role", wanted)
    return ref


@method("role.get_by_name_label")
def get_by_name(call: Call, name: str) -> list[str]:
    return _named(call, name)


def _named(call: Call, name: str) -> list[str]:
    """One, though keys of maps that differ only in their letters' size share a name; it is written in small letters."""
    return [ref for ref, row in _all(call).items() if row["name_label"] == name][:1]


@method("role.get_permissions")
def get_permissions(call: Call, ref: str) -> list[str]:
    return list(_role(call, ref)["subroles"])


@method("role.get_permissions_name_label")
def get_permission_names(call: Call, ref: str) -> list[str]:
    known = _all(call)
    return [known[below]["name_label"] for below in _role(call, ref)["subroles"]]


@method("role.get_by_permission")
def get_by_permission(call: Call, permission: str) -> list[str]:
    _role(call, permission)
    return [ref for ref, row in _roles(call).items() if permission in row["subroles"]]


@method("role.get_by_permission_name_label")
def get_by_permission_name(call: Call, name: str) -> list[str]:
    permissions = _named(call, name)
    return [ref for ref, row in _roles(call).items() if permissions and permissions[0] in row["subroles"]]


# -- users of a directory service --------------------------------------------------------------------------------------


@method("subject.add_to_roles")
def add_role(call: Call, subject: str, role: str) -> None:
    features.assert_enabled(call.pool, "RBAC")
    present = call.db.get("subject", subject, "roles")
    if role not in _all(call):
        raise Failure("ROLE_NOT_FOUND")
    if role in present:
        raise Failure("ROLE_ALREADY_EXISTS")
    call.db.set("subject", subject, roles=[*present, role])


@method("subject.remove_from_roles")
def remove_role(call: Call, subject: str, role: str) -> None:
    features.assert_enabled(call.pool, "RBAC")
    present = call.db.get("subject", subject, "roles")
    if role not in present:
        raise Failure("ROLE_NOT_FOUND")
    call.db.set("subject", subject, roles=[r for r in present if r != role])


@method("subject.get_permissions_name_label")
def subject_permissions(call: Call, subject: str) -> list[str]:
    known = _all(call)
    roles = [known[r] for r in call.db.get("subject", subject, "roles") if r in known]
    return sorted({known[below]["name_label"] for role in roles for below in role["subroles"]})


@method("auth.get_subject_identifier")
@method("auth.get_subject_information_from_identifier")
@method("auth.get_group_membership")
def ask_directory(call: Call, asked: str) -> None:
    raise Failure("AUTH_IS_DISABLED")
