import importlib
import pkgutil
from pathlib import Path

from xsmigui.core.catalogue import ENTRIES
from xsmigui.core.migration import rules
from xsmigui.core.migration.rules import BATCH_RULES, RULES, BatchRule, Rule
from xsmigui.core.migration.rules.document import rules_document

ROOT = Path(__file__).parents[4]


def test_docs_rules_is_current() -> None:
    """If it is not, write `rules_document()` into it."""
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == rules_document()


def test_every_rule_and_every_code_of_a_rule_is_in_it() -> None:
    document = rules_document()
    for rule in (*RULES, *BATCH_RULES):
        assert f"| {rule.id} | **{rule.title}**" in document
    for code, entry in ENTRIES.items():
        assert (f"`{code}`" in document) is bool(entry.rule)


def test_every_rule_stands_in_the_table_once() -> None:
    """Whoever writes a rule names it in `core.migration.rules` too."""
    rooms = [importlib.import_module(f"{rules.__name__}.{room.name}") for room in pkgutil.iter_modules(rules.__path__)]
    made = [each for room in rooms for each in vars(room).values() if isinstance(each, (Rule, BatchRule))]
    listed = [*RULES, *BATCH_RULES]
    assert len(listed) == len({each.check for each in listed})
    assert {each.check for each in made} == {each.check for each in listed}
