"""Problems: what is wrong with a draft, as `block`, `warn` or `info`, about which object, and what to do about it."""

from enum import IntEnum, StrEnum

import msgspec

from xsmigui.core.messages import Text, facts, render, sentences
from xsmigui.core.migration.fixes import Fix
from xsmigui.core.refs import ObjectId


class Severity(IntEnum):
    """How bad a problem is; greater is worse."""

    info = 0
    warn = 1
    block = 2


class Page(StrEnum):
    """The wizard's pages, in their order; a problem belongs to the page where it can be fixed."""

    destination = "destination"
    home_server = "home-server"
    storage = "storage"
    networks = "networks"
    storage_network = "storage-network"
    summary = "summary"


class Subject(msgspec.Struct, frozen=True):
    """The object that a problem is about. `cls` is the API's class name."""

    cls: str
    uuid: str
    name: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: `finding` states what is wrong with what, `advice` what to do next, both as values in no language;
    `raw` has the server's own words. `remedy` is a fix that can be done at the spot, where there is one."""

    rule: str
    severity: Severity
    subject: Subject
    finding: Text = msgspec.field(name="message")
    advice: Text = msgspec.field(name="hint", default="")
    source: str = "local"
    page: Page = Page.summary
    raw: str = ""
    about: ObjectId | None = None
    remedy: Fix | None = None

    @property
    def message(self) -> str:
        """The finding in the reader's language of this moment."""
        return render(self.finding)

    @property
    def hint(self) -> str:
        """The advice in the reader's language of this moment."""
        return render(self.advice)

    @property
    def fix(self) -> str:
        """The remedy's name; empty where there is none."""
        return self.remedy.name if self.remedy is not None else ""

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.block

    @property
    def statement(self) -> Text:
        """Finding and advice after each other."""
        return sentences(self.finding, self.advice)

    def sentence(self) -> str:
        """Message and hint as one text."""
        return f"{self.message} {self.hint}".strip()

    def as_json(self) -> dict[str, object]:
        """The form that the command line promises."""
        return {
            "rule": self.rule,
            "severity": self.severity.name,
            "subject": {"class": self.subject.cls, "uuid": self.subject.uuid, "name": self.subject.name},
            "message": self.message,
            "hint": self.hint,
            "facts": {"message": facts(self.finding), "hint": facts(self.advice)},
            "fix": self.fix,
            "source": self.source,
            **({"raw": self.raw} if self.raw else {}),
        }


def worst(problems: "list[Problem] | tuple[Problem, ...]") -> Severity | None:
    """The greatest severity among them; None if there is none."""
    return max((p.severity for p in problems), default=None)
