"""What is known of one error code."""

from dataclasses import dataclass

from xsmigui.core.problems import Page


@dataclass(frozen=True, slots=True)
class Entry:
    """A code's sentence and hint, with fields ``{0}``, ``{1}`` … for its parameters, and the rule that foresees it."""

    message: str
    hint: str = ""
    rule: str = ""
    page: Page = Page.summary
    holds: str = ""
    """What its parameters are beside names and texts: ``sizes`` in bytes, or power ``states``."""
