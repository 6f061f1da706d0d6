"""What every test of the simulator stands on: no VM loses what is on its disks."""

from collections.abc import Iterator

import pytest

from tests.simulator.inside import watching


@pytest.fixture(autouse=True)
def disks_are_whole() -> Iterator[None]:
    """Every VM has the newest content of each of its disks at the end, whatever was moved."""
    watching.clear()
    yield
    wrong = [complaint for witness in watching for complaint in witness.complaints()]
    watching.clear()
    assert not wrong, wrong
