"""Connections: opened, refused, lost, opened again, closed; what a person decides."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.holding import until
from tests.services.engine import Engine, engine
from tests.simulated import Simulated
from xsmigui.core.failures import CertificateChanged, CertificateUnknown, ServerFailure, Unreachable
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address
from xsmigui.services.connections import MEMBERS_REFRESH_S
from xsmigui.services.login import HEAD_START_S
from xsmigui.services.retrying import RETRY_DELAYS_S
from xsmigui.services.server_states import AlreadyConnected, Declined, Server


@pytest.fixture
async def alone(site: Simulated) -> AsyncIterator[Engine]:
    """An engine that is connected to nothing yet."""
    async with engine(site, connect=False) as made:
        yield made


def links(made: Engine) -> list[tuple[str, Link]]:
    heard: list[tuple[str, Link]] = []
    made.connections.subscribe(lambda server: heard.append((server.address.url, server.link)))
    return heard


def server(made: Engine, name: str) -> Server:
    return next(s for s in made.connections.servers() if s.address.url == made.address(name).url)


async def test_add(alone: Engine) -> None:
    heard = links(alone)
    address = alone.address("Madrid")
    added = await alone.connections.add(address, "secret")
    assert (added.name, added.link, added.address) == ("Madrid", Link.connected, address)
    assert alone.secrets.kept == {address: "secret"}
    assert alone.pins.pins == {address.url: alone.served("Madrid").fingerprint}
    assert isinstance(alone.person.asked[0], CertificateUnknown)
    assert [link for _url, link in heard] == [Link.connecting, Link.asking, Link.loading, Link.connected]
    assert added.pool is not None
    gateway = alone.connections.gateway(added.pool)
    assert gateway is not None
    assert alone.connections.server_of(added.pool) == added
    (view,) = alone.connections.views()
    assert view.inventory is alone.store.inventory(added.pool)
    assert await alone.connections.wait_for_gateway(added.pool) is gateway


async def test_a_server_that_was_added_meanwhile_is_not_remembered_over(alone: Engine) -> None:
    """The operator was faster than the start, which connects the servers of the last time."""
    address = alone.address("Madrid")
    added = await alone.connections.add(address, "secret")
    alone.connections.remember(address, "Madrid", True)
    assert server(alone, "Madrid") == added


async def test_wrong_password_leaves_nothing(alone: Engine) -> None:
    with pytest.raises(ServerFailure, match="SESSION_AUTHENTICATION_FAILED"):
        await alone.connections.add(alone.address("Madrid"), "wrong")
    assert alone.connections.servers() == []
    assert alone.secrets.kept == {}
    assert alone.sessions("Madrid") == 0
    assert len(alone.person.asked) == 1  # the certificate; the password is the dialog's affair


async def test_a_certificate_that_nobody_trusts(alone: Engine) -> None:
    alone.person.trusting = False
    with pytest.raises(Declined):
        await alone.connections.add(alone.address("Madrid"), "secret")
    assert alone.connections.servers() == []
    assert alone.pins.pins == {}


async def test_nobody_there(alone: Engine) -> None:
    alone.proxies["Madrid"].down()
    with pytest.raises(Unreachable):
        await alone.connections.add(alone.address("Madrid"), "secret")
    assert alone.connections.servers() == []


async def test_a_load_that_breaks_leaves_nothing(alone: Engine) -> None:
    pool = alone.served("Madrid").pool
    alone.site.run(lambda: pool.faults.add("VM.get_all_records", drop=True))
    with pytest.raises(Unreachable):
        await alone.connections.add(alone.address("Madrid"), "secret")
    assert alone.connections.servers() == []


async def test_an_attempt_that_is_given_up(alone: Engine) -> None:
    pool = alone.served("Madrid").pool
    fault = alone.site.run(lambda: pool.faults.add("VM.get_all_records", delay=20))
    adding = asyncio.ensure_future(alone.connections.add(alone.address("Madrid"), "secret"))
    await until(lambda: fault.seen)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert alone.connections.servers() == []
    assert alone.sessions("Madrid") == 0


async def test_a_pool_is_connected_once(two: Engine) -> None:
    """By another of its addresses, or by a member: the connection that is there stays as it is."""
    madrid = two.served("Madrid")
    before = two.connections.gateway(two.pool("Madrid"))
    for url in (madrid.url, *madrid.member_urls):
        with pytest.raises(AlreadyConnected) as caught:
            await two.connections.add(Address(url), "secret")
        assert caught.value.args == ("Madrid",)
    assert len(two.connections.servers()) == 2
    assert server(two, "Madrid").link is Link.connected
    assert two.connections.gateway(two.pool("Madrid")) is before
    assert two.is_connected("Madrid")
    assert two.sessions("Madrid") == 1
    ref = two.site.vm(madrid, "web-01")
    await asyncio.to_thread(two.site.call, madrid, "VM.set_name_label", ref, "still followed")
    await until(lambda: two.inventory("Madrid").VM[ref].name_label == "still followed")


async def test_the_member_of_a_pool_that_is_connected_by_its_coordinator(site: Simulated) -> None:
    madrid = site["Madrid"]
    async with engine(site, connect=False) as made:
        added = await made.connections.add(Address(madrid.member_urls[0]), "secret")
        assert added.address.url == madrid.url
        for url in (madrid.member_urls[1], madrid.member_urls[0]):
            with pytest.raises(ServerFailure):
                await made.connections.add(Address(url, "somebody"), "secret")
        with pytest.raises(AlreadyConnected):
            await made.connections.add(Address(madrid.member_urls[1]), "secret")
        assert [s.link for s in made.connections.servers()] == [Link.connected]
        assert made.connections.gateway(made.pool("Madrid")) is not None


async def test_the_same_twice_at_the_same_time(alone: Engine) -> None:
    address = alone.address("Madrid")
    results = await asyncio.gather(
        alone.connections.add(address, "secret"), alone.connections.add(address, "secret"), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in results) == ["AlreadyConnected", "Server"]
    assert [s.link for s in alone.connections.servers()] == [Link.connected]
    assert alone.sessions("Madrid") == 1


async def test_it_comes_back_by_itself(two: Engine) -> None:
    heard = links(two)
    pool = two.pool("Madrid")
    two.clock.slept.clear()
    two.proxies["Madrid"].down()
    await until(lambda: not two.is_connected("Madrid"))
    assert two.connections.gateway(pool) is None
    assert two.store.inventory(pool) is not None  # what wlast known state stays
    waiting = asyncio.ensure_future(two.connections.wait_for_gateway(pool))
    given_up = asyncio.ensure_future(two.connections.wait_for_gateway(pool))
    await until(lambda: len(two.clock.slept) > RETRY_DELAYS_S[0] + RETRY_DELAYS_S[1] + RETRY_DELAYS_S[2])
    assert "trying again in" in server(two, "Madrid").detail
    given_up.cancel()
    two.proxies["Madrid"].up()
    gateway = await asyncio.wait_for(waiting, 100)
    assert await gateway.call("pool.get_all")
    assert server(two, "Madrid").link is Link.connected
    assert set(two.clock.slept) - {MEMBERS_REFRESH_S, HEAD_START_S} == {1.0}  # counted down second by second
    states = [link for url, link in heard if url == two.address("Madrid").url]
    assert states[0] is Link.waiting
    assert states[-3:] == [Link.connecting, Link.loading, Link.connected]
    assert two.is_connected("Lisboa")


async def test_try_again_now(two: Engine) -> None:
    two.clock.factor = 1000.0
    two.proxies["Madrid"].down()
    await until(lambda: server(two, "Madrid").link is Link.waiting)
    two.proxies["Madrid"].up()
    two.connections.open(two.address("Madrid").url)
    await until(lambda: two.is_connected("Madrid"))


async def test_another_certificate_while_reconnecting(two: Engine) -> None:
    two.person.trusting = False
    two.person.asked.clear()
    two.proxies["Madrid"].down()
    await until(lambda: not two.is_connected("Madrid"))
    before = two.pins.pins[two.address("Madrid").url]
    two.site.fault(two.served("Madrid"), "exchange_certificate")
    two.proxies["Madrid"].up()
    await until(lambda: server(two, "Madrid").link is Link.failed)
    (question,) = two.person.asked
    assert isinstance(question, CertificateChanged)
    assert question.trusted == before
    assert server(two, "Madrid").detail.startswith("not connected · ")
    assert question.fingerprint in server(two, "Madrid").detail
    two.person.trusting = True
    two.connections.open(two.address("Madrid").url)
    await until(lambda: two.is_connected("Madrid"))
    assert two.pins.pins[two.address("Madrid").url] == question.fingerprint


async def test_another_password_while_reconnecting(two: Engine) -> None:
    """It is asked for, and the one that no longer opens the server is replaced in the keyring."""
    address = two.address("Madrid")
    two.secrets.kept[address] = "secret"
    two.connections._login.passwords.clear()
    two.proxies["Madrid"].down()
    await until(lambda: not two.is_connected("Madrid"))
    two.site.run(lambda: two.served("Madrid").pool.account("root", "new one"))
    two.person.asked.clear()
    two.person.passwords = ["typo", "new one"]
    two.proxies["Madrid"].up()
    await until(lambda: two.is_connected("Madrid"))
    assert len(two.person.asked) == 2
    assert "new one" not in str(two.person.asked)
    assert two.secrets.kept[address] == "new one"


async def test_nobody_gives_the_password(two: Engine) -> None:
    two.proxies["Madrid"].down()
    await until(lambda: not two.is_connected("Madrid"))
    two.site.run(lambda: two.served("Madrid").pool.account("root", "new one"))
    two.proxies["Madrid"].up()
    await until(lambda: server(two, "Madrid").link is Link.failed)
    assert two.sessions("Madrid") == 1  # the lost one, which the server will let go of by itself


async def test_a_session_that_ended_is_opened_again(two: Engine) -> None:
    pool = two.served("Madrid").pool
    before = two.connections.gateway(two.pool("Madrid"))
    two.site.run(lambda: [pool.sessions.end(ref) for ref in list(pool.sessions.live)])
    await until(lambda: two.connections.gateway(two.pool("Madrid")) not in (None, before))
    assert two.sessions("Madrid") == 1


async def test_close_and_open(two: Engine) -> None:
    url = two.address("Madrid").url
    await two.connections.close(url)
    assert server(two, "Madrid").link is Link.closed
    assert two.sessions("Madrid") == 0
    assert [i.name for i in two.store.site().pools.values()] == ["Lisboa"]
    two.connections.open(url)
    await until(lambda: two.is_connected("Madrid"))
    await two.connections.close("https://nobody")
    two.connections.open("https://nobody")


async def test_remove(two: Engine) -> None:
    heard = links(two)
    address = two.address("Madrid")
    two.secrets.kept[address] = "secret"
    await two.connections.remove(address.url)
    assert heard[-1] == (address.url, Link.closed)
    assert [s.name for s in two.connections.servers()] == ["Lisboa"]
    assert two.secrets.kept == {}
    assert two.sessions("Madrid") == 0
    await two.connections.remove(address.url)


async def test_remove_while_it_waits_and_while_a_password_is_asked_for(two: Engine) -> None:
    two.clock.factor = 1000.0
    two.proxies["Madrid"].down()
    await until(lambda: server(two, "Madrid").link is Link.waiting)
    await two.connections.remove(two.address("Madrid").url)
    assert len(two.connections.servers()) == 1


async def test_adding_again_takes_the_place(two: Engine) -> None:
    added = await two.connections.add(two.address("Madrid"), "secret")
    assert added.link is Link.connected
    assert two.sessions("Madrid") == 1
    assert len(two.connections.servers()) == 2


async def test_servers_of_earlier_times(alone: Engine) -> None:
    madrid, lisboa = alone.address("Madrid"), alone.address("Lisboa")
    alone.secrets.kept[madrid] = "secret"
    alone.connections.remember(madrid, "Madrid", True)
    alone.connections.remember(lisboa, "", False)
    assert [(s.name, s.link) for s in alone.connections.servers()] == [
        ("Madrid", Link.connecting),
        (lisboa.url, Link.closed),
    ]
    await until(lambda: alone.is_connected("Madrid"))
    alone.person.passwords = ["secret"]
    alone.connections.open(lisboa.url)
    await until(lambda: alone.is_connected("Lisboa"))
    assert lisboa not in alone.secrets.kept  # what was typed is not kept unasked


async def test_remembered_twice_by_two_addresses(two: Engine) -> None:
    other = Address(two.served("Madrid").url)
    two.secrets.kept[other] = "secret"
    two.connections.remember(other, "Madrid again", True)
    await until(lambda: any(s.link is Link.failed for s in two.connections.servers()))
    failed = next(s for s in two.connections.servers() if s.link is Link.failed)
    assert (failed.address, failed.detail) == (other, "already connected")
    assert two.is_connected("Madrid")
    assert two.connections.gateway(two.pool("Madrid")) is not None
    await until(lambda: two.sessions("Madrid") == 1)


async def test_the_coordinator_moves(two: Engine) -> None:
    """The address we know becomes a member's; it leads to the new coordinator."""
    await asyncio.to_thread(two.site.fault, two.served("Madrid"), "move_coordinator", host="madrid-02")
    await until(lambda: not two.is_connected("Madrid"))
    await until(lambda: two.is_connected("Madrid"))
    gateway = two.connections.gateway(two.pool("Madrid"))
    assert gateway is not None
    assert gateway.url != two.address("Madrid").url
    assert server(two, "Madrid").link is Link.connected


async def test_an_error_of_our_own_is_shown(
    alone: Engine, expected_errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected_errors.append("https://")

    def broken(_inventory: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(alone.store, "put", broken)
    with pytest.raises(KeyError):
        await asyncio.wait_for(alone.connections.add(alone.address("Madrid"), "secret"), 100)
    assert alone.connections.servers() == []
    assert alone.sessions("Madrid") == 0


async def test_after_an_error_of_our_own_a_server_is_connected_again(alone: Engine, expected_errors: list[str]) -> None:
    """Whoever hears of changes may fail; so may anything else that nobody foresaw."""
    expected_errors.append("https://127.0.0.1:")
    await alone.connections.add(alone.address("Madrid"), "secret")
    broken = 3

    def fail(_change: object) -> None:
        nonlocal broken
        if broken:
            broken -= 1
            raise ZeroDivisionError("nobody foresaw this")

    alone.store.subscribe(fail)
    site = alone.site
    vm = site.vm(site["Madrid"], "web-01")
    details: list[str] = []
    alone.connections.subscribe(lambda server: details.append(server.detail))
    await asyncio.to_thread(site.call, site["Madrid"], "VM.set_name_label", vm, "first")
    await until(lambda: broken == 0 and server(alone, "Madrid").link is Link.connected)
    assert any("ZeroDivisionError" in detail for detail in details)
    await asyncio.to_thread(site.call, site["Madrid"], "VM.set_name_label", vm, "second")
    pool = server(alone, "Madrid").pool
    assert pool is not None
    await until(lambda: (found := alone.store.inventory(pool)) is not None and found.name_of("VM", vm) == "second")


async def test_a_server_that_breaks_each_time_is_loaded_less_and_less_often(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers everything while it is loaded, and nonsense then."""
    from xsmigui.core.failures import NotSpeaking
    from xsmigui.xapi.transport import Transport

    loaded = 0

    async def nonsense(transport: Transport, *_args: object) -> object:
        nonlocal loaded
        loaded += 1
        raise NotSpeaking(transport.url, 200, "nonsense")

    await alone.connections.add(alone.address("Madrid"), "secret")
    monkeypatch.setattr(Transport, "events", nonsense)
    alone.proxies["Madrid"].cut()
    await until(lambda: alone.clock.slept.count(1.0) > 1 + 2 + 4 + 8)
    assert loaded <= 6
