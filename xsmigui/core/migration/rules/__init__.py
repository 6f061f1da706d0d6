"""The rules: what is checked before anything moves. `docs/rules.md` lists them; the ids are stable.

Importing the parts puts their rules into the list, in the order in which problems are shown.
"""

from xsmigui.core.migration.rules import (
    disks,
    formats,
    general,
    guests,
    hosts,
    identity,
    journey,
    memory,
    networks,
    processors,
    replacing,
    storage,
)
from xsmigui.core.migration.rules.base import BATCH_RULES, RULES, Batch, BatchRule, Problems, Rule

__all__ = [
    "BATCH_RULES",
    "RULES",
    "Batch",
    "BatchRule",
    "Problems",
    "Rule",
    "disks",
    "formats",
    "general",
    "guests",
    "hosts",
    "identity",
    "journey",
    "memory",
    "networks",
    "processors",
    "replacing",
    "storage",
]
