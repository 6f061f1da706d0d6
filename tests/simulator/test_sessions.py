"""Login, logout, expiry, rights, and members of a pool (xapi_session.ml)."""

from __future__ import annotations

import pytest

from tests.simulator.inside import Client, clients
from xsmigui.simulator.failures import Failure


async def test_wrong_credentials() -> None:
    one, _ = await clients()
    for user, text in (("root", "Authentication failure"), ("nobody", "User not known")):
        with pytest.raises(Failure) as caught:
            await one.raw("session.login_with_password", user, "no", "1", "t")
        assert caught.value.description[:2] == ["SESSION_AUTHENTICATION_FAILED", user]
        assert text in caught.value.description[2]


async def test_a_logged_out_session_is_invalid() -> None:
    one, _ = await clients()
    await one("session.logout")
    assert await one.refused("pool.get_all") == ["SESSION_INVALID", one.session]


async def test_a_member_sends_its_clients_to_the_coordinator() -> None:
    one, _ = await clients()
    member = Client(one.pool)
    member.host = next(h for h in one.pool.db.table("host") if h != one.pool.master)
    one.pool.endpoints[one.pool.master] = "https://127.0.0.1:4443"
    with pytest.raises(Failure) as caught:
        await member.raw("session.login_with_password", "root", "wrong", "1", "t")
    assert caught.value.description == ["HOST_IS_SLAVE", "127.0.0.1:4443"]
    member.session = one.session
    assert await member.refused("pool.get_all") == ["HOST_IS_SLAVE", "127.0.0.1:4443"]
    member.session = "OpaqueRef:none"
    assert await member.refused("pool.get_all") == ["SESSION_INVALID", "OpaqueRef:none"]


async def test_idle_sessions_expire_after_a_day() -> None:
    one, _ = await clients()
    one.pool.clock.advance(86401)
    one.pool.collect()
    assert (await one.refused("pool.get_all"))[0] == "SESSION_INVALID"


async def test_roles_that_lack_a_permission() -> None:
    one, _ = await clients()
    one.pool.account("viewer", "x", "read-only")
    viewer = Client(one.pool)
    viewer.session = await viewer.raw("session.login_with_password", "viewer", "x", "1", "t")
    vm = await viewer.named("VM", "mail")
    refusal = await viewer.refused("VM.migrate_send", vm, {}, True, {}, {}, {})
    assert refusal[:2] == ["RBAC_PERMISSION_DENIED", "vm.migrate_send"]
    assert "vm-power-admin" in refusal[2]


async def test_the_number_of_sessions_of_an_originator_is_limited() -> None:
    one, _ = await clients()
    for _n in range(505):
        await one.raw("session.login_with_password", "root", "secret", "1", "many")
    assert sum(s["originator"] == "many" for s in one.pool.db.table("session").values()) == 500


@pytest.mark.parametrize(("originator", "most"), [("", 400), ("tool", 500)])
async def test_the_oldest_sessions_make_room(originator: str, most: int) -> None:
    one, _ = await clients()
    for _n in range(most + 3):
        await one.raw("session.login_with_password", "root", "secret", "1", originator)
    kept = [s for s in one.pool.db.table("session").values() if s["originator"] == originator]
    assert len(kept) == most
    assert len(one.pool.sessions.live) <= 500


async def test_members_without_a_coordinator_are_still_booting() -> None:
    one, _ = await clients()
    member = next(h for h in one.pool.db.table("host") if h != one.pool.master)
    one.pool.lose_host(one.pool.master)
    lost = Client(one.pool)
    lost.host, lost.session = member, one.session
    assert await lost.refused("pool.get_all") == ["HOST_STILL_BOOTING"]
    one.pool.designate(member)
    assert await lost("pool.get_all") == [one.pool.ref]
