"""The fuzzers for as long as one likes: `python -m tests.fuzz --seconds 3600 --seed 1`."""

import argparse
import asyncio
import time

from tests.fuzz.corpus import samples
from tests.fuzz.fuzzers import Findings, fuzz, trick


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    corpus, findings, seed = samples(), Findings(), options.seed
    end = time.monotonic() + options.seconds
    said, told = time.monotonic(), set[str]()
    while time.monotonic() < end:
        for _round in range(500):
            fuzz(corpus, seed, findings)
            seed += 1
        asyncio.run(trick(50, seed, findings))
        for what in [what for what in findings.escaped if what not in told]:
            told.add(what)
            print(f"FOUND (seed {findings.escaped[what]}): {what}", flush=True)
        if time.monotonic() - said > 300:
            said = time.monotonic()
            print(f"{sum(findings.ends.values())} cases, {len(findings.escaped)} findings", flush=True)
    for name, number in sorted(findings.ends.items()):
        print(f"{number:9,}  {name}")
    print(f"{sum(findings.ends.values()):9,}  cases, seeds {options.seed} to {seed - 1}")
    for what, first in findings.escaped.items():
        print(f"FOUND (seed {first}): {what}")
    return 1 if findings.escaped else 0


if __name__ == "__main__":
    raise SystemExit(main())
