"""The cyclic collector of Python, which is off while the program starts."""

import gc


def collect() -> None:
    """Turn the collector on, for what is made from now on: what was imported stays as long as the process."""
    gc.freeze()
    gc.enable()
