"""Caller, Rate_limit and Repository: who calls, how often, and where updates come from (xapi 24.10 and 26.17:
xapi_caller.ml, xapi_rate_limit.ml, repository.ml). Nobody is slowed down, and nothing is counted."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.implicit import completed
from xsmigui.simulator.tables import Row

_PAIR: Final = "user_agent/client_ip"
LONGEST_GROUP: Final = 64
_GROUP: Final = re.compile(r"[A-Za-z0-9_.-]*")


@method("Caller.create")
def create_caller(call: Call, struct: Row) -> str:
    """One for each pattern: another one only renames it."""
    values = completed(call.db, "Caller", struct)
    agent, address = values["user_agent"], values["client_ip"]
    if not agent and not address:
        raise Failure("INVALID_VALUE", _PAIR, "at least one of user_agent or client_ip must be set")
    if {agent, address} <= {"", "*"}:
        raise Failure("INVALID_VALUE", _PAIR, "all-wildcard pattern not allowed")
    for ref, row in call.db.table("Caller").items():
        if (row["user_agent"], row["client_ip"]) == (agent, address):
            names = {name: values[name] for name in ("name_label", "name_description")}
            call.db.set("Caller", ref, auto_registered=False, **names)
            return ref
    return call.db.create("Caller", values)


@method("Caller.add_group")
def add_group(call: Call, caller: str, group: str) -> None:
    reason = ""
    if not group:
        reason = "empty group name"
    elif len(group.encode()) > LONGEST_GROUP:
        reason = f"group name must be at most {LONGEST_GROUP} characters"
    elif not _GROUP.fullmatch(group):
        reason = "group name may only contain alphanumerics and '_', '-' or '.' characters"
    if reason:
        raise Failure("INVALID_VALUE", "group", reason)
    call.db.add_member("Caller", caller, "groups", group)


@method("Caller.remove_group")
def remove_group(call: Call, caller: str, group: str) -> None:
    call.db.remove_member("Caller", caller, "groups", group)


@method("Caller.query_token_usage")
@method("Caller.query_call_count")
@method("Caller.query_group_token_usage")
@method("Caller.query_group_call_count")
def usage(call: Call, who: str) -> float:
    if "group" in call.message.name and not who:
        raise Failure("INVALID_VALUE", "group", "empty group name")
    return 0.0 if "token" in call.message.name else 0


@method("Caller.query_all_usage")
def all_usage(call: Call) -> list[list[str]]:
    return [[row["uuid"], row["name_label"], "0.000", "0"] for row in call.db.table("Caller").values()]


def _assert_rates(burst: float, rate: float) -> None:
    for name, value in (("fill_rate", rate), ("burst_size", burst)):
        if value <= 0:
            text = f"{value:.12g}"
            raise Failure("INVALID_VALUE", name, text if "." in text or "e" in text else f"{text}.")


@method("Rate_limit.create")
def create_limit(call: Call, struct: Row) -> str:
    values = completed(call.db, "Rate_limit", struct)
    _assert_rates(values["burst_size"], values["fill_rate"])
    return call.db.create("Rate_limit", values)


@method("Rate_limit.set_burst_size")
def set_burst(call: Call, limit: str, value: float) -> None:
    _assert_rates(value, call.db.get("Rate_limit", limit, "fill_rate"))
    call.db.set("Rate_limit", limit, burst_size=value)


@method("Rate_limit.set_fill_rate")
def set_rate(call: Call, limit: str, value: float) -> None:
    _assert_rates(call.db.get("Rate_limit", limit, "burst_size"), value)
    call.db.set("Rate_limit", limit, fill_rate=value)


@method("Rate_limit.add_caller")
def add_caller(call: Call, limit: str, caller: str) -> None:
    """Whether there is such a limit is not looked at."""
    call.db.set("Caller", caller, rate_limit=limit)


@method("Rate_limit.remove_caller")
def remove_caller(call: Call, limit: str, caller: str) -> None:
    if call.db.get("Caller", caller, "rate_limit") == limit:
        call.db.set("Caller", caller, rate_limit=NULL)


# -- updates -----------------------------------------------------------------------------------------------------------

OF_A_POOL: Final = "/repository/enabled"


def _assert_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Failure("INVALID_BASE_URL", url)


def _assert_key(path: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", path):
        raise Failure("INVALID_GPGKEY_PATH", path)


def _assert_new(call: Call, name: str, url: str | None) -> None:
    """Names and URLs are unique; a bundle is one alone."""
    for ref, row in call.db.table("Repository").items():
        if row["name_label"] == name or (url is not None and row["binary_url"] == url):
            raise Failure("REPOSITORY_ALREADY_EXISTS", ref)
        if url is None and row["origin"] == "bundle":
            raise Failure("BUNDLE_REPOSITORY_ALREADY_EXISTS", ref)


@method("Repository.introduce")
def introduce(call: Call, name: str, about: str, binary_url: str, source_url: str, update: bool, key: str = "") -> str:
    _assert_url(binary_url)
    _assert_url(source_url)
    _assert_key(key)
    _assert_new(call, name, binary_url)
    return call.db.create("Repository", {
        "name_label": name, "name_description": about, "binary_url": binary_url, "source_url": source_url,
        "update": update, "gpgkey_path": key,
    })  # fmt: skip


@method("Repository.introduce_bundle")
def introduce_bundle(call: Call, name: str, about: str) -> str:
    _assert_new(call, name, None)
    values = {"name_label": name, "name_description": about, "update": True, "origin": "bundle"}
    return call.db.create("Repository", values)


@method("Repository.introduce_remote_pool")
def introduce_remote_pool(call: Call, name: str, about: str, url: str, certificate: str) -> str:
    parts = urlsplit(url)
    try:
        ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        raise Failure("INVALID_BASE_URL", url) from None
    if (parts.scheme, parts.path) != ("https", OF_A_POOL):
        raise Failure("INVALID_BASE_URL", url)
    _assert_new(call, name, url)
    return call.db.create("Repository", {
        "name_label": name, "name_description": about, "binary_url": url, "update": True, "origin": "remote_pool",
        "certificate": certificate,
    })  # fmt: skip


@method("Repository.set_gpgkey_path")
def set_key(call: Call, ref: str, value: str) -> None:
    call.db.row("Repository", ref)
    _assert_key(value)
    call.db.set("Repository", ref, gpgkey_path=value)
