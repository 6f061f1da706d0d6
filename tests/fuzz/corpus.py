"""Answers of a simulated pool in both protocols, as they are on the wire: what the fuzzers break."""

from __future__ import annotations

import http.client
import json
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.simulated import Simulated
from xsmigui.core.records import CLASSES, EVENT_CLASSES


@dataclass(frozen=True)
class Sample:
    """A method and the body of its answer."""

    method: str
    body: bytes
    is_xml: bool


def samples() -> list[Sample]:
    """Every class, events, single records, errors: in JSON-RPC and in XML-RPC."""
    with Simulated.start("blockers", http=True) as site:
        found: list[Sample] = []
        pool = site.pools[0]
        netloc = urlsplit(pool.url).netloc
        for is_xml in (False, True):
            connection = http.client.HTTPConnection(netloc)

            def ask(
                method: str, *params: Any, is_xml: bool = is_xml, connection: http.client.HTTPConnection = connection
            ) -> bytes:
                request = _request(method, params, is_xml)
                connection.request("POST", "/RPC2" if is_xml else "/jsonrpc", request)
                return connection.getresponse().read()

            login = ask("session.login_with_password", pool.user, pool.password, "2.21", "fuzz")
            session = _value(login, is_xml)
            found.append(Sample("session.login_with_password", login, is_xml))
            for method, params in _calls(site):
                found.append(Sample(method, ask(method, session, *params), is_xml))
            connection.close()
        return found


def _calls(site: Simulated) -> Iterator[tuple[str, tuple[Any, ...]]]:
    pool = site.pools[0]
    for cls in CLASSES:
        yield f"{cls}.get_all_records", ()
    yield "event.from", (list(EVENT_CLASSES), "", 5.0)
    vms = site.run(lambda: list(pool.pool.db.table("VM")))[:2]
    for vm in vms:
        yield "VM.get_record", (vm,)
        yield "VM.get_VBDs", (vm,)
        yield "VM.get_name_label", (vm,)
    yield "VM.get_record", ("OpaqueRef:gone",)
    yield "pool.get_all", ()
    yield "session.get_rbac_permissions", ()


def _request(method: str, params: tuple[Any, ...], is_xml: bool) -> bytes:
    if is_xml:
        return xmlrpc.client.dumps(params, method).encode()
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).encode()


def _value(body: bytes, is_xml: bool) -> Any:
    if is_xml:
        return xmlrpc.client.loads(body)[0][0]["Value"]  # type: ignore[call-overload, index]
    return json.loads(body)["result"]
