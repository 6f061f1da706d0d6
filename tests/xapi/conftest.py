"""Both transports, behind the same tests."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.loops import nothing_left
from tests.simulated import ServedPool, Simulated
from xsmigui.core.ports import Address
from xsmigui.xapi.connection import Connection, XapiWire

__all__ = ["nothing_left"]

Login = Callable[..., Awaitable[Connection]]


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Simulated]:
    """A site that tests read only."""
    with Simulated.start("two-pools") as site:
        yield site


@pytest.fixture
def site() -> Iterator[Simulated]:
    """A site of the test's own."""
    with Simulated.start("two-pools") as own:
        yield own


@pytest.fixture(params=["json", "xml"])
def wire(request: pytest.FixtureRequest) -> XapiWire:
    return XapiWire(prefer_xml=request.param == "xml")


@pytest.fixture
async def login(wire: XapiWire) -> AsyncIterator[Login]:
    """Log in at a simulated pool; logged out at the end."""
    opened: list[Connection] = []

    async def log_in(pool: ServedPool, url: str = "", trusted: str = "") -> Connection:
        pin = trusted or pool.fingerprint
        connection = await wire.login(Address(url or pool.url, pool.user), pool.password, lambda _url, _shown: pin)
        opened.append(connection)
        return connection

    yield log_in
    for connection in opened:
        await connection.logout()
