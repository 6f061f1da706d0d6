"""The simulated pools on the network: one HTTPS (or HTTP) endpoint for each host, on this computer only.

HTTP as xapi speaks it (xapi_http.ml): API errors are answers with status 200; only bodies that are no
calls get a 500 and some HTML.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import urllib.parse
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from xsmigui.simulator import codec_json, codec_xml
from xsmigui.simulator.certificates import Certificate, certificate
from xsmigui.simulator.codec_json import JsonCall, Malformed
from xsmigui.simulator.dispatch import dispatch
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.faults import Cut, Dropped
from xsmigui.simulator.methods.certificates import record_certificate
from xsmigui.simulator.site import XapiPool
from xsmigui.simulator.types import Type, Value

log = logging.getLogger(__name__)

LARGEST: Final = 307_200  # bytes of a request's body
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "X-Requested-With",
    "Cache-Control": "no-cache, no-store",
}  # fmt: skip
_SORRY: Final = (
    "<html><body><h1>HTTP 500 internal server error</h1>The server met an unexpected error: <br/>{}</body></html>"
)


_WELCOME: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>A simulated server.</p></body></html>"
# A client that trusts one certificate only may ask a member for its coordinator's (xapi_globs.ml).
_ASKS_THUMBPRINT: Final = "x-xenapi-request-host-certificate-thumbprint"
_THUMBPRINT: Final = "x-xenapi-response-host-certificate-thumbprint"
# Handlers of xapi that carry data instead of calls: they want a session, and none of them is simulated.
_HANDLERS: Final = (
    "/services", "/import", "/import_metadata", "/import_raw_vdi", "/export", "/export_metadata", "/export_raw_vdi",
    "/migrate", "/console", "/vncsnapshot", "/rrd_updates", "/vm_rrd", "/host_rrd", "/sr_rrd", "/rrd", "/blob",
    "/host_backup", "/host_restore", "/host_logs_download", "/pool/xmldbdump", "/pool_patch_upload", "/system-status",
    "/audit_log", "/wlb_report", "/wlb_diagnostics", "/sync_config_files", "/update", "/repository",
)  # fmt: skip


@dataclass(slots=True)
class Endpoint:
    """One host of a pool as it is served."""

    pool: XapiPool
    host: str
    certificate: Certificate | None = None  # its own, as each host has
    calls: set[asyncio.Task[object]] = field(default_factory=set)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await self.pool.faults.thawed()
        if request.method == "OPTIONS":
            asked = request.headers.get("Access-Control-Request-Headers", "")
            allowed = f"{asked}, X-Requested-With" if asked else "X-Requested-With"
            more = {"Access-Control-Allow-Headers": allowed, "Access-Control-Allow-Methods": "PUT"}
            return web.Response(headers={**_HEADERS, **more})
        if request.method != "POST":
            return self._other(request)
        if request.content_length is None or request.content_length > LARGEST:
            return _broken("Http_svr.Client_requested_size_over_limit")
        body = await request.read()
        is_json = request.path.startswith("/jsonrpc")
        headers = {"Content-Type": "application/json" if is_json else "text/xml"}
        try:
            answer = await (self._json(body, request, headers) if is_json else self._xml(body, request, headers))
        except Malformed as error:
            return _broken(str(error))
        except Dropped:
            return _abort(request)
        await self.pool.faults.thawed()
        if isinstance(answer, bytes):
            return web.Response(body=answer, headers={**_HEADERS, **headers})
        whole, cut = answer
        return await _cut(request, whole, headers, cut)

    def _other(self, request: web.BaseRequest) -> web.Response:
        """GET, PUT and the rest: the welcome page; data handlers, which nobody simulates; nothing else."""
        if request.method not in {"GET", "PUT"}:
            return _page(501, f"The HTTP method {request.method} is not implemented.")
        if request.path == "/" and request.method == "GET":
            return web.Response(text=_WELCOME.format(html.escape(self.pool.name)), content_type="text/html")
        if not any(request.path == h or request.path.startswith(h + "/") for h in _HANDLERS):
            return _page(404 if request.method == "GET" else 403, f"There is nothing at {request.path}.")
        cookies = dict(urllib.parse.parse_qsl(request.headers.get("Cookie", "").replace(";", "&").replace(" ", "")))
        session = request.query.get("session_id") or cookies.get("session_id", "")
        if session not in self.pool.sessions.live:
            return _page(401, "Please log in: there is no valid session in this request.")
        return _page(501, f"{request.path} is not simulated.")

    def _point(self, failure: Failure, request: web.BaseRequest, headers: dict[str, str]) -> None:
        """HOST_IS_SLAVE with the coordinator's thumbprint, where the client has asked for it."""
        algorithm, _, whose = request.headers.get(_ASKS_THUMBPRINT, "").partition(":")
        coordinators = self.pool.certificates.get(self.pool.master)
        if failure.code == "HOST_IS_SLAVE" and whose == "master" and coordinators is not None:
            thumbprint = coordinators.thumbprint(algorithm)
            if thumbprint:
                headers[_THUMBPRINT] = thumbprint

    async def _json(self, body: bytes, request: web.BaseRequest, headers: dict[str, str]) -> bytes | tuple[bytes, int]:
        call = codec_json.decode(body)
        if call.method == "system.listMethods":
            return codec_json.success(call, self._methods())
        try:
            value, _ = await self._dispatch(call.method, call.params)
        except Failure as error:
            self._point(error, request, headers)
            return codec_json.failure(call, error)
        except Cut as cut:
            return _json_answer(call, cut), cut.at
        return codec_json.success(call, value)

    async def _xml(self, body: bytes, request: web.BaseRequest, headers: dict[str, str]) -> bytes | tuple[bytes, int]:
        call = codec_xml.decode(body)
        if call.method == "system.listMethods":
            return codec_xml.bare(self._methods())
        try:
            value, kind = await self._dispatch(call.method, call.params)
        except Failure as error:
            self._point(error, request, headers)
            return codec_xml.failure(error)
        except Cut as cut:
            if cut.failure is not None or cut.kind is None:
                return codec_xml.failure(cut.failure or Failure("INTERNAL_ERROR")), cut.at
            return codec_xml.success(cut.value, cut.kind, self.pool.schema), cut.at
        return codec_xml.success(value, kind, self.pool.schema)

    def _methods(self) -> list[str]:
        return sorted(m.full for c in self.pool.schema.classes.values() for m in c.messages.values())

    async def _dispatch(self, name: str, params: list[Value]) -> tuple[Value, Type]:
        """A call goes on when its client leaves: the work is the server's, not the connection's."""
        work = asyncio.ensure_future(dispatch(self.pool, name, params, self.host))
        self.calls.add(work)
        work.add_done_callback(self.calls.discard)
        return await asyncio.shield(work)


def _json_answer(call: JsonCall, cut: Cut) -> bytes:
    return codec_json.success(call, cut.value) if cut.failure is None else codec_json.failure(call, cut.failure)


def _broken(text: str) -> web.Response:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    response = web.Response(status=500, text=_SORRY.format(escaped), content_type="text/html")
    response.force_close()
    return response


def _page(status: int, text: str) -> web.Response:
    return web.Response(
        status=status, text=f"<html><body><h1>HTTP {status}</h1>{html.escape(text)}</body></html>",
        content_type="text/html",
    )  # fmt: skip


def _abort(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut(request: web.BaseRequest, body: bytes, headers: dict[str, str], at: int) -> web.StreamResponse:
    """Head and the first `at` bytes of the body, then the connection is gone; with 0 nothing arrives."""
    if at == 0:
        return _abort(request)
    response = web.StreamResponse(headers={**_HEADERS, **headers, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[:at])
    if at < len(body) and request.transport is not None:
        request.transport.close()  # what has been written still goes out
    return response


@dataclass(slots=True)
class Served:
    """A pool on the network."""

    pool: XapiPool
    url: str
    fingerprint: str  # "" over plain HTTP
    member_urls: list[str]


@dataclass(slots=True)
class _Door:
    """Where one host listens; it can be shut and opened again at the same port."""

    endpoint: Endpoint
    runner: web.ServerRunner
    address: str
    port: int
    certificate: Certificate | None
    site: web.TCPSite | None = None

    async def open(self) -> None:
        if self.site is None:
            context = self.certificate.context if self.certificate else None
            self.site = web.TCPSite(self.runner, self.address, self.port, ssl_context=context)
            await self.site.start()
            self.port = self.port or self.runner.addresses[0][1]

    async def shut(self) -> None:
        """Nobody is let in, and whoever is inside is thrown out."""
        if self.site is not None:
            await self.site.stop()
            self.site = None
        for handler in list(self.runner.server.connections if self.runner.server else []):
            if handler.transport is not None:
                handler.transport.abort()


class Servers:
    """All endpoints of a site; `stop` leaves nothing behind."""

    def __init__(self, *, http: bool = False, seed: int | None = None) -> None:
        self._http = http
        self._seed = seed
        self._doors: list[_Door] = []
        self._pools: list[XapiPool] = []
        self._collectors: list[asyncio.Task[None]] = []

    async def serve(self, pool: XapiPool, address: str = "127.0.0.1", port: int = 0) -> Served:
        """Serves the coordinator at `port` (0: any) and each other host at a port of its own."""
        scheme = "http" if self._http else "https"
        hosts = [pool.master, *(h for h in pool.db.table("host") if h != pool.master)]
        shown = f"[{address}]" if ":" in address else address
        for host in hosts:
            made = None if self._http else self._certificate(pool, host)
            endpoint = Endpoint(pool, host, made)
            runner = web.ServerRunner(
                web.Server(endpoint.answer, access_log=None), handle_signals=False, shutdown_timeout=0.5
            )
            await runner.setup()
            door = _Door(endpoint, runner, address, port if host == pool.master else 0, made)
            self._doors.append(door)
            await door.open()
            pool.endpoints[host] = f"{scheme}://{shown}:{door.port}"
            if not pool.keeps_addresses:
                pool.db.set("host", host, address=f"{shown}:{door.port}")
        self._pools.append(pool)
        for work in (pool.collect_forever, *pool.while_served):
            self._collectors.append(asyncio.ensure_future(work()))
        members = [pool.endpoints[h] for h in hosts[1:]]
        coordinators = pool.certificates.get(pool.master)
        return Served(pool, pool.endpoints[pool.master], coordinators.fingerprint if coordinators else "", members)

    def _certificate(self, pool: XapiPool, host: str) -> Certificate:
        """Of one host, known to the pool as well."""
        name = pool.name if host == pool.master else f"{pool.name} {pool.db.get('host', host, 'name_label')}"
        made = certificate(name, None if self._seed is None else str(self._seed), pool.profile.encryption)
        pool.certificates[host] = made
        record_certificate(pool, host, made)
        return made

    # -- faults that the network shows -----------------------------------------------------------------------------

    def _of(self, pool: XapiPool, host: str | None = None) -> list[_Door]:
        return [d for d in self._doors if d.endpoint.pool is pool and host in {None, d.endpoint.host}]

    async def restart(self, pool: XapiPool, seconds: float = 0.0) -> None:
        """xapi is away for `seconds` of real time and comes back without sessions and tasks."""
        doors = [d for d in self._of(pool) if d.site is not None]
        for door in doors:
            await door.shut()
        calls = [c for d in doors for c in d.endpoint.calls]
        for call in calls:
            call.cancel()
        await pool.restart()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(seconds)
        for door in doors:
            await door.open()

    async def lose_host(self, pool: XapiPool, host: str) -> None:
        pool.lose_host(host)
        for door in self._of(pool, host):
            await door.shut()
        pool.refresh()

    async def find_host(self, pool: XapiPool, host: str) -> None:
        pool.find_host(host)
        for door in self._of(pool, host):
            await door.open()
        pool.refresh()

    async def move_coordinator(self, pool: XapiPool, host: str) -> None:
        """Another host takes over: xapi starts anew everywhere."""
        pool.designate(host)
        await self.restart(pool)

    def exchange_certificate(self, pool: XapiPool) -> str:
        """All hosts of the pool show another certificate; returns the coordinator's fingerprint."""
        for door in self._of(pool):
            if door.certificate is not None:
                door.certificate.exchange(pool.name)
                record_certificate(pool, door.endpoint.host, door.certificate)
        coordinators = pool.certificates.get(pool.master)
        return coordinators.fingerprint if coordinators else ""

    async def hang_up(self, pool: XapiPool) -> None:
        """Every open connection to the pool breaks; new ones are let in."""
        for door in self._of(pool):
            if door.site is not None:
                await door.shut()
                await door.open()

    # -- the end ---------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        for task in self._collectors:
            task.cancel()
        pending: list[asyncio.Task[object]] = []
        for door in self._doors:
            pending += door.endpoint.calls
        for pool in self._pools:
            pool.faults.thaw()
            pending += pool.background
        for work in pending:
            work.cancel()
        for waiting in [*self._collectors, *pending]:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await waiting
        for door in self._doors:
            await door.runner.cleanup()
