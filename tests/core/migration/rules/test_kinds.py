"""Each rule takes the types of the moves that it is asked about."""

from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest

from xsmigui.core.migration.moves import Copied, Kind, LooseDisk, Sent
from xsmigui.core.migration.rules import RULES
from xsmigui.core.migration.rules.base import Rule

OF_KINDS = {Kind.live: {Sent}, Kind.storage: {Sent}, Kind.halted: {Sent}, Kind.disk: {Copied, LooseDisk}}
"""Which moves are of a kind."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.id} {rule.title}")
def test_a_rule_takes_every_move_of_its_kinds(rule: Rule) -> None:
    wanted: set[Any] = set().union(*(OF_KINDS[kind] for kind in rule.kinds))
    hint = get_type_hints(rule.check)["move"]
    assert set(get_args(hint) if isinstance(hint, UnionType) else (hint,)) == wanted
