"""Observer: what is traced, and where it goes (xapi 24.10 and 26.17: xapi_observer.ml). Nothing is traced here."""

from __future__ import annotations

import re
from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.implicit import completed
from xsmigui.simulator.tables import Row

COMPONENTS: Final = frozenset({"xapi", "xenopsd", "xapi-clusterd", "smapi"})
FILE: Final = "bugtool"
"""The only endpoint while a coordinator's xapi.conf allows no URLs, which is how it comes."""
LONGEST: Final = 4095
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9._]{0,253}[a-z0-9]")


def _assert_components(values: list[str]) -> None:
    for value in values:
        if value not in COMPONENTS:
            raise Failure("INVALID_VALUE", "component", value)


def _assert_endpoints(values: list[str]) -> None:
    for value in values:
        if value != FILE:
            raise Failure("INVALID_VALUE", "endpoint", value)


def _assert_hosts(call: Call, values: list[str]) -> None:
    for value in values:
        if not call.db.has("host", value):
            raise Failure("INVALID_VALUE", "host", value)


def _assert_attributes(values: dict[str, str]) -> None:
    for key, value in values.items():
        if len(value.encode()) > LONGEST or not _KEY.fullmatch(key):
            raise Failure("INVALID_VALUE", "attributes", f"{key}:{value}")


@method("Observer.create")
def create(call: Call, struct: Row) -> str:
    values = completed(call.db, "Observer", struct)
    _assert_components(values["components"])
    _assert_endpoints(values["endpoints"])
    _assert_hosts(call, values["hosts"])
    _assert_attributes(values["attributes"])
    return call.db.create("Observer", values)


@method("Observer.set_components")
def set_components(call: Call, observer: str, value: list[str]) -> None:
    _assert_components(value)
    call.db.set("Observer", observer, components=value)


@method("Observer.set_endpoints")
def set_endpoints(call: Call, observer: str, value: list[str]) -> None:
    _assert_endpoints(value)
    call.db.set("Observer", observer, endpoints=value)


@method("Observer.set_hosts")
def set_hosts(call: Call, observer: str, value: list[str]) -> None:
    _assert_hosts(call, value)
    call.db.set("Observer", observer, hosts=value)


@method("Observer.set_attributes")
def set_attributes(call: Call, observer: str, value: dict[str, str]) -> None:
    _assert_attributes(value)
    call.db.set("Observer", observer, attributes=value)
