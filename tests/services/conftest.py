"""Sites and engines for the tests of the services."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.loops import nothing_left
from tests.services.engine import Engine, engine
from tests.simulated import Simulated

__all__ = ["nothing_left"]


@pytest.fixture
def site() -> Iterator[Simulated]:
    with Simulated.start("two-pools") as own:
        yield own


@pytest.fixture
async def two(site: Simulated) -> AsyncIterator[Engine]:
    """An engine connected to Madrid and Lisboa."""
    async with engine(site) as made:
        yield made


@pytest.fixture(autouse=True)
def no_secrets(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """No test writes a session or a password of its site to the log."""
    caplog.set_level(logging.DEBUG, logger="xsmigui")
    yield
    ours = [r.getMessage() for r in caplog.get_records("call") if r.name.startswith("xsmigui.")]
    text = "\n".join(ours)
    assert "session_id=Opaque" not in text
    assert "secret" not in text
