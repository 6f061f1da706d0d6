"""Random calls against random sites: references stay sound, allowed_operations never lie, space and memory are
conserved, and whoever follows the events has the database."""

from __future__ import annotations

import asyncio
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulator.inside import Client
from xsmigui.simulator.clock import Clock
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.gates import vdi as vdi_gate
from xsmigui.simulator.gates import vm as vm_gate
from xsmigui.simulator.gates.memory import free_memory, needed_memory
from xsmigui.simulator.scenarios.builder import Builder, Disk
from xsmigui.simulator.schema import EVENTLESS, MANY_TO_MANY, ONE_TO_MANY
from xsmigui.simulator.site import Site, XapiPool

PICK = st.integers(0, 1000)
ON_VMS: dict[str, tuple[Any, ...]] = {
    "VM.start": (False, False), "VM.hard_shutdown": (), "VM.clean_shutdown": (), "VM.suspend": (), "VM.pause": (),
    "VM.resume": (False, False), "VM.unpause": (), "VM.clean_reboot": (), "VM.snapshot": ("snap", []),
    "VM.checkpoint": ("check",), "VM.clone": ("clone",), "VM.copy": ("copy", NULL), "VM.destroy": (), "VM.revert": (),
    "VM.provision": (), "VM.power_state_reset": (), "VM.assert_agile": (), "VM.get_possible_hosts": (),
    "VM.add_tags": ("tag",), "VM.remove_tags": ("tag",),
}  # fmt: skip
ON_DISKS: dict[str, tuple[Any, ...]] = {
    "VDI.snapshot": ({},), "VDI.clone": ({},), "VDI.destroy": (), "VDI.enable_cbt": (), "VDI.disable_cbt": (),
    "VDI.resize": (9 << 30,), "VDI.forget": (), "VDI.data_destroy": (), "VDI.set_on_boot": ("reset",),
}  # fmt: skip


def build(hosts: int, vms: int, seed: int) -> Site:
    """Two pools: the second is half as large."""
    site = Site(Clock(0))
    for name, count, guests in (("One", hosts, vms), ("Two", max(1, hosts // 2), vms // 2)):
        b = Builder(site, name, seed=seed)
        made = [b.host(f"{name}-{n}", memory=8, cpus=8) for n in range(count)]
        network = b.network("Guests", bridge="xenbr0")
        b.nic(network, "eth0", [f"10.0.0.{n + 1}" for n in range(count)], management=True)
        srs = [b.sr("nfs", "nfs", 60), b.sr("lvm", "lvmoiscsi", 60), b.sr("local", "ext", 30, hosts=made[:1])]
        for n in range(guests):
            running = n % 3 != 2
            b.vm(
                f"vm{n}", host=made[n % count] if running else NULL, memory=0.5, networks=[network],
                disks=[Disk(srs[n % 2], 2 + n % 3, 0.3)], tools=n % 5 != 4,
            )  # fmt: skip
        b.finish(default_sr=srs[0])
    for pool in site.pools:
        pool.events.delay_factor = 0
        pool.lock_timeout_s = 0
    return site


class Follower:
    """A client that knows a pool from its events only."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {}
        self.token = ""

    def apply(self, batch: dict[str, Any]) -> None:
        for event in batch["events"]:
            table = self.tables.setdefault(event["class"], {})
            if event["operation"] == "del":
                table.pop(event["ref"], None)
            else:
                table[event["ref"]] = dict(event["snapshot"])
        self.token = batch["token"]


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clients: list[Client] = []
        self.followers: list[Follower] = []

    @initialize(hosts=st.integers(1, 3), vms=st.integers(2, 6), seed=st.integers(0, 3))
    def begin(self, hosts: int, vms: int, seed: int) -> None:
        site = build(hosts, vms, seed)
        self.clients = [self.run(Client(pool).login()) for pool in site.pools]
        self.followers = [Follower() for _ in site.pools]

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        async def stop() -> None:
            works = [w for c in self.clients for w in c.pool.background]
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

        self.run(stop())
        self.loop.close()

    # -- what is done ----------------------------------------------------------------------------------------------

    def call(self, client: Client, method: str, *params: Any, later: bool = False) -> None:
        """Refusals are answers like others; what xapi would not have foreseen is not."""
        message = client.pool.schema.message(method)
        later = later and message is not None and message.asynchronous
        try:
            self.run(client(f"Async.{method}" if later else method, *params))
        except Failure as failure:
            if "Error(" in str(failure.params):
                raise

    def pick(self, client: Client, cls: str, number: int) -> str | None:
        refs = list(client.pool.db.table(cls))
        return refs[number % len(refs)] if refs else None

    @rule(where=PICK, what=st.sampled_from(sorted(ON_VMS)), which=PICK, later=st.booleans())
    def vm(self, where: int, what: str, which: int, later: bool) -> None:
        client = self.clients[where % 2]
        self.call(client, what, self.pick(client, "VM", which), *ON_VMS[what], later=later)

    @rule(where=PICK, what=st.sampled_from(sorted(ON_DISKS)), which=PICK, later=st.booleans())
    def disk(self, where: int, what: str, which: int, later: bool) -> None:
        client = self.clients[where % 2]
        vdi = self.pick(client, "VDI", which)
        if vdi is not None:
            self.call(client, what, vdi, *ON_DISKS[what], later=later)

    @rule(where=PICK, which=PICK, to=PICK, force=st.booleans(), later=st.booleans())
    def pool_migrate(self, where: int, which: int, to: int, force: bool, later: bool) -> None:
        client = self.clients[where % 2]
        options = {"force": "true"} if force else {}
        target = self.pick(client, "host", to)
        self.call(client, "VM.pool_migrate", self.pick(client, "VM", which), target, options, later=later)

    @rule(where=PICK, which=PICK, to=PICK, sr=PICK, copy=st.booleans(), inside=st.booleans(), later=st.booleans())
    def migrate_send(self, where: int, which: int, to: int, sr: int, copy: bool, inside: bool, later: bool) -> None:
        source = self.clients[where % 2]
        target = source if inside else self.clients[(where + 1) % 2]
        vm, host = self.pick(source, "VM", which), self.pick(target, "host", to)
        network = self.pick(target, "network", 0)
        assert vm is not None
        row = source.pool.db.row("VM", vm)
        dest = self.run(target("host.migrate_receive", host, network, {}))
        place = self.pick(target, "SR", sr)
        vdis = dict.fromkeys(vm_gate.disk_refs(source.pool, row), place)
        vifs = {} if inside else dict.fromkeys(row["VIFs"], network)
        options = {"copy": "true", "force": "true"} if copy else {}
        self.call(source, "VM.migrate_send", vm, dest, True, vdis, vifs, options, later=later)

    @rule(where=PICK, which=PICK, sr=PICK, later=st.booleans())
    def vdi_pool_migrate(self, where: int, which: int, sr: int, later: bool) -> None:
        client = self.clients[where % 2]
        vdi = self.pick(client, "VDI", which)
        if vdi is not None:
            self.call(client, "VDI.pool_migrate", vdi, self.pick(client, "SR", sr), {}, later=later)

    @rule(where=PICK, which=PICK, later=st.booleans())
    def evacuate(self, where: int, which: int, later: bool) -> None:
        client = self.clients[where % 2]
        host = self.pick(client, "host", which)
        self.call(client, "host.disable", host)
        self.call(client, "host.evacuate", host, later=later)
        self.call(client, "host.enable", host)

    @rule(where=PICK, which=PICK)
    def block_and_unblock(self, where: int, which: int) -> None:
        client = self.clients[where % 2]
        vm = self.pick(client, "VM", which)
        assert vm is not None
        blocked = client.pool.db.get("VM", vm, "blocked_operations")
        if "migrate_send" in blocked:
            self.call(client, "VM.remove_from_blocked_operations", vm, "migrate_send")
        else:
            self.call(client, "VM.add_to_blocked_operations", vm, "migrate_send", "because")

    @rule(where=PICK, which=PICK)
    def cancel(self, where: int, which: int) -> None:
        client = self.clients[where % 2]
        task = self.pick(client, "task", which)
        if task is not None:
            self.call(client, "task.cancel", task)

    @rule(turns=st.integers(1, 60))
    def time_passes(self, turns: int) -> None:
        async def wait() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(wait())

    @rule()
    def everything_ends(self) -> None:
        async def settle() -> None:
            for client in self.clients:
                while client.pool.background:
                    await asyncio.gather(*client.pool.background, return_exceptions=True)

        self.run(settle())
        for client in self.clients:
            self._conserved(client.pool)

    # -- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def references_are_answered(self) -> None:
        for client in self.clients:
            db = client.pool.db
            for one, field, many, back in ONE_TO_MANY:
                if one not in db.tables or many not in db.tables or field not in db.schema.classes[one].fields:
                    continue
                for ref, row in db.table(one).items():
                    owner = db.find(many, row[field])
                    assert owner is None or back not in owner or ref in owner[back], (one, field, ref)
                for owner_ref, row in db.table(many).items():
                    assert all(db.row(one, r)[field] == owner_ref for r in row.get(back, [])), (many, back)
            for a, x, b, y in MANY_TO_MANY:
                if a in db.tables and b in db.tables:
                    for ref, row in db.table(a).items():
                        assert all(ref in db.row(b, o)[y] for o in row.get(x, []) if db.has(b, o))
            for ref, vbd in db.table("VBD").items():
                assert db.has("VM", vbd["VM"]), ref
                assert vbd["empty"] or db.has("VDI", vbd["VDI"]), ref
            for row in db.table("VM").values():
                assert row["resident_on"] == NULL or db.has("host", row["resident_on"])
                assert (row["power_state"] in {"Running", "Paused"}) is (row["resident_on"] != NULL)

    @invariant()
    def what_is_allowed_is_not_refused(self) -> None:
        for client in self.clients:
            pool = client.pool
            pool.refresh()
            for ref, row in pool.db.table("VM").items():
                subject = vm_gate.Subject.of(pool, ref)
                fine = {op for op in vm_gate.listed(pool) if vm_gate.error(subject, op, strict=True) is None}
                assert set(row["allowed_operations"]) == fine, row["name_label"]
            for ref, row in pool.db.table("VDI").items():
                fine = {op for op in vdi_gate.LISTED if vdi_gate.error(pool, ref, op) is None}
                assert set(row["allowed_operations"]) == fine

    @invariant()
    def events_give_the_database(self) -> None:
        async def compare() -> None:
            for client, follower in zip(self.clients, self.followers, strict=True):
                db = client.pool.db
                follower.apply(await client("event.from", ["*"], follower.token, 0.0))
                for cls, table in db.tables.items():
                    if cls not in EVENTLESS:
                        assert follower.tables.get(cls.lower(), {}) == table.rows, cls

        self.run(compare())

    @staticmethod
    def _conserved(pool: XapiPool) -> None:
        """Nothing is under way: SRs know their sums, nothing is reserved, no host is overfull."""
        db = pool.db
        for sr in db.table("SR").values():
            assert sr["physical_utilisation"] == sum(db.get("VDI", v, "physical_utilisation") for v in sr["VDIs"])
            assert sr["physical_utilisation"] <= sr["physical_size"]
        for host, row in db.table("host").items():
            used = row["memory_overhead"] + sum(
                needed_memory(pool, db.row("VM", v)) for v in row["resident_VMs"]
                if not db.get("VM", v, "is_control_domain")
            )  # fmt: skip
            total = db.get("host_metrics", row["metrics"], "memory_total")
            assert used <= total
            assert row["current_operations"] == {}
            assert db.get("host_metrics", row["metrics"], "memory_free") == free_memory(pool, host)
        for vm in db.table("VM").values():
            assert vm["scheduled_to_be_resident_on"] == NULL
            assert vm["current_operations"] == {}
        assert not pool.scheduled
        assert not +pool.storage_motions
        assert not pool.faults.moving


TestRandomCalls = Machine.TestCase
TestRandomCalls.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
