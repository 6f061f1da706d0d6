"""What breaks in data centres, each kind at least once (in this process and through the control interface)."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.holding import PATIENCE
from tests.simulated import ServedPool, Simulated
from tests.simulator.inside import Client, clients, migration, turns, until
from tests.simulator.test_server import call, post
from xsmigui.simulator.certificates import certificate
from xsmigui.simulator.control import BadCommand, Control
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.server import Servers


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools", http=True) as simulated:
        yield simulated


def login(pool: ServedPool, url: str = "") -> str:
    body = {"jsonrpc": "2.0", "id": 1, "method": "session.login_with_password", "params": [pool.user, pool.password]}
    answer = json.loads(post(url or pool.url, "/jsonrpc", json.dumps(body).encode())[2])
    return str(answer.get("result") or answer["error"]["message"])


def test_the_nth_call_of_a_kind_is_refused_and_those_after_it(site: Simulated) -> None:
    pool = site.pools[0]
    session = login(pool)
    site.fault(0, "refuse", method="pool.get_all", nth=2, times=2, failure=["HOST_STILL_BOOTING"])
    answers = [call(pool, "pool.get_all", session) for _ in range(4)]
    assert ["error" in a for a in answers] == [False, True, True, False]


def test_a_dropped_call_is_not_carried_out_and_a_cut_one_is(site: Simulated) -> None:
    pool = site.pools[0]
    session = login(pool)
    vm = site.vm(0, "mail")
    site.fault(0, "drop", method="VM.set_name_description")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call(pool, "VM.set_name_description", session, vm, "one")
    assert site.call(0, "VM.get_name_description", vm) == ""
    site.fault(0, "cut", method="VM.set_name_description")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call(pool, "VM.set_name_description", session, vm, "two")
    assert site.call(0, "VM.get_name_description", vm) == "two"


@pytest.mark.parametrize("at", [1, 100, 5000])
def test_an_answer_ends_at_a_byte(site: Simulated, at: int) -> None:
    pool = site.pools[0]
    session = login(pool)
    site.fault(0, "cut", method="VM.get_all_records", bytes=at)
    with pytest.raises(http.client.IncompleteRead) as caught:
        call(pool, "VM.get_all_records", session)
    assert len(caught.value.partial) == at
    assert "result" in call(pool, "VM.get_all_records", session)


def test_a_frozen_server_answers_when_it_thaws(site: Simulated) -> None:
    pool = site.pools[0]
    session = login(pool)
    site.fault(0, "freeze")
    connection = http.client.HTTPConnection(pool.url.removeprefix("http://"), timeout=0.3)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "pool.get_all", "params": [session]})
    connection.request("POST", "/jsonrpc", body)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    site.fault(0, "thaw")
    assert "result" in call(pool, "pool.get_all", session)


async def test_lost_deletions_and_lost_batches() -> None:
    one, _ = await clients()
    token = (await one("event.from", ["vm"], "", 1.0))["token"]
    vm = await one.named("VM", "mail")
    one.pool.faults.lost_batches = 1
    await one("VM.set_name_label", vm, "lost")
    batch = await one("event.from", ["vm"], token, 0.05)
    assert batch["events"] == []
    await one("VM.set_name_label", vm, "told")
    batch = await one("event.from", ["vm"], token, 1.0)
    assert [e["snapshot"]["name_label"] for e in batch["events"]] == ["told"]


def test_xapi_restarts_in_the_middle_of_a_migration() -> None:
    with Simulated.start("two-pools", http=True, speed=20) as site:
        one, two = site.pools
        session = login(one)
        params = _migration(site, "mail", "NFS Lisboa")
        task = call(one, "Async.VM.migrate_send", session, *params)["result"]
        site.run(_progress(one, task, 0.05))
        disks = site.run(lambda: len(two.pool.db.table("VDI")))
        site.fault(0, "restart")
        assert call(one, "pool.get_all", session)["error"]["message"] == "SESSION_INVALID"
        again = login(one)
        assert call(one, "task.get_all", again)["result"] == []
        row = call(one, "VM.get_record", again, params[0])["result"]
        assert (row["power_state"], row["current_operations"]) == ("Running", {})
        assert "migrate_send" in row["allowed_operations"]
        # What was half copied stays at the destination: nobody was left to clear up.
        assert site.run(lambda: len(two.pool.db.table("VDI"))) == disks


def test_the_destination_restarts_and_the_sender_clears_up() -> None:
    with Simulated.start("two-pools", http=True, speed=20) as site:
        one, two = site.pools
        before = site.run(lambda: len(two.pool.db.table("VDI")))
        params = _migration(site, "mail", "NFS Lisboa")
        task = call(one, "Async.VM.migrate_send", login(one), *params)["result"]
        site.run(_progress(one, task, 0.05))
        site.fault(1, "restart")
        record = site.run(_end(one, task))
        assert record["error_info"][0] == "CANNOT_CONTACT_HOST"
        assert site.run(lambda: len(two.pool.db.table("VDI"))) == before


async def _progress(pool: ServedPool, task: str, value: float) -> None:
    await until(lambda: pool.pool.db.get("task", task, "progress") > value, pool.pool)


async def _end(pool: ServedPool, task: str) -> dict[str, Any]:
    await until(lambda: pool.pool.db.get("task", task, "status") != "pending", pool.pool)
    return dict(pool.pool.db.row("task", task))


def _migration(site: Simulated, name: str, sr: str) -> list[Any]:
    async def prepare() -> list[Any]:
        one, two = [await Client(p.pool).login() for p in site.pools]
        return await migration(one, two, name, sr)

    return site.run(prepare())


def test_a_host_dies_and_comes_back(site: Simulated) -> None:
    pool = site.pools[0]
    session = login(pool)
    vm = site.vm(0, "web-02")
    site.fault(0, "lose_host", host="madrid-02")
    record = call(pool, "VM.get_record", session, vm)["result"]
    host = record["resident_on"]
    assert record["power_state"] == "Running"
    assert call(pool, "VM.clean_reboot", session, vm)["error"]["message"] == "HOST_OFFLINE"
    assert not site.run(lambda: pool.pool.live(host))
    with pytest.raises(urllib.error.URLError):
        post(pool.member_urls[0], "/jsonrpc", b"{}")
    site.fault(0, "find_host", host="madrid-02")
    assert call(pool, "VM.get_power_state", session, vm)["result"] == "Halted"
    assert login(pool, pool.member_urls[0]) == "HOST_IS_SLAVE"


async def test_high_availability_starts_the_vms_of_a_dead_host_elsewhere() -> None:
    one, _two = await clients()
    db = one.pool.db
    host = await one.named("host", "madrid-02")
    first, second = await one.named("VM", "web-02"), await one.named("VM", "mail")
    loose = await one.named("VM", "ci-runner-2")  # its disk is on the dead host
    plain = await one.named("VM", "dc-windows")
    db.set("pool", one.pool.ref, ha_enabled=True)
    db.set("VM", first, ha_restart_priority="restart")
    db.set("VM", second, ha_restart_priority="best-effort")
    db.set("VM", loose, ha_restart_priority="restart")
    one.pool.lose_host(host)
    for vm in (first, second):
        assert await one("VM.get_power_state", vm) == "Running"
        assert await one("VM.get_resident_on", vm) not in (host, "OpaqueRef:NULL")
    for vm in (loose, plain):
        assert await one("VM.get_power_state", vm) == "Halted"


@pytest.mark.parametrize(("victim", "state"), [("madrid-02", "Running"), ("madrid-01", "Running")])
def test_a_host_dies_under_a_migration(victim: str, state: str) -> None:
    with Simulated.start("two-pools", http=True, speed=20) as site:
        one = site.pools[0]
        vm = site.vm(0, "web-02")  # on madrid-02
        target = site.call(0, "host.get_by_name_label", "madrid-01")[0]
        task = call(one, "Async.VM.pool_migrate", login(one), vm, target, {})["result"]
        site.run(_progress(one, task, 0.05))
        host = site.call(0, "host.get_by_name_label", victim)[0]
        site.run(lambda: one.pool.lose_host(host))
        record = site.run(_end(one, task))
        assert (record["status"], record["error_info"]) == ("failure", ["CANNOT_CONTACT_HOST", host])
        assert site.call(0, "VM.get_power_state", vm) == state
        assert site.call(0, "VM.get_current_operations", vm) == {}


def test_the_coordinator_moves_and_the_old_one_says_where_to(site: Simulated) -> None:
    pool = site.pools[0]
    session = login(pool)
    moved = site.fault(0, "move_coordinator", host="madrid-03")
    assert moved["url"] == pool.member_urls[1]
    answer = call(pool, "session.login_with_password", pool.user, pool.password)
    assert answer["error"]["data"] == [moved["url"].removeprefix("http://")]
    assert len(login(pool, moved["url"])) == 46
    assert call(pool, "pool.get_all", session)["error"]["message"] == "SESSION_INVALID"


async def test_an_sr_fills_while_a_disk_is_copied_to_it() -> None:
    one, two = await clients()
    params = await migration(one, two, "mail", "NFS Lisboa")
    place = next(iter(params[3].values()))
    two.pool.faults.filling[place] = 0.5
    before = len(two.pool.db.table("VDI"))
    assert (await one.refused("VM.migrate_send", *params))[0] == "SR_BACKEND_FAILURE_44"
    assert len(two.pool.db.table("VDI")) == before
    assert await one("VM.get_power_state", params[0]) == "Running"
    sr = await one.named("SR", "iSCSI Madrid")
    free = (await one.disks(await one.named("VM", "erp-test")))[0]
    one.pool.faults.filling[sr] = 0.2
    assert (await one.refused("VDI.copy", free, sr))[0] == "SR_BACKEND_FAILURE_44"
    left = await one("SR.get_physical_size", sr) - await one("SR.get_physical_utilisation", sr)
    size = await one("VDI.get_virtual_size", free)
    assert left == size + size // 256 + (8 << 20)  # what the half copy had taken, and has given back


@pytest.mark.parametrize("state", ["Halted", "Suspended"])
@pytest.mark.parametrize("inside", [True, False])
async def test_a_failed_live_migration_leaves_the_vm_halted_or_suspended(state: str, inside: bool) -> None:
    one, two = await clients()
    params = await migration(one, two, "mail", "NFS Lisboa")
    vm = params[0]
    one.pool.faults.ending[vm] = state
    counts = len(two.pool.db.table("VM")), len(two.pool.db.table("VDI"))
    host = await one.named("host", "madrid-01")
    call = one("VM.pool_migrate", vm, host, {}) if inside else one("VM.migrate_send", *params)
    with pytest.raises(Failure, match="INTERNAL_ERROR"):
        await call
    assert await one("VM.get_power_state", vm) == state
    assert one.pool.db.has("VDI", await one("VM.get_suspend_VDI", vm)) is (state == "Suspended")
    assert (len(two.pool.db.table("VM")), len(two.pool.db.table("VDI"))) == counts


async def test_leftovers_of_a_failed_migration_stay() -> None:
    one, two = await clients()
    params = await migration(one, two, "mail", "NFS Lisboa")
    one.pool.faults.messy.add(params[0])
    one.pool.faults.broken_mirrors.add(list(params[3])[1])
    before = set(two.pool.db.table("VDI"))
    assert (await one.refused("VM.migrate_send", *params))[0] == "MIRROR_FAILED"
    left = set(two.pool.db.table("VDI")) - before
    assert len(left) == 2
    assert all(not two.pool.db.get("VDI", v, "VBDs") for v in left)


async def test_a_stuck_task_ignores_cancellation_until_it_is_released() -> None:
    one, _ = await clients()
    one.pool.faults.add("VM.pool_migrate", stuck=True)
    vm, host = await one.named("VM", "web-01"), await one.named("host", "madrid-02")
    task = await one("Async.VM.pool_migrate", vm, host, {})
    await until(lambda: one.pool.tasks.running[task].stuck, one.pool) if not await _stuck(one, task) else None
    await one("task.cancel", task)
    await turns(20)
    assert await one("task.get_status", task) == "pending"
    one.pool.tasks.running[task].released.set()
    assert (await one.finished(task))["status"] == "cancelled"


async def _stuck(one: Client, task: str) -> bool:
    await turns(20)
    return one.pool.tasks.running[task].stuck


async def test_a_slow_task_takes_its_time() -> None:
    one, _ = await clients()
    vm, hosts = await one.named("VM", "web-01"), [await one.named("host", f"madrid-0{n}") for n in (2, 3)]

    async def took(host: str) -> float:
        began = one.pool.clock.now()
        await one("VM.pool_migrate", vm, host, {})
        return one.pool.clock.now() - began

    normal = await took(hosts[0])
    one.pool.faults.add("VM.pool_migrate", slow=10.0)
    assert await took(hosts[1]) == pytest.approx(10 * normal)


async def test_the_clock_of_one_pool_is_wrong() -> None:
    one, two = await clients()
    one.pool.clock.skew = -7200.0
    times = [await c("host.get_servertime", c.pool.master) for c in (one, two)]
    assert times[0] < times[1]
    task = await one("task.create", "x", "")
    assert await one("task.get_created", task) < times[1]


def test_the_certificate_is_exchanged() -> None:
    with Simulated.start("standalone") as site:
        pool = site.pools[0]
        host, port = pool.url.removeprefix("https://").split(":")
        told = site.fault(0, "exchange_certificate")["fingerprint"]
        pem = ssl.get_server_certificate((host, int(port)))
        shown = site.run(lambda: __import__("hashlib").sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":"))
        assert shown == told != pool.fingerprint


def test_connections_break_and_new_ones_are_let_in(site: Simulated) -> None:
    pool = site.pools[0]
    connection = http.client.HTTPConnection(pool.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/")
    assert b"Madrid" in connection.getresponse().read()
    site.fault(0, "hang_up")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.request("GET", "/"), connection.getresponse()
    connection.close()
    assert len(login(pool)) == 46


async def test_commands_that_cannot_be_understood() -> None:
    one, _ = await clients()
    assert one.pool.site is not None
    control = Control(one.pool.site, Servers())
    for command in (
        {"do": "explode"}, {}, {"do": "freeze", "pool": "Nowhere"}, {"do": "fill_sr"}, {"do": "fill_sr", "sr": "none"},
        {"do": "refuse", "method": "VM.start"}, {"do": "slow", "method": "VM.start", "factor": "x"},
        {"do": "end_as", "vm": "mail", "state": "Flying"},
    ):  # fmt: skip
        with pytest.raises(BadCommand):
            await control.do(command)
    for command in (
        {"do": "skew_clock", "seconds": 60}, {"do": "fill_sr", "sr": "NFS Madrid"}, {"do": "leave_mess"},
        {"do": "end_as", "vm": "mail"}, {"do": "unresponsive", "vm": "mail"}, {"do": "lose_events"},
        {"do": "lose_events", "batches": 2}, {"do": "fill_sr", "sr": "iSCSI Madrid", "at": 0.5},
        {"do": "delay", "method": "VM.start", "seconds": 0}, {"do": "break_mirror", "vdi": "db-postgres data"},
    ):  # fmt: skip
        await control.do(command)
    state = control.state()["pools"][0]
    assert (state["skew"], state["messy"], state["lost_batches"]) == (60, ["*"], 2)
    await control.do({"do": "clear"})
    assert control.state()["pools"][0]["messy"] == []


def test_the_control_interface_wants_its_token() -> None:
    command = [sys.executable, "-m", "xsmigui", "simulate", "--speed", "0", "--seed", "7"]
    environment = {**os.environ, "XSMIGUI_SIMULATOR_CONTROL": "let me in"}

    def ask(url: str, token: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    prints = []
    for _ in range(2):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            url = json.loads(process.stderr.readline())["control"]
            prints.append(json.loads(process.stdout.readline())["fingerprint"])
            assert ask(url, "wrong")[0] == 401
            assert ask(url, "let me in")[1]["pools"][0]["pool"] == "Madrid"
            assert ask(url, "let me in", {"do": "freeze", "pool": "Lisboa"}) == (200, {"done": "freeze"})
            assert ask(url, "let me in", {"do": "nonsense"})[0] == 400
            assert ask(url, "let me in", [])[0] == 400
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    # A seed that is given makes the pool's identity the same in every run.
    assert prints[0] == prints[1]


def test_certificates_from_a_seed_are_valid_and_the_same() -> None:
    one, two, other = certificate("Madrid", "1"), certificate("Madrid", "1"), certificate("Madrid", "2")
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert certificate("Madrid").fingerprint != certificate("Madrid").fingerprint

    async def connect() -> None:
        from cryptography import x509

        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=one.context)
        port = server.sockets[0].getsockname()[1]
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        loaded = x509.load_pem_x509_certificate(pem.encode())
        loaded.verify_directly_issued_by(loaded)
        trusting = ssl.create_default_context(cadata=pem)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.close()
        server.close()

    asyncio.run(connect())
