"""Faults from outside: JSON over HTTP on this computer's loopback, for training and for tests of other programs.

`POST /` carries one command, `{"do": "refuse", "pool": "Madrid", "method": "VM.start", "failure": ["HOST_OFFLINE"]}`;
`GET /` says how things stand. Both want the token that the one who started the simulator has chosen.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from xsmigui.simulator.content import checksum
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.server import Servers
from xsmigui.simulator.site import Site, XapiPool
from xsmigui.simulator.witness import Witness

TOKEN: Final = "XSMIGUI_SIMULATOR_CONTROL"  # noqa: S105 - the name of a variable
"""The environment variable that opens the control interface and holds its token."""

Command = dict[str, Any]


class BadCommand(Exception):
    """What is wrong with a command, as a sentence."""


class Control:
    """Carries out commands on a site; objects are named by reference, UUID or name."""

    def __init__(self, site: Site, servers: Servers) -> None:
        self._site = site
        self._servers = servers
        self._later: set[asyncio.Task[None]] = set()

    async def do(self, command: Command) -> dict[str, Any]:
        """Carries out one command; `BadCommand` where it cannot be understood."""
        name = command.get("do")
        if not isinstance(name, str) or name not in COMMANDS:
            raise BadCommand(f"There is no command '{name}'. Known are: {', '.join(sorted(COMMANDS))}.")
        pool = self._pool(command.get("pool"))
        try:
            answer = COMMANDS[name](self, pool, command)
            if asyncio.iscoroutine(answer):
                answer = await answer
        except KeyError as error:
            raise BadCommand(f"'{name}' needs {error}.") from None
        except (TypeError, ValueError) as error:
            raise BadCommand(f"'{name}' does not understand its arguments: {error}.") from None
        pool.refresh()
        return {"done": name, **(answer or {})}

    def state(self) -> dict[str, Any]:
        """What is broken, pool by pool."""
        return {"pools": [self._state(pool) for pool in self._site.pools], "commands": sorted(COMMANDS)}

    def _state(self, pool: XapiPool) -> dict[str, Any]:
        faults = pool.faults
        return {
            "pool": pool.name, "frozen": faults.frozen, "skew": pool.clock.skew,
            "planted": [{"method": f.method, "nth": f.nth, "times": f.times, "seen": f.seen} for f in faults.planted],
            "broken_mirrors": sorted(faults.broken_mirrors), "unresponsive": sorted(faults.unresponsive),
            "spoiling": sorted(faults.spoiling),
            "rebooting": dict(faults.rebooting), "memory": {vm: f.description for vm, f in faults.memory.items()},
            "lost_disks": sorted(faults.lost_disks), "writing": dict(faults.writing),
            "ending": dict(faults.ending), "stopping": sorted(faults.stopping),
            "forgotten_srs": sorted(faults.forgotten), "filling": dict(faults.filling), "messy": sorted(faults.messy),
            "losing_deletions": pool.events.losing, "lost_batches": faults.lost_batches,
            "dead_hosts": sorted(h for h in pool.db.table("host") if not pool.live(h)), "coordinator": pool.master,
            "migrations": [{"vm": m.vm, "from": m.sender, "to": m.host} for m in faults.moving],
        }  # fmt: skip

    def _pool(self, name: object) -> XapiPool:
        if name is None:
            return self._site.pools[0]
        for pool in self._site.pools:
            if name in {pool.name, pool.ref, pool.row["uuid"]}:
                return pool
        raise BadCommand(f"There is no pool '{name}'.")

    @staticmethod
    def find(pool: XapiPool, cls: str, name: object) -> str:
        """An object by reference, UUID or name."""
        for ref, row in pool.db.table(cls).items():
            if name in {ref, row.get("uuid"), row.get("name_label")}:
                return ref
        raise BadCommand(f"There is no {cls} '{name}' in {pool.name}.")

    # -- commands --------------------------------------------------------------------------------------------------

    def plant(self, pool: XapiPool, command: Command) -> None:
        """The n-th call of a kind (and `times` - 1 more) is refused, dropped, cut, delayed, slowed or stuck."""
        failure = command.get("failure")
        kind = command["do"]
        if kind == "refuse" and not (isinstance(failure, list) and failure):
            raise BadCommand("'refuse' needs a failure: a list of the code and its parameters.")
        pool.faults.add(
            str(command["method"]), nth=int(command.get("nth", 1)), times=int(command.get("times", 1)),
            delay=float(command["seconds"]) if kind == "delay" else 0.0,
            failure=Failure(*map(str, failure or [])) if kind == "refuse" else None, drop=kind == "drop",
            cut=int(command.get("bytes", 0)) if kind == "cut" else None, stuck=kind == "stick",
            slow=float(command["factor"]) if kind == "slow" else 1.0,
        )  # fmt: skip

    def release(self, pool: XapiPool, command: Command) -> None:
        for work in pool.tasks.running.values():
            work.released.set()

    def restart(self, pool: XapiPool, command: Command) -> dict[str, Any]:
        """Answers at once; xapi is back after `seconds`."""
        work = asyncio.ensure_future(self._servers.restart(pool, float(command.get("seconds", 0.0))))
        self._later.add(work)
        work.add_done_callback(self._later.discard)
        return {}

    async def settled(self) -> None:
        """Waits until restarts are over."""
        while self._later:
            await asyncio.gather(*self._later, return_exceptions=True)

    async def lose_host(self, pool: XapiPool, command: Command) -> None:
        await self._servers.lose_host(pool, self.find(pool, "host", command["host"]))

    async def find_host(self, pool: XapiPool, command: Command) -> None:
        await self._servers.find_host(pool, self.find(pool, "host", command["host"]))

    async def move_coordinator(self, pool: XapiPool, command: Command) -> dict[str, Any]:
        await self._servers.move_coordinator(pool, self.find(pool, "host", command["host"]))
        return {"url": pool.endpoints.get(pool.master, "")}

    async def hang_up(self, pool: XapiPool, command: Command) -> None:
        await self._servers.hang_up(pool)

    def exchange(self, pool: XapiPool, command: Command) -> dict[str, Any]:
        return {"fingerprint": self._servers.exchange_certificate(pool)}

    def freeze(self, pool: XapiPool, command: Command) -> None:
        pool.faults.freeze()

    def thaw(self, pool: XapiPool, command: Command) -> None:
        pool.faults.thaw()

    def lose_events(self, pool: XapiPool, command: Command) -> None:
        """Deletions are no longer told (`deletions`), or the next `batches` answers of event.from get lost."""
        if "batches" in command:
            pool.faults.lost_batches = int(command["batches"])
        else:
            pool.events.losing = bool(command.get("deletions", True))

    def skew(self, pool: XapiPool, command: Command) -> None:
        pool.clock.skew = float(command["seconds"])

    def fill(self, pool: XapiPool, command: Command) -> None:
        """The SR is full: now, or (`at`) when that share of the next disk has arrived."""
        sr = self.find(pool, "SR", command["sr"])
        if "at" in command:
            pool.faults.filling[sr] = float(command["at"])
        else:
            pool.db.set("SR", sr, physical_utilisation=pool.db.get("SR", sr, "physical_size"))

    def break_mirror(self, pool: XapiPool, command: Command) -> None:
        pool.faults.broken_mirrors.add(self.find(pool, "VDI", command["vdi"]))

    def unresponsive(self, pool: XapiPool, command: Command) -> None:
        pool.faults.unresponsive.add(self.find(pool, "VM", command["vm"]))

    def write_disk(self, pool: XapiPool, command: Command) -> dict[str, Any]:
        """Somebody writes to the disk, whoever holds it; with `zeroes` an older block is filled with zeroes too."""
        vdi = self.find(pool, "VDI", command["vdi"])
        for _ in range(int(command.get("times", 1))):
            pool.contents.write(pool, vdi, zeroes=bool(command.get("zeroes", True)))
        return self.disk_content(pool, {"vdi": vdi})

    def disk_content(self, pool: XapiPool, command: Command) -> dict[str, Any]:
        """The sum of the disk as it is now, without a call of the API."""
        vdi = self.find(pool, "VDI", command["vdi"])
        return {"vdi": vdi, "sum": checksum(pool.contents.read(pool, vdi), pool.db.get("VDI", vdi, "virtual_size"))}

    def spoil_copy(self, pool: XapiPool, command: Command) -> None:
        """Every copy of the disk ends well and holds something wrong."""
        pool.faults.spoiling.add(self.find(pool, "VDI", command["vdi"]))

    def watch_disks(self, pool: XapiPool, command: Command) -> None:
        """From now on it is noted what guests have on their disks, in all pools."""
        witness = self._witness()
        if witness is None:
            Witness(self._site)
        else:
            witness.watch()

    def _witness(self) -> Witness | None:
        observer = self._site.contents.observer
        return observer if isinstance(observer, Witness) else None

    def check_disks(self, pool: XapiPool, command: Command) -> dict[str, Any]:
        """Does every VM still have the newest of each of its disks? What is wrong, as sentences."""
        witness = self._witness()
        if witness is None:
            raise BadCommand("'check_disks' comes after 'watch_disks'.")
        return {"wrong": witness.complaints()}

    def expect_loss(self, pool: XapiPool, command: Command) -> None:
        """Before a call of `method` with these `params`: what it takes away need not be there at the end."""
        witness = self._witness()
        if witness is not None:
            witness.allow(pool, str(command["method"]), *command["params"])

    def reboot_guest(self, pool: XapiPool, command: Command) -> None:
        """The guest reboots while its memory moves, `times` over."""
        pool.faults.rebooting[self.find(pool, "VM", command["vm"])] = int(command.get("times", 1))

    def set_write_rate(self, pool: XapiPool, command: Command) -> None:
        """The guest writes so many bytes a second to each of its disks."""
        pool.faults.writing[self.find(pool, "VM", command["vm"])] = float(command["rate"])

    def fail_memory(self, pool: XapiPool, command: Command) -> None:
        """xenopsd answers this when the VM's memory moves."""
        code, *params = command["failure"]
        pool.faults.memory[self.find(pool, "VM", command["vm"])] = Failure(str(code), *map(str, params))

    def lose_disk(self, pool: XapiPool, command: Command) -> None:
        """The next disk that a migration brings to the SR is not found there."""
        pool.faults.lost_disks.add(self.find(pool, "SR", command["sr"]))

    def end_as(self, pool: XapiPool, command: Command) -> None:
        """The VM's next live migration fails and leaves it Halted or Suspended."""
        state = command.get("state", "Halted")
        if state not in {"Halted", "Suspended"}:
            raise BadCommand("'end_as' leaves a VM Halted or Suspended.")
        pool.faults.ending[self.find(pool, "VM", command["vm"])] = state

    def stop_arriving(self, pool: XapiPool, command: Command) -> None:
        """The VM's next live migration succeeds, and the guest stops as it arrives: it is there, halted."""
        pool.faults.stopping.add(self.find(pool, "VM", command["vm"]))

    def forget_sr(self, pool: XapiPool, command: Command) -> None:
        """No host has the SR open, as when the storage daemon has lost it; its PBDs count as attached until they are
        plugged again."""
        pool.faults.forgotten.add(self.find(pool, "SR", command["sr"]))

    def leave_mess(self, pool: XapiPool, command: Command) -> None:
        vm = command.get("vm", "*")
        pool.faults.messy.add("*" if vm == "*" else self.find(pool, "VM", vm))

    def clear(self, pool: XapiPool, command: Command) -> None:
        """Everything works again (dead hosts stay dead)."""
        pool.faults.clear()
        pool.events.losing = False
        pool.clock.skew = 0.0
        self.release(pool, command)

    # -- over the network ------------------------------------------------------------------------------------------

    async def listen(self, token: str, address: str = "127.0.0.1") -> web.ServerRunner:
        """Serves commands at a port of its own; `runner.addresses` says which."""

        async def answer(request: web.BaseRequest) -> web.Response:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return web.json_response({"error": "The token is missing or wrong."}, status=401)
            if request.method == "GET":
                return web.json_response(self.state())
            try:
                command = json.loads(await request.read())
                if not isinstance(command, dict):
                    raise BadCommand("A command is a JSON object.")
                return web.json_response(await self.do(command))
            except (BadCommand, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)

        runner = web.ServerRunner(
            web.Server(answer, access_log=None), handle_signals=False, shutdown_timeout=0.5
        )  # fmt: skip
        await runner.setup()
        await web.TCPSite(runner, address, 0).start()
        return runner


COMMANDS: Final[dict[str, Callable[[Control, XapiPool, Command], Any]]] = {
    "refuse": Control.plant, "drop": Control.plant, "cut": Control.plant, "delay": Control.plant,
    "slow": Control.plant, "stick": Control.plant, "release": Control.release, "freeze": Control.freeze,
    "thaw": Control.thaw, "lose_events": Control.lose_events, "restart": Control.restart,
    "lose_host": Control.lose_host, "find_host": Control.find_host, "move_coordinator": Control.move_coordinator,
    "hang_up": Control.hang_up, "exchange_certificate": Control.exchange, "skew_clock": Control.skew,
    "fill_sr": Control.fill, "break_mirror": Control.break_mirror, "unresponsive": Control.unresponsive,
    "set_write_rate": Control.set_write_rate, "write_disk": Control.write_disk, "disk_content": Control.disk_content,
    "spoil_copy": Control.spoil_copy, "watch_disks": Control.watch_disks, "check_disks": Control.check_disks,
    "expect_loss": Control.expect_loss,
    "reboot_guest": Control.reboot_guest, "fail_memory": Control.fail_memory, "lose_disk": Control.lose_disk,
    "end_as": Control.end_as, "stop_arriving": Control.stop_arriving, "forget_sr": Control.forget_sr,
    "leave_mess": Control.leave_mess, "clear": Control.clear,
}  # fmt: skip

__all__ = ["COMMANDS", "TOKEN", "BadCommand", "Control"]
