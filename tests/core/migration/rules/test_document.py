from pathlib import Path

from xsmigui.core.catalogue import ENTRIES
from xsmigui.core.migration.rules import BATCH_RULES, RULES
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
