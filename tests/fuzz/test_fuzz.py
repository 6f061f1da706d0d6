"""The fuzzers with fixed seeds, for less than a minute. What they found once has a test of its own elsewhere."""

import time
from collections.abc import Callable

import pytest

from tests.fuzz.corpus import Sample, samples
from tests.fuzz.fuzzers import Findings, break_bytes, change_values, trick, twist_pool

SECONDS = 15.0
"""For each of them, where a machine is slow: then fewer seeds are tried, the same ones first."""


@pytest.fixture(scope="module")
def corpus() -> list[Sample]:
    return samples()


def tried(fuzzer: Callable[[list[Sample], int, Findings], None], corpus: list[Sample], most: int) -> Findings:
    findings, end = Findings(), time.monotonic() + SECONDS
    for seed in range(most):
        fuzzer(corpus, seed, findings)
        if time.monotonic() > end:
            break
    return findings


def test_bodies_with_broken_bytes(corpus: list[Sample]) -> None:
    findings = tried(break_bytes, corpus, 2500)
    assert findings.escaped == {}
    assert findings.ends["bytes, JSON: NotSpeaking"]
    assert findings.ends["bytes, XML: NotSpeaking"]


def test_bodies_with_odd_values(corpus: list[Sample]) -> None:
    findings = tried(change_values, corpus, 1000)
    assert findings.escaped == {}
    assert findings.ends["values, JSON: understood"]
    assert findings.ends["values, XML: NotSpeaking"]


def test_pools_that_contradict_themselves(corpus: list[Sample]) -> None:
    findings = tried(twist_pool, corpus, 100)
    assert findings.escaped == {}
    assert findings.ends["pool: understood"]


async def test_tricks_with_http() -> None:
    findings = Findings()
    await trick(150, 1, findings)
    assert findings.escaped == {}
    assert findings.ends["HTTP: understood"]
