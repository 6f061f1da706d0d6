"""Sites made up for demonstrations and tests. A scenario fills a site with pools, from a seed: the same every time."""

from __future__ import annotations

from collections.abc import Callable

from xsmigui.simulator.scenarios.blockers import blockers
from xsmigui.simulator.scenarios.events import events
from xsmigui.simulator.scenarios.failing import failing
from xsmigui.simulator.scenarios.mixed_versions import mixed_versions
from xsmigui.simulator.scenarios.scale import scale
from xsmigui.simulator.scenarios.two_pools import standalone, two_pools
from xsmigui.simulator.site import Site

Scenario = Callable[[Site, int, int], None]
SCENARIOS: dict[str, Scenario] = {
    "blockers": blockers,
    "events": events,
    "failing": failing,
    "mixed-versions": mixed_versions,
    "scale": scale,
    "standalone": standalone,
    "two-pools": two_pools,
}

__all__ = ["SCENARIOS", "Scenario"]
