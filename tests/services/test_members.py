"""The hosts of a pool as ways to it: known and pinned while it is well, followed when its coordinator is gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.holding import until
from tests.services.engine import Engine, engine
from tests.simulated import ServedPool, Simulated
from xsmigui.core.failures import ServerFailure, Unreachable
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address
from xsmigui.services.server_states import Server


@pytest.fixture
async def direct(site: Simulated) -> AsyncIterator[Engine]:
    """An engine that knows the hosts' own addresses, connected to Madrid's coordinator through a proxy."""
    async with engine(site, "Madrid", members=True) as made:
        await until(lambda: madrid(made).members)
        yield made


def madrid(made: Engine) -> Server:
    return next(s for s in made.connections.servers() if s.name == "Madrid")


def shown(site: Simulated, pool: ServedPool) -> dict[str, str]:
    """What each host shows, by its url."""
    inner = pool.pool
    return site.run(lambda: {inner.endpoints[h]: c.fingerprint for h, c in inner.certificates.items()})


async def lose(made: Engine, host: str) -> None:
    await asyncio.to_thread(made.site.fault, made.served("Madrid"), "lose_host", host=host)


async def take_over(made: Engine, host: str) -> str:
    """The host becomes the coordinator; its url."""
    answer = await asyncio.to_thread(made.site.fault, made.served("Madrid"), "move_coordinator", host=host)
    return str(answer["url"])


async def test_members_are_known_with_their_certificates(direct: Engine, site: Simulated) -> None:
    """Each host has one of its own; the pool says which."""
    pool = site["Madrid"]
    assert madrid(direct).members == shown(site, pool)
    assert len(set(madrid(direct).members.values())) == 3
    assert list(direct.pins.pins) == [direct.address("Madrid").url]  # nothing that the operator has not trusted


async def test_releases_without_the_class_tell_by_the_file() -> None:
    with Simulated.start("mixed-versions") as mixed:
        async with engine(mixed, "Old 7.1", members=True) as made:
            (server,) = made.connections.servers()
            assert server.is_old
            await until(lambda: made.connections.servers()[0].members)
            assert made.connections.servers()[0].members == shown(mixed, mixed["Old 7.1"])


async def test_a_dead_coordinator_is_left_for_the_new_one(direct: Engine) -> None:
    direct.person.asked.clear()
    await lose(direct, "madrid-01")
    direct.proxies["Madrid"].down()
    await until(lambda: madrid(direct).link is Link.waiting)
    pool = direct.pool("Madrid")
    trouble = direct.connections.trouble(pool)
    assert trouble is not None
    assert trouble.reason
    assert not trouble.given_up
    url = await take_over(direct, "madrid-02")
    await until(lambda: direct.is_connected("Madrid"))
    gateway = direct.connections.gateway(pool)
    assert gateway is not None
    assert gateway.url == url
    assert direct.connections.trouble(pool) is None
    assert direct.person.asked == []
    assert madrid(direct).address == direct.address("Madrid")


async def test_a_member_that_leads_to_the_new_coordinator(direct: Engine) -> None:
    """The first member asked is not the one that took over."""
    await lose(direct, "madrid-01")
    direct.proxies["Madrid"].down()
    url = await take_over(direct, "madrid-03")
    await until(lambda: direct.is_connected("Madrid") and _url(direct) == url)


async def test_it_is_followed_again_and_again(direct: Engine) -> None:
    direct.proxies["Madrid"].down()
    for host in ("madrid-02", "madrid-03", "madrid-02"):
        url = await take_over(direct, host)
        await until(lambda url=url: direct.is_connected("Madrid") and _url(direct) == url)
    assert len(direct.person.asked) == 1  # the first certificate of all


def _url(made: Engine) -> str:
    gateway = made.connections.gateway(made.pool("Madrid"))
    return gateway.url if gateway is not None else ""


async def test_a_member_that_shows_another_certificate_gets_no_password(direct: Engine, site: Simulated) -> None:
    pool = site["Madrid"]
    await lose(direct, "madrid-01")
    direct.proxies["Madrid"].down()
    site.fault(pool, "exchange_certificate")
    await take_over(direct, "madrid-02")
    logins = site.run(lambda: pool.pool.faults.add("session.login_with_password", times=0))
    before = len(direct.clock.slept)
    await until(lambda: len(direct.clock.slept) > before + 20)
    assert not direct.is_connected("Madrid")
    assert logins.seen == 0


async def test_another_pool_at_a_members_address_is_not_taken(direct: Engine, site: Simulated) -> None:
    """Somebody has installed that host anew, or its address went to another."""
    server = madrid(direct)
    lisboa = site["Lisboa"]
    members = {lisboa.url: lisboa.fingerprint}
    direct.connections._servers[server.address.url] = Server(
        server.address, server.name, server.link, pool=server.pool, members=members
    )  # fmt: skip
    direct.connections._learning[server.address.url].cancel()
    direct.proxies["Madrid"].down()
    await until(lambda: "another pool" in madrid(direct).detail)
    assert direct.sessions("Lisboa") == 0
    assert [i.name for i in direct.store.site().pools.values()] == ["Madrid"]


async def test_members_of_earlier_times_are_asked_at_the_start(site: Simulated) -> None:
    pool = site["Madrid"]
    known = shown(site, pool)
    async with engine(site, "Madrid", connect=False, members=True) as made:
        made.proxies["Madrid"].down()
        made.secrets.kept[made.address("Madrid")] = "secret"
        made.connections.remember(made.address("Madrid"), "Madrid", True, known)
        await until(lambda: made.is_connected("Madrid"))
        assert made.person.asked == []


async def test_hosts_without_a_usable_address_are_left_out(site: Simulated) -> None:
    db = site["Madrid"].pool.db
    site.run(lambda: [db.set("host", h, address=a) for h, a in zip(db.table("host"), ("", "[::1", "::1"), strict=True)])
    async with engine(site, "Madrid", members=True) as made:
        await until(lambda: madrid(made).members)
        assert list(madrid(made).members) == ["https://[::1]"]


@pytest.mark.parametrize(
    "answer",
    [
        {"Certificate.get_all_records": ServerFailure("MESSAGE_METHOD_UNKNOWN")},
        {"host.get_server_certificate": Unreachable("https://x", "cut")},
        {"Certificate.get_all_records": ["x"]},
        {"Certificate.get_all_records": {"a": 1, "b": {"type": "host", "host": 3, "fingerprint": None}}},
        {"Certificate.get_all_records": {"a": {"type": "host", "host": "x", "fingerprint": "AB:CD"}}},
        {"host.get_server_certificate": "no PEM"},
        {"host.get_server_certificate": "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----"},
        {"host.get_server_certificate": None},
        {"host.get_server_certificate": ServerFailure("INTERNAL_ERROR")},
    ],
)
async def test_odd_answers_pin_nothing(direct: Engine, answer: dict[str, object]) -> None:
    from xsmigui.services.members import learn

    class Odd:
        url = "https://127.0.0.1:1"
        fingerprint = "ab"

        async def call(self, method: str, *_params: object, deadline: float = 0) -> object:
            found = answer.get(method, {} if "Certificate" in method else "")
            if isinstance(found, Exception):
                raise found
            return found

    learned = await learn(Odd(), direct.inventory("Madrid"))  # type: ignore[arg-type]
    assert len(learned) == 3
    assert set(learned.values()) == {""}


@pytest.mark.parametrize("answer", [Unreachable("https://x", "cut"), {}])
async def test_what_cannot_be_read_any_more_is_trusted_as_before(
    direct: Engine, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    """The pool is about to break: this is when its members are needed."""
    before = madrid(direct).members
    asked = asyncio.Event()

    async def learn(*_given: object) -> dict[str, str]:
        asked.set()
        if isinstance(answer, Exception):
            raise answer
        return dict.fromkeys(before, "")

    monkeypatch.setattr("xsmigui.services.connections.learn", learn)
    url = direct.address("Madrid").url
    direct.connections._learning[url].cancel()
    await until(direct.connections._learning[url].done)
    direct.connections._look_for_members(url, direct.pool("Madrid"))
    slept = len(direct.clock.slept)
    await until(lambda: asked.is_set() and len(direct.clock.slept) > slept)
    assert madrid(direct).members == before
    assert not direct.connections._learning[url].done()  # it is asked again later


async def test_plain_http_has_no_certificates() -> None:
    with Simulated.start("two-pools", http=True) as plain:
        async with engine(plain, "Madrid", members=True) as made:
            await until(lambda: madrid(made).members)
            assert set(madrid(made).members.values()) == {""}
            url = plain["Madrid"].url
            assert all(member.startswith("http://") for member in madrid(made).members)
            assert url in madrid(made).members
            with pytest.raises(Unreachable):
                await made.connections.add(Address("http://127.0.0.1:1"), "secret")
