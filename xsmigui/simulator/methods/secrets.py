"""Passwords in configurations of storage: kept as secrets, named by their UUID (xapi_secret.ml of 24.10 and 26.17)."""

from __future__ import annotations

from xsmigui.simulator.dispatch import Call

SUFFIX = "password_secret"


def _new(call: Call, value: str) -> str:
    return str(call.db.get("secret", call.db.create("secret", {"value": value}), "uuid"))


def moved_to_secrets(call: Call, config: dict[str, str]) -> dict[str, str]:
    """`…password` becomes `…password_secret`, whose value is the UUID of a new secret (move_passwds_to_secrets)."""
    return {
        (f"{key}_secret" if key.endswith("password") else key): (
            _new(call, value) if key.endswith("password") else value
        )
        for key, value in config.items()
    }


def duplicated(call: Call, config: dict[str, str]) -> dict[str, str]:
    """Each PBD has secrets of its own; UUID_INVALID where there is none to copy (duplicate_passwds)."""
    return {
        key: _new(call, call.db.get("secret", call.db.by_uuid("secret", value), "value"))
        if key.endswith(SUFFIX)
        else value
        for key, value in config.items()
    }


def clean_out(call: Call, config: dict[str, str]) -> None:
    """What nobody names any more goes (clean_out_passwds)."""
    gone = {value for key, value in config.items() if key.endswith(SUFFIX)}
    for ref in [ref for ref, row in call.db.table("secret").items() if row["uuid"] in gone]:
        call.db.delete("secret", ref)
