"""`xsmigui simulate`: serves simulated pools until it is asked to stop, and says where they are."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from xsmigui.simulator import methods
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.control import TOKEN, Control
from xsmigui.simulator.loader import UnreadableDatabase, load
from xsmigui.simulator.scenarios import SCENARIOS
from xsmigui.simulator.server import Served, Servers
from xsmigui.simulator.site import Site

FOLLOW = "XSMIGUI_SIMULATOR_FOLLOWS_STDIN"
"""Set by the demo: the simulator ends with the program that started it."""

assert methods  # the calls are registered by its import


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    scenario: str = "two-pools"
    databases: tuple[str, ...] = ()
    vms: int = 1000
    listen: str = "127.0.0.1:0"
    http: bool = False
    user: str = "root"
    password: str = ""
    speed: float = 1.0
    seed: int = 0
    same_identity: bool = False  # the seed makes certificates the same too, so that a restart is recognised


class BadOptions(Exception):
    """What is wrong with the arguments, as a sentence."""


def build(options: Options) -> Site:
    """The site that the options describe; `BadOptions` where there is no such thing."""
    clock = Clock(options.speed)
    site = Site(clock)
    if options.databases:
        for path in options.databases:
            try:
                site.add(load(path, clock, options.seed))
            except UnreadableDatabase as error:
                raise BadOptions(str(error)) from None
    else:
        scenario = SCENARIOS.get(options.scenario)
        if scenario is None:
            known = ", ".join(sorted(SCENARIOS))
            raise BadOptions(f"There is no scenario named '{options.scenario}'. Known are: {known}.")
        scenario(site, options.seed, options.vms)
    for pool in site.pools:
        pool.refresh()
        if options.speed == 0:
            pool.events.delay_factor = 0.0
    return site


def address(listen: str) -> tuple[str, int]:
    """`127.0.0.1:8443` in its parts; only this computer itself may be listened on."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or int(port) > 65535:
        raise BadOptions(f"'{listen}' is no address to listen on; write 127.0.0.1:PORT, with 0 for any port.")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise BadOptions(f"'{host}' is not an address of this computer's loopback; the simulator serves nothing else.")
    return host, int(port)


def servers_for(options: Options) -> Servers:
    return Servers(http=options.http, seed=options.seed if options.same_identity else None)


async def serve(site: Site, servers: Servers, options: Options) -> list[Served]:
    """All pools of the site, at ports one after the other where the first is given."""
    host, port = address(options.listen)
    served = []
    for number, pool in enumerate(site.pools):
        pool.account(options.user, options.password)
        served.append(await servers.serve(pool, host, port + number if port else 0))
    return served


def run(options: Options, is_read: Callable[[], bool] = lambda: True) -> int:
    """Serves until SIGTERM or SIGINT: 0; 2 with a sentence on stderr where the arguments are wrong. Where `is_read`
    says that nobody reads the addresses any more, there is nobody to serve: 0 at once."""
    if not options.password:
        options = replace(options, password=secrets.token_urlsafe(9))
    gc.disable()
    try:
        address(options.listen)
        site = build(options)
    except BadOptions as error:
        print(error, file=sys.stderr)
        return 2
    gc.freeze()
    gc.enable()
    return asyncio.run(_run(site, options, is_read))


def _follow_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Whoever started us holds the other end of our input; when it ends, however that is, so do we."""
    while sys.stdin.buffer.read(4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(stopped.set)


async def _run(site: Site, options: Options, is_read: Callable[[], bool]) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    if os.environ.get(FOLLOW):
        threading.Thread(target=_follow_stdin, args=(loop, stopped), name="stdin", daemon=True).start()
    servers = servers_for(options)
    control = None
    try:
        for one in await serve(site, servers, options):
            line = {
                "pool": one.pool.name, "url": one.url, "user": options.user, "password": options.password,
                "fingerprint": one.fingerprint, "pid": os.getpid(),
            }  # fmt: skip
            print(json.dumps(line, separators=(",", ":"), ensure_ascii=False), flush=True)
        if os.environ.get(TOKEN):
            control = await Control(site, servers).listen(os.environ[TOKEN])
            at = f"http://127.0.0.1:{control.addresses[0][1]}"
            print(json.dumps({"control": at}, separators=(",", ":")), file=sys.stderr, flush=True)
        print("READY", flush=True)
        if is_read():
            await stopped.wait()
    except OSError as error:
        print(f"The simulator cannot listen on {options.listen}: {error.strerror or error}.", file=sys.stderr)
        return 2
    finally:
        if control is not None:
            await control.cleanup()
        await servers.stop()
    return 0
