"""What is tried, and what must hold: whatever comes, either it is understood or it is an error of the wire, soon."""

from __future__ import annotations

import asyncio
import json
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.fuzz.breaking import alike, broken, changed
from tests.fuzz.corpus import Sample
from xsmigui.core import description, outline
from xsmigui.core.changes import Delta, Event, apply
from xsmigui.core.failures import WIRE_ERRORS
from xsmigui.core.inventory import Inventory
from xsmigui.core.migration.draft import Draft, Site
from xsmigui.core.migration.evaluation import evaluate
from xsmigui.core.outline_nodes import Link, ServerView, View
from xsmigui.core.pages import facts, headers, pools, risks
from xsmigui.core.pages import vms as vm_pages
from xsmigui.core.records import CLASSES, Record
from xsmigui.core.survey import survey
from xsmigui.xapi.channel import Channel
from xsmigui.xapi.decoding import decoding
from xsmigui.xapi.jsonrpc import JsonCodec
from xsmigui.xapi.tls import Shown
from xsmigui.xapi.transport import Codec
from xsmigui.xapi.xmlrpc import XmlCodec

URL: Final = "https://fuzz"
SOON: Final = 5.0
"""Seconds that one case may take, of CPU where it needs no server."""

JSON: Final = JsonCodec()
XML: Final = XmlCodec()


@dataclass
class Findings:
    """How the cases ended, and what must not have happened: by its kind, with the seed of the first."""

    ends: Counter[str] = field(default_factory=Counter)
    escaped: dict[str, str] = field(default_factory=dict)

    def attempt(self, seed: object, what: str, case: Callable[[], object]) -> None:
        begun = time.thread_time()
        try:
            case()
        except WIRE_ERRORS as error:
            self.ends[f"{what}: {type(error).__name__}"] += 1
        except BaseException as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename.split('/')[-1]}:{trace.tb_lineno}" if trace else ""
            self.escaped.setdefault(f"{what}: {type(error).__name__} at {where}: {str(error)[:120]}", str(seed))
            self.ends[f"{what}: ESCAPED"] += 1
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            self.ends[f"{what}: understood"] += 1
        if time.thread_time() - begun > SOON:
            self.escaped.setdefault(f"{what}: too slow", str(seed))


def read(sample: Sample, body: bytes) -> Any:
    """Decode as the wire does."""
    codec: Codec = XML if sample.is_xml else JSON
    with decoding(URL, sample.method):
        if sample.method == "event.from":
            return codec.events(body)
        if sample.method.endswith(".get_all_records"):
            return codec.records(body, sample.method.split(".")[0], sample.method)
        return codec.answer(body, sample.method)


def break_bytes(samples: list[Sample], seed: int, findings: Findings) -> None:
    """A body with bytes changed: understood, or no answer."""
    dice = Random(f"bytes {seed}")
    sample = dice.choice(samples)
    body = broken(sample.body, dice)
    findings.attempt(seed, f"bytes, {'XML' if sample.is_xml else 'JSON'}", lambda: read(sample, body))


def change_values(samples: list[Sample], seed: int, findings: Findings) -> None:
    """A well-formed body with odd values in it; what is understood is shown and judged as if it came from a pool."""
    dice = Random(f"values {seed}")
    sample = dice.choice(samples)
    value = _plain(sample)
    for _change in range(dice.choice((1, 1, 2, 4))):
        value = changed(value, dice)
    body = _encoded(value, sample.is_xml)
    if body is None:
        return
    findings.attempt(seed, f"values, {'XML' if sample.is_xml else 'JSON'}", lambda: read(sample, body))


def _plain(sample: Sample) -> Any:
    if sample.is_xml:
        return xmlrpc.client.loads(sample.body)[0][0]  # type: ignore[index]
    return json.loads(sample.body)


def _encoded(value: Any, is_xml: bool) -> bytes | None:
    try:
        if is_xml:
            return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()
        return json.dumps(value).encode()
    except (OverflowError, ValueError, TypeError):  # the encoder of the test cannot say it
        return None


def twist_pool(samples: list[Sample], seed: int, findings: Findings) -> None:
    """A whole pool whose records contradict one another: it is shown, listed and judged all the same."""
    dice = Random(f"pool {seed}")
    tables: dict[str, dict[str, Record]] = {}
    values: dict[str, dict[str, Any]] = {}
    for sample in samples:
        if not sample.is_xml and sample.method.endswith(".get_all_records"):
            values[sample.method.split(".")[0]] = _plain(sample)["result"]
    references = [ref for rows in values.values() for ref in rows] + ["OpaqueRef:NULL", "", "OpaqueRef:none"]
    for _change in range(dice.choice((1, 3, 10, 40))):
        cls = dice.choice([c for c in values if values[c]])
        ref = dice.choice(list(values[cls]))
        row = values[cls][ref]
        name = dice.choice([n for n in row if n in CLASSES[cls].__struct_fields__] or list(row))
        if isinstance(row[name], str) and row[name].startswith("OpaqueRef"):
            changed_value: Any = dice.choice(references)
        elif isinstance(row[name], list) and dice.random() < 0.7:
            changed_value = [dice.choice(references) for _n in range(dice.randrange(4))]
        else:
            changed_value = alike(row[name], dice)
        values[cls][ref] = row | {name: changed_value}
        if dice.random() < 0.1 and cls != "pool":
            del values[cls][ref]
    if dice.random() < 0.3:
        _tangle(values, dice)
    for cls, rows in values.items():
        sample = Sample(f"{cls}.get_all_records", b"", False)
        try:
            tables[cls] = read(sample, json.dumps({"jsonrpc": "2.0", "result": rows, "id": 1}).encode())
        except WIRE_ERRORS:
            findings.ends["pool: NotSpeaking"] += 1
            return
    inventory = Inventory(tables)
    findings.attempt(seed, "pool", lambda: _use(inventory, dice))


def _tangle(values: dict[str, dict[str, Any]], dice: Random) -> None:
    """VMs and disks that are snapshots of one another, chains that end in themselves."""
    vms, vdis = list(values["VM"]), list(values["VDI"])
    uuids = [row["uuid"] for row in values["VDI"].values()]
    for cls, refs in (("VM", vms), ("VDI", vdis)):
        for ref, row in values[cls].items():
            of, has = dice.choice(refs), dice.sample(refs, min(3, len(refs)))
            values[cls][ref] = row | {"is_a_snapshot": dice.random() < 0.8, "snapshot_of": of, "snapshots": has}
    for ref, row in values["VDI"].items():
        values["VDI"][ref] = row | {"sm_config": {"vhd-parent": dice.choice(uuids)}}


def _use(inventory: Inventory, dice: Random) -> None:
    """Everything that is done with a pool without being asked for, and drafts for some of its VMs."""
    pool = inventory.id
    view = View(templates=True, snapshots=True)
    server = ServerView(URL, "fuzz", Link.connected, "", inventory)
    shown = outline.build([server], view)
    survey(Site({pool: inventory}, frozenset([pool])), {pool: URL})
    for cls in ("VM", "host", "SR", "pool"):
        for ref in list(inventory.tables[cls])[:20]:
            key = inventory.object_id(cls, ref)
            headers.header(inventory, key)
            facts.facts(inventory, key)
            description.general(inventory, key)
    for vm in list(inventory.VM)[:20]:
        description.vm_disks(inventory, vm)
        description.vm_networks(inventory, vm)
    for sr in inventory.SR:
        description.sr_disks(inventory, sr)
        vm_pages.users(inventory, sr)
    for page in (pools.hosts, pools.pool_repositories, pools.networks, risks.risks):
        page(inventory)
    known = Site({pool: inventory}, frozenset([pool]))
    for host in list(inventory.host)[:5]:
        pools.host_repositories(inventory, host)
        vm_pages.of_host(known, pool, host)
    for vm in list(inventory.VM)[:5]:
        vm_pages.snapshots(inventory, vm)
        vm_pages.moves(known, pool, vm)
    cls = dice.choice([c for c in inventory.tables if inventory.tables[c]])
    gone = dice.sample(list(inventory.tables[cls]), 1)
    after, delta = apply(inventory, [Event(cls, ref, None) for ref in gone])
    outline.updated(shown, ServerView(URL, "fuzz", Link.connected, "", after), delta or Delta(), view)
    site = Site({pool: inventory}, frozenset([pool]))
    vms = tuple(dice.sample(list(inventory.VM), min(3, len(inventory.VM))))
    hosts = list(inventory.host)
    chosen = {vm: dice.choice(hosts) for vm in vms} if hosts else {}
    srs = list(inventory.SR)
    evaluate(site, Draft(source=pool, vms=vms, destination=pool, hosts=chosen))
    if srs:
        evaluate(site, Draft(source=pool, vms=vms, destination=pool, same_sr=dice.choice(srs), copies=True))


HEADS: Final = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200\r\n", b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: /\r\n", b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n", b"HTTP/2 200\r\n", b"",
    b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n", b"ICY 200 OK\r\n", b"\r\n\r\n",
    b"HTTP/1.1 206 Part\r\n",
)  # fmt: skip
LINES: Final = (
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: x\r\n", b"Content-Length: -3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: identity\r\n",
    b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: gzip, gzip\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Set-Cookie: a=b\r\n", b"X: " + b"y" * 9000 + b"\r\n", b" folded\r\n",
    b"no colon\r\n",
    b"\x00: \x00\r\n", b"Content-Type: text/plain; charset=utf-7\r\n", b"Trailer: X\r\n", b"X: y\n", b"X: y\r",
)  # fmt: skip
ENDS: Final = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"", b"\r\n\r\n")
CHUNKS: Final = (
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"5;x=y\r\nhello\r\n",
    b"ffffffffff\r\n",
    b"-1\r\n",
    b"5\r\nhel",
    b"x\r\n",
)


async def trick(count: int, seed: int, findings: Findings) -> None:
    """Heads and bodies put together at random, from loopback: an answer, or an error of the wire, in time."""
    dice = Random(f"http {seed}")
    sent: dict[str, bytes] = {}

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent["now"])
            await writer.drain()
            if b"keep" not in sent["now"]:
                writer.write_eof()
            await reader.read(1)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        channel = Channel(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Shown("", False), 1)
        for number in range(count):
            lines = b"".join(dice.choice(LINES) for _n in range(dice.randrange(5)))
            body = b"".join(dice.choice(CHUNKS) for _n in range(dice.randrange(5)))
            sent["now"] = dice.choice(HEADS) + lines + dice.choice(ENDS) + body
            try:
                async with asyncio.timeout(SOON):
                    await channel.post("/jsonrpc", "text/plain", b"{}", "m", 0.15, 1 << 20)
                findings.ends["HTTP: understood"] += 1
            except WIRE_ERRORS as error:
                findings.ends[f"HTTP: {type(error).__name__}"] += 1
            except Exception as error:
                findings.ends["HTTP: ESCAPED"] += 1
                findings.escaped.setdefault(f"HTTP: {type(error).__name__}: {str(error)[:120]}", f"{seed}/{number}")
        await channel.close()


def fuzz(samples: list[Sample], seed: int, findings: Findings) -> None:
    """One round of the fuzzers that need no sockets."""
    break_bytes(samples, seed, findings)
    change_values(samples, seed, findings)
    if seed % 10 == 0:
        twist_pool(samples, seed, findings)
