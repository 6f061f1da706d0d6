"""Simulated pools for tests: served on the loopback by a thread of their own, and gone without a trace afterwards.

with Simulated.start("two-pools") as site:
    site.pools[0].url, site.pools[0].user, site.pools[0].password, site.pools[0].fingerprint
    site.run(lambda: site.pools[0].pool.db.table("VM"))  # in the simulator's thread

At its end a site must hold, for every VM, the newest content of each of its disks exactly once: what was there at the
beginning, or what its guest has written since. Whatever a test takes away itself through `Simulated.call` need not be
there; what it takes away otherwise it names with `Simulated.lets_go_of`.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from xsmigui.simulator.command import Options, build, serve, servers_for
from xsmigui.simulator.control import Control
from xsmigui.simulator.dispatch import dispatch
from xsmigui.simulator.server import Servers
from xsmigui.simulator.site import Site, XapiPool
from xsmigui.simulator.witness import Witness

T = TypeVar("T")
PATIENCE = 60.0  # seconds that the simulator's thread may take for anything


@dataclass(frozen=True, slots=True)
class ServedPool:
    name: str
    url: str
    user: str
    password: str
    fingerprint: str
    member_urls: list[str]
    pool: XapiPool  # the simulator's own: look at it through `Simulated.run`


class Simulated:
    """A site on the network. Use `Simulated.start(...)` as a context manager, or call `stop`."""

    def __init__(self, options: Options, site: Site | None = None) -> None:
        self._options = options
        self._given = site
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name="simulator", daemon=True)
        self._servers: Servers | None = None
        self._witness: Witness | None = None
        self.site: Site
        self.pools: list[ServedPool] = []

    @classmethod
    def start(
        cls,
        scenario: str = "two-pools",
        *,
        databases: Iterable[str] = (),
        speed: float = 0,
        http: bool = False,
        seed: int = 1,
        vms: int = 100,
        user: str = "root",
        password: str = "secret",
        same_identity: bool = False,
        site: Site | None = None,
        prepare: Callable[[Site], None] | None = None,
    ) -> Simulated:
        """`prepare` may change the site before it is served; `site` takes the place of the scenario."""
        options = Options(
            scenario=scenario, databases=tuple(str(d) for d in databases), vms=vms, http=http, user=user,
            password=password, speed=speed, seed=seed, same_identity=same_identity,
        )  # fmt: skip
        simulated = cls(options, site)
        simulated._thread.start()
        try:
            simulated.run(simulated._open(prepare))
        except BaseException:
            simulated._close()
            raise
        return simulated

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _open(self, prepare: Callable[[Site], None] | None) -> None:
        self.site = self._given or build(self._options)
        if prepare is not None:
            prepare(self.site)
        seen_by = self.site.contents.observer
        self._witness = seen_by if isinstance(seen_by, Witness) else Witness(self.site)
        self._servers = servers_for(self._options)
        self._control = Control(self.site, self._servers)
        for one in await serve(self.site, self._servers, self._options):
            self.pools.append(ServedPool(
                one.pool.name, one.url, self._options.user, self._options.password, one.fingerprint, one.member_urls,
                one.pool,
            ))  # fmt: skip

    def __getitem__(self, name: str) -> ServedPool:
        """A pool by its name."""
        return next(p for p in self.pools if p.name == name)

    def run(self, work: Callable[[], T] | Coroutine[Any, Any, T], timeout: float = PATIENCE) -> T:
        """Runs a function or a coroutine in the simulator's thread and returns what it returns."""

        async def inside() -> T:
            return await work if inspect.iscoroutine(work) else work()  # type: ignore[operator, no-any-return]

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(timeout)

    def call(self, pool: ServedPool | int, method: str, *params: Any) -> Any:
        """A call as the pool's administrator, without the network; raises the simulator's `Failure`."""
        served = self.pools[pool] if isinstance(pool, int) else pool

        async def inside() -> Any:
            inner = served.pool
            login = [served.user, served.password, "1.1", "test"]
            session, _ = await dispatch(inner, "session.login_with_password", login, inner.master)
            assert self._witness is not None
            self._witness.allow(inner, method, *params)
            try:
                value, _ = await dispatch(inner, method, [session, *params], inner.master)
            finally:
                await dispatch(inner, "session.logout", [session], inner.master)
            return value.as_dict() if hasattr(value, "as_dict") else value

        return self.run(inside())

    def fault(self, pool: ServedPool | int, do: str, **arguments: Any) -> Any:
        """A command of the control interface (docs/simulator.md), carried out before this returns."""
        served = self.pools[pool] if isinstance(pool, int) else pool

        async def inside() -> Any:
            answer = await self._control.do({"do": do, "pool": served.pool.row["uuid"], **arguments})
            await self._control.settled()
            return answer

        return self.run(inside())

    def vm(self, pool: ServedPool | int, name: str) -> str:
        """The reference of a VM by its name."""
        return self.call(pool, "VM.get_by_name_label", name)[0]  # type: ignore[no-any-return]

    def lets_go_of(self, vm: str) -> None:
        """From now on nobody minds what becomes of the disks of the VMs of this name."""
        assert self._witness is not None
        witness = self._witness
        self.run(lambda: witness.forget_named(vm))

    def complaints(self) -> list[str]:
        """What is wrong with the VMs' disks, a sentence each."""
        return self.run(self._witness.complaints) if self._witness is not None else []

    def stop(self) -> None:
        """The end of the site, and the judgement of what has become of the disks."""
        if self._loop.is_closed():
            return
        wrong = self.complaints() if self._servers is not None else []
        self._close()
        assert not wrong, wrong

    def _close(self) -> None:
        if self._thread.is_alive():
            if self._servers is not None:
                self.run(self._servers.stop())
            self.run(self._drain())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
        self._loop.close()

    async def _drain(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def __enter__(self) -> Simulated:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        elif not self._loop.is_closed():
            self._close()
