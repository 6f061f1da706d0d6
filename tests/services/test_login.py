"""A server that does not answer, and the other hosts of its pool: who is asked, when, and who of them wins."""

import asyncio
from typing import Any, cast

import pytest

from tests.holding import until
from tests.services.engine import Person, Pins, QuickClock, Secrets
from xsmigui.core.failures import CertificateUnknown, NotSpeaking, ServerFailure, Unreachable
from xsmigui.core.messages import Text, render
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address, Gateway, Trusted
from xsmigui.services.login import Login
from xsmigui.services.server_states import Declined

KNOWN, SECOND, THIRD, FOURTH = (f"https://10.0.0.{n}" for n in "1234")
REJECTED = ServerFailure("SESSION_AUTHENTICATION_FAILED")


class Session:
    """A login that succeeded."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.has_ended = False

    async def logout(self) -> None:
        self.has_ended = True


class Hosts:
    """A `Wire` to hosts that answer what the test has set: an exception, or a session; as long as nothing is set,
    they do not answer at all."""

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, list[object]] = {}
        self.asked: list[str] = []
        self.given_up: list[str] = []
        self.dead: dict[str, frozenset[str]] = {}
        self.told = asyncio.Condition()

    async def tell(self, url: str, *answers: object) -> None:
        async with self.told:
            self.answers[url] = list(answers)
            self.told.notify_all()

    async def login(self, address: Address, password: str, trusted: Trusted, dead: frozenset[str] = frozenset()) -> Any:
        assert password == "secret"
        url = address.url
        self.asked.append(url)
        self.dead[url] = dead
        try:
            async with self.told:
                await self.told.wait_for(lambda: self.answers.get(url))
        except asyncio.CancelledError:
            self.given_up.append(url)
            raise
        answers = self.answers[url]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Case:
    """A login at KNOWN, of whose pool `members` are known."""

    def __init__(self, *members: str, found: tuple[str, ...] = ()) -> None:
        self.hosts, self.person, self.pins, self.secrets = Hosts(), Person(), Pins(), Secrets()
        self.shown: list[tuple[Link, Text]] = []
        self.looked_for = 0

        async def find(url: str) -> dict[str, str]:
            self.looked_for += 1
            return dict.fromkeys(found, "")

        self.login = Login(
            self.hosts, self.pins, self.secrets, self.person, QuickClock(),
            members=lambda url: dict.fromkeys(members, ""), find_members=find, is_new=lambda url: False,
            show=lambda url, link, text: self.shown.append((link, text)),
        )  # fmt: skip

    def begin(self, *, asks: bool = False) -> "asyncio.Task[Gateway]":
        return asyncio.create_task(self.login.connect(Address(KNOWN, "root"), "secret", asks))

    async def until_asked(self, *urls: str) -> None:
        await until(lambda: sorted(self.hosts.asked) == sorted(urls))


async def test_a_server_that_answers_is_asked_alone() -> None:
    case = Case(KNOWN, SECOND)
    session = Session(KNOWN)
    await case.hosts.tell(KNOWN, session)
    assert cast("object", await case.begin()) is session
    assert case.hosts.asked == [KNOWN]
    assert (case.shown, case.looked_for, session.has_ended) == ([], 0, False)


async def test_beside_a_silent_server_the_others_are_asked_all_at_once() -> None:
    """One of them is silent as well: neither is waited for."""
    case = Case(KNOWN, SECOND, THIRD)
    attempt = case.begin()
    await case.until_asked(KNOWN, SECOND, THIRD)
    session = Session(THIRD)
    await case.hosts.tell(THIRD, session)
    assert cast("object", await attempt) is session
    assert sorted(case.hosts.given_up) == [KNOWN, SECOND]
    assert not session.has_ended
    assert [(link, render(told)) for link, told in case.shown] == [(Link.connecting, f"{KNOWN} has not answered yet.")]
    assert all(KNOWN in case.hosts.dead[url] for url in (SECOND, THIRD))
    assert case.login.passwords[KNOWN] == "secret"


@pytest.mark.parametrize(
    "failure", [Unreachable(KNOWN, "x"), NotSpeaking(KNOWN, 503), ServerFailure("HOST_STILL_BOOTING")]
)
async def test_a_server_that_cannot_be_used_is_not_asked_twice(failure: Exception) -> None:
    case = Case(found=(KNOWN, SECOND))
    await case.hosts.tell(KNOWN, failure)
    session = Session(SECOND)
    await case.hosts.tell(SECOND, session)
    assert cast("object", await case.begin()) is session
    assert case.hosts.asked == [KNOWN, SECOND]
    assert case.looked_for == 1


async def test_the_dead_coordinator_that_a_member_named_is_not_asked_again() -> None:
    case = Case(KNOWN, SECOND, THIRD)
    await case.hosts.tell(KNOWN, Unreachable(SECOND, "it did not answer", via=KNOWN))
    await case.hosts.tell(THIRD, Session(THIRD))
    await case.begin()
    assert case.hosts.asked == [KNOWN, THIRD]
    assert case.hosts.dead[THIRD] == {KNOWN, SECOND}


@pytest.mark.parametrize("failure", [REJECTED, ServerFailure("LICENCE_RESTRICTION")])
async def test_a_server_that_says_no_is_believed(failure: Exception) -> None:
    """Others are for a coordinator that does not answer; those already asked are let go."""
    case = Case(KNOWN, SECOND)
    attempt = case.begin()
    await case.until_asked(KNOWN, SECOND)
    await case.hosts.tell(KNOWN, failure)
    with pytest.raises((ServerFailure, Declined)):
        await attempt
    assert case.hosts.given_up == [SECOND]


async def test_a_slow_server_wins_over_members_that_lead_to_it() -> None:
    case = Case(KNOWN, SECOND, THIRD)
    for url in (SECOND, THIRD):
        await case.hosts.tell(url, Unreachable(KNOWN, "it did not answer", via=url))
    attempt = case.begin()
    await case.until_asked(KNOWN, SECOND, THIRD)
    session = Session(KNOWN)
    await case.hosts.tell(KNOWN, session)
    assert cast("object", await attempt) is session


async def test_where_nobody_answers_it_is_the_known_address_that_is_told() -> None:
    case = Case(KNOWN, SECOND, THIRD)
    for url in (KNOWN, SECOND, THIRD):
        await case.hosts.tell(url, Unreachable(url, "no route"))
    with pytest.raises(Unreachable) as failed:
        await case.begin()
    assert failed.value.url == KNOWN


async def test_two_that_are_logged_in_leave_one_session() -> None:
    case = Case(KNOWN, SECOND, THIRD)
    attempt = case.begin()
    await case.until_asked(KNOWN, SECOND, THIRD)
    sessions = [Session(url) for url in (KNOWN, SECOND, THIRD)]
    async with case.hosts.told:
        case.hosts.answers |= {session.url: [session] for session in sessions}
        case.hosts.told.notify_all()
    kept = cast("Session", await attempt)
    assert not kept.has_ended
    assert all(each.has_ended or each.url in case.hosts.given_up for each in sessions if each is not kept)


async def test_an_attempt_that_is_given_up_leaves_nobody_asking() -> None:
    case = Case(KNOWN, SECOND, THIRD)
    attempt = case.begin()
    await case.until_asked(KNOWN, SECOND, THIRD)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert sorted(case.hosts.given_up) == [KNOWN, SECOND, THIRD]


async def test_unknown_certificates_are_asked_about_one_after_the_other_and_once() -> None:
    """Two members lead to the same new coordinator; nobody is asked while another one may still answer."""
    case = Case(KNOWN, SECOND, THIRD)
    unknown = [CertificateUnknown(FOURTH, "ab", via=url) for url in (SECOND, THIRD)]
    await case.hosts.tell(KNOWN, Unreachable(KNOWN, "x"))
    await case.hosts.tell(SECOND, unknown[0], Session(FOURTH))
    await case.hosts.tell(THIRD, unknown[1])
    gateway = await case.begin(asks=True)
    assert gateway.url == FOURTH
    assert case.person.asked == [unknown[0]]
    assert case.pins.pins == {FOURTH: "ab"}


async def test_without_trust_there_is_no_way_and_one_question() -> None:
    case = Case(KNOWN, SECOND, THIRD)
    case.person.trusting = False
    await case.hosts.tell(KNOWN, Unreachable(KNOWN, "x"))
    for url in (SECOND, THIRD):
        await case.hosts.tell(url, CertificateUnknown(FOURTH, "ab", via=url))
    with pytest.raises(Unreachable):
        await case.begin(asks=True)
    assert len(case.person.asked) == 1


async def test_in_the_background_nobody_is_asked() -> None:
    case = Case(KNOWN, SECOND)
    await case.hosts.tell(KNOWN, Unreachable(KNOWN, "x"))
    await case.hosts.tell(SECOND, CertificateUnknown(SECOND, "ab"))
    with pytest.raises(Unreachable):
        await case.begin()
    assert case.person.asked == []
