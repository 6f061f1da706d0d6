"""The simulated pools on the network: one HTTPS (or HTTP) endpoint for each host, on this computer only.

HTTP as xapi speaks it (research sheet, section 1.1): API errors are answers with status 200; only bodies that are no
calls get a 500 and some HTML.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import logging
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xsmigui.simulator import codec_json, codec_xml
from xsmigui.simulator.codec_json import Malformed
from xsmigui.simulator.dispatch import dispatch
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.faults import Dropped
from xsmigui.simulator.pool import Pool
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


@dataclass(slots=True)
class Certificate:
    """A self-signed certificate for this computer, made anew for every run."""

    context: ssl.SSLContext
    fingerprint: str  # SHA-256, lower-case hexadecimal with colons


def certificate(names: list[str]) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simulator.pem"
        path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return Certificate(context, made.fingerprint(hashes.SHA256()).hex(":"))


@dataclass(slots=True)
class Endpoint:
    """One host of a pool as it is served."""

    pool: Pool
    host: str
    calls: set[asyncio.Task[object]] = field(default_factory=set)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "OPTIONS":
            asked = request.headers.get("Access-Control-Request-Headers", "")
            allowed = f"{asked}, X-Requested-With" if asked else "X-Requested-With"
            more = {"Access-Control-Allow-Headers": allowed, "Access-Control-Allow-Methods": "PUT"}
            return web.Response(headers={**_HEADERS, **more})
        if request.method != "POST":
            status = 403 if request.method in {"GET", "PUT"} else 501
            return web.Response(
                status=status, text="<html><body><h1>refused</h1></body></html>", content_type="text/html"
            )
        if request.content_length is None or request.content_length > LARGEST:
            return _broken("Http_svr.Client_requested_size_over_limit")
        body = await request.read()
        try:
            if request.path.startswith("/jsonrpc"):
                return _reply(await self._json(body), "application/json")
            return _reply(await self._xml(body), "text/xml")
        except Malformed as error:
            return _broken(str(error))
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)

    async def _json(self, body: bytes) -> bytes:
        call = codec_json.decode(body)
        try:
            value, _ = await self._dispatch(call.method, call.params)
        except Failure as error:
            return codec_json.failure(call, error)
        return codec_json.success(call, value)

    async def _xml(self, body: bytes) -> bytes:
        call = codec_xml.decode(body)
        if call.method == "system.listMethods":
            classes = self.pool.schema.classes.values()
            return codec_xml.bare(sorted(m.full for c in classes for m in c.messages.values()))
        try:
            value, kind = await self._dispatch(call.method, call.params)
        except Failure as error:
            return codec_xml.failure(error)
        return codec_xml.success(value, kind, self.pool.schema)

    async def _dispatch(self, name: str, params: list[Value]) -> tuple[Value, Type]:
        """A call goes on when its client leaves: the work is the server's, not the connection's."""
        work = asyncio.ensure_future(dispatch(self.pool, name, params, self.host))
        self.calls.add(work)
        work.add_done_callback(self.calls.discard)
        return await asyncio.shield(work)


def _reply(body: bytes, kind: str) -> web.Response:
    return web.Response(body=body, headers={**_HEADERS, "Content-Type": kind})


def _broken(text: str) -> web.Response:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    response = web.Response(status=500, text=_SORRY.format(escaped), content_type="text/html")
    response.force_close()
    return response


@dataclass(slots=True)
class Served:
    """A pool on the network."""

    pool: Pool
    url: str
    fingerprint: str  # "" over plain HTTP
    member_urls: list[str]


class Servers:
    """All endpoints of a site; `stop` leaves nothing behind."""

    def __init__(self, *, http: bool = False) -> None:
        self._http = http
        self._runners: list[web.ServerRunner] = []
        self._endpoints: list[Endpoint] = []
        self._pools: list[Pool] = []
        self._collectors: list[asyncio.Task[None]] = []

    async def serve(self, pool: Pool, address: str = "127.0.0.1", port: int = 0) -> Served:
        """Serves the coordinator at `port` (0: any) and each other host at a port of its own."""
        made = None if self._http else certificate([pool.name])
        scheme = "http" if made is None else "https"
        hosts = [pool.master, *(h for h in pool.db.table("host") if h != pool.master)]
        shown = f"[{address}]" if ":" in address else address
        for host in hosts:
            endpoint = Endpoint(pool, host)
            runner = web.ServerRunner(
                web.Server(endpoint.answer, access_log=None), handle_signals=False, shutdown_timeout=0.5
            )
            await runner.setup()
            self._runners.append(runner)
            self._endpoints.append(endpoint)
            site = web.TCPSite(
                runner, address, port if host == pool.master else 0, ssl_context=made.context if made else None,
            )  # fmt: skip
            await site.start()
            bound = runner.addresses[0][1]
            pool.endpoints[host] = f"{scheme}://{shown}:{bound}"
            if not pool.keeps_addresses:
                pool.db.set("host", host, address=f"{shown}:{bound}")
        self._pools.append(pool)
        self._collectors.append(asyncio.ensure_future(pool.collect_forever()))
        members = [pool.endpoints[h] for h in hosts[1:]]
        return Served(pool, pool.endpoints[pool.master], made.fingerprint if made else "", members)

    async def stop(self) -> None:
        for task in self._collectors:
            task.cancel()
        pending: list[asyncio.Task[object]] = []
        for endpoint in self._endpoints:
            pending += endpoint.calls
        for pool in self._pools:
            pending += pool.background
        for work in pending:
            work.cancel()
        for waiting in [*self._collectors, *pending]:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await waiting
        for runner in self._runners:
            await runner.cleanup()
