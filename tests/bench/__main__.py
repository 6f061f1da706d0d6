"""All benchmarks as one table: `python -m tests.bench [--against COMMIT] [--rounds N] [--quick]`.

Each figure is the median of some rounds with the least and the greatest; with an earlier build the two are measured in
turn, each in processes of their own, and the ratio stands beside them. Figures are CPU, since the computer may do
something else meanwhile.
"""

import argparse
import contextlib

from tests.bench import batches, clients, day, growth, measuring, stalls, start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default="", help="a commit whose build is measured in the same run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="smaller pools and one round")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    with contextlib.ExitStack() as stack:
        trees = [measuring.ROOT]
        if options.against:
            trees.append(stack.enter_context(measuring.build(options.against)))
        print("The interface's thread, milliseconds of CPU")
        for case in stalls.CASES:
            found = measuring.several(trees, "tests.bench.stalls", rounds, "--child", case)
            show(found, stalls.GOALS)
        print("Batches")
        for kind, number in (("live", 20), ("live", 200), ("storage", 20), ("storage", 60), ("preflight", 60)):
            if not options.quick or number == 20:
                figures = [batches.figures(tree, kind, number, "100") for tree in trees]
                show([{name: [value] for name, value in each.items()} for each in figures], batches.GOALS)
        print("A pool that changes 500 times a second")
        figures = [day.figures(tree, 5000, 500, 20 if options.quick else 60) for tree in trees]
        show([{name: [value] for name, value in each.items()} for each in figures], day.GOALS)
        print("Start")
        figures = [start.figures(tree, 2 * rounds + 1) for tree in trees]
        show([{name: [value] for name, value in each.items()} for each in figures], {})
        print("Loading, beside other clients")
        show([clients.figures(500 if options.quick else 5000, rounds)], clients.GOALS)
        print("Growth")
        sizes = growth.SIZES[:2] if options.quick else growth.SIZES
        for name, values in growth.figures(sizes).items():
            shown = " ".join(f"{value:10.1f}" for value in values)
            print(f"  {name:40} {shown}   exponent {measuring.exponent(sizes, values):5.2f}", flush=True)


def show(found: list[dict[str, list[float]]], goals: dict[str, str]) -> None:
    for line in measuring.table(found, goals):
        print(line, flush=True)


if __name__ == "__main__":
    main()
