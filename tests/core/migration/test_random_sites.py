"""Random sites on the simulator: what is accepted runs without a refusal, and nothing is refused that was not said.

More of them by hand: `python -m tests.randomsite 20000`.
"""

import asyncio

import pytest

from tests.randomsite import check

EACH = 110


@pytest.mark.parametrize("block", range(20))
def test_an_accepted_plan_runs_without_a_refusal(block: int) -> None:
    planned = 0
    for number in range(block * EACH, (block + 1) * EACH):
        planned += asyncio.run(check(number)).plan is not None
    assert planned
