"""What has been loaded stays out of sight of the cyclic collector, which would look through all records each time.

`gc.freeze` takes everything that lives at that moment, also jobs, drafts and windows. They are cycles, so they would
stay when they have ended, each with the inventories that it knows. So what is frozen is looked through once it has
grown by a quarter, when a pool is loaded again: its connection was away, and nobody waits to see it for the first time.
"""

import gc
from typing import Final

GROWTH: Final = 1.25


class Frozen:
    """How much of what is frozen is known to be in use, in objects."""

    def __init__(self) -> None:
        self._used = 0
        self._loaded: set[str] = set()

    def freeze(self, pool: str) -> None:
        """What lives now, after the pool of this uuid was loaded."""
        before = gc.get_freeze_count()
        if pool in self._loaded and before > GROWTH * self._used:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            self._used = gc.get_freeze_count()
            return
        gc.freeze()
        if pool not in self._loaded:
            self._loaded.add(pool)
            self._used = (self._used or before) + gc.get_freeze_count() - before


frozen: Final = Frozen()
"""One for the process, as the collector is."""
