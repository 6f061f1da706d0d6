"""Fuzzers of what comes from servers: broken bodies, odd values, tricks with HTTP, pools that contradict themselves.

`python -m tests.fuzz [--seconds N] [--seed N]` runs them until the time is over and prints what they found; the tests
run a fixed number of cases of fixed seeds.
"""
