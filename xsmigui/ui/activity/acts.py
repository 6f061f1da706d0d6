"""What may be done with a line of Activity, in words, and the buttons for it."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from PySide6.QtWidgets import QPushButton

from xsmigui.core.text import N_, _, printable
from xsmigui.ui.activity.lines import Line
from xsmigui.ui.style import named
from xsmigui.ui.words import explain


class Act(StrEnum):
    """What may be done with a line."""

    cancel = "cancel"
    proceed = "proceed"
    first = "first"
    hold = "hold"
    take_over = "takeOver"
    retry = "retry"
    go_to = "goTo"
    details = "details"
    leftovers = "leftovers"
    forget = "forget"
    report = "report"
    copy = "copy"


WORDS: Final = {
    Act.cancel: N_("Cancel"),
    Act.proceed: N_("Continue"),
    Act.first: N_("Start next"),
    Act.hold: N_("Hold"),
    Act.take_over: N_("Take over"),
    Act.retry: N_("Retry…"),
    Act.go_to: N_("Go to"),
    Act.details: N_("Details…"),
    Act.leftovers: N_("Leftovers…"),
    Act.forget: N_("Forget…"),
    Act.report: N_("Save a report…"),
    Act.copy: N_("Copy"),
}

TIPS: Final = {
    Act.cancel: N_("Cancel it and leave the VM where it is"),
    Act.proceed: N_("Start it as soon as there is a free slot"),
    Act.first: N_("Put it first in the queue"),
    Act.hold: N_("Put it on hold"),
    Act.take_over: N_("Carry it out in this window, with everything else that continues without one"),
    Act.retry: N_("Open the wizard on it with the same choices"),
    Act.go_to: N_("Select its VM in the tree"),
    Act.details: N_("Where it is, what the server answered, and what can be done next"),
    Act.leftovers: N_("Show the disks that failed migrations have left"),
    Act.forget: N_("Remove it from the journal; nothing changes on the servers"),
    Act.report: N_("Save a page on this job: what became of each VM, and what was compared"),
    Act.copy: N_("Copy this line as text"),
}

MENU_ONLY: Final = (Act.report, Act.copy, Act.leftovers)
"""What stands in a line's menu alone."""


def acts(line: Line) -> tuple[Act, ...]:
    """What may be done with a line, what helps most first."""
    may = {
        Act.cancel: line.cancel,
        Act.proceed: line.proceed,
        Act.first: line.order,
        Act.hold: line.order,
        Act.take_over: line.take_over,
        Act.retry: line.retry,
        Act.go_to: line.find,
        Act.details: line.details,
        Act.leftovers: line.leftovers,
        Act.forget: line.forget,
        Act.report: line.report,
        Act.copy: True,
    }
    return tuple(act for act, yes in may.items() if yes)


class Buttons:
    """A button for each act; `offer` shows those of a line."""

    def __init__(self, name: str, do: Callable[[Act], None]) -> None:
        """`name` begins the buttons' object names."""
        self.all = {act: self._button(name, act, do) for act in Act}

    def _button(self, name: str, act: Act, do: Callable[[Act], None]) -> QPushButton:
        button = QPushButton(_(WORDS[act]))
        named(button, f"{name}{act[0].upper()}{act[1:]}Button", _(WORDS[act]))
        explain(button, _(TIPS[act]))
        button.clicked.connect(lambda: do(act))
        button.hide()
        return button

    def offer(self, line: Line | None) -> None:
        may = acts(line) if line is not None else ()
        for act, button in self.all.items():
            button.setVisible(act in may and act not in MENU_ONLY)
            if line is not None and act in may:
                button.setAccessibleName(printable(f"{_(WORDS[act])}: {line.title}"))
