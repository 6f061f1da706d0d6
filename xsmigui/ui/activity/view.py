"""Activity: what our jobs do, what others run on the servers, and how everything ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from xsmigui.core.capacity import AT_ONCE
from xsmigui.core.inventory import Inventory
from xsmigui.core.jobs import Job, State, VmJob, step_text, title
from xsmigui.core.text import _, n_, printable
from xsmigui.core.units import duration, percent
from xsmigui.ui.fields import Spin
from xsmigui.ui.icons import Icons
from xsmigui.ui.style import STEP, named
from xsmigui.ui.words import Label, Paragraph, Picture, caption

ICONS: Final = {
    State.waiting: "pending",
    State.running: "vm-moving",
    State.lost: "warn",
    State.done: "done",
    State.failed: "block",
    State.cancelled: "cancel",
    State.interrupted: "warn",
}

FOREIGN: Final = ("pool_migrate", "migrate_send", "evacuate", "VDI.copy", "VM.copy")
"""Marks of tasks of other clients that are worth a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the view. `progress` is None where there is nothing to draw."""

    key: tuple[str, str]
    icon: str
    title: str
    state: str
    times: str
    progress: float | None
    running: bool
    message: str = ""
    cancel: str = ""
    details: bool = False
    waiting: bool = False
    held: bool = False


def job_lines(job: Job, now: datetime) -> list[Line]:
    """A job's lines, a VM each."""
    lines = []
    for index, vm in enumerate(job.vms):
        running = vm.state in (State.running, State.lost)
        state = step_text(vm)
        if running and vm.progress is not None and vm.state is State.running:
            state = f"{state} {percent(vm.progress)}"
        cancel = ""
        if not vm.state.has_ended and vm.cancellable and not vm.cancelling:
            cancel = _("Cancel")
        lines.append(
            Line(
                (job.id, str(index)),
                ICONS[vm.state],
                title(vm),
                state,
                times(vm, now),
                vm.progress if running else None,
                running,
                vm.message,
                cancel,
                bool(vm.problems),
                vm.state is State.waiting,
                vm.held,
            )
        )
    return lines


def times(vm: VmJob, now: datetime) -> str:
    """How long it has taken, and how long it will still take, as far as that can be told."""
    if vm.started is None:
        return ""
    passed = duration(((vm.ended or now) - vm.started).total_seconds())
    left = vm.remaining(now) if not vm.state.has_ended else None
    return f"{passed} · ≈ {duration(left)}" if left is not None else passed


def foreign_lines(inventory: Inventory, is_ours: Callable[[str], bool]) -> list[Line]:
    """What other clients move on a pool."""
    lines = []
    for ref, task in inventory.task.items():
        if task.status != "pending" or is_ours(ref) or task.subtask_of in inventory.task:
            continue
        if not any(mark in task.name_label for mark in FOREIGN):
            continue
        names = [vm.name_label for vm in inventory.VM.values() if ref in vm.current_operations]
        name = ", ".join([*names, task.name_label])
        state = _("another client · {pool}", pool=inventory.name)
        lines.append(Line(("task", ref), "pending", name, state, "", task.progress, True))
    return lines


def headline(jobs: list[Job]) -> str:
    """All of it in one line: ``2 running · 3 waiting``."""
    states = [vm.state for job in jobs for vm in job.vms]
    running = sum(1 for s in states if s in (State.running, State.lost))
    waiting = states.count(State.waiting)
    failed = sum(1 for s in states if s in (State.failed, State.interrupted))
    parts = []
    if running:
        parts.append(n_("{n} running", "{n} running", running))
    if waiting:
        parts.append(n_("{n} waiting", "{n} waiting", waiting))
    if failed:
        parts.append(n_("{n} failed", "{n} failed", failed))
    if states and not (running or waiting):
        parts.insert(0, n_("{n} done", "{n} done", states.count(State.done)))
    return " · ".join(parts)


class Order(StrEnum):
    """What the operator may say of a line that waits."""

    hold = "hold"
    proceed = "proceed"
    first = "first"


class _Row(QFrame):
    """One line, as widgets."""

    def __init__(
        self,
        icons: Icons,
        on_cancel: Callable[[], None],
        on_details: Callable[[], None],
        on_order: Callable[[Order], None],
    ) -> None:
        super().__init__()
        self._icons = icons
        self.line: Line | None = None
        self.setObjectName("activityRow")
        self.icon = Picture()
        self.title = Label(wishes=36)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.state = Label(wishes=28)
        self.state.setObjectName("activityState")
        self.times = Label(is_dim=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(20 * STEP)
        self.bar.setMaximumHeight(STEP + 2)
        self.bar.setAccessibleName(_("Progress"))
        self.cancel = QPushButton(_("Cancel"))
        self.cancel.setObjectName("activityCancelButton")
        self.cancel.clicked.connect(on_cancel)
        self.details = QPushButton(_("Details…"))
        self.details.setObjectName("activityDetailsButton")
        self.details.clicked.connect(on_details)
        self.proceed = QPushButton(_("Continue"))
        self.proceed.setObjectName("activityContinueButton")
        self.proceed.clicked.connect(lambda: on_order(Order.proceed))
        self.hold = QPushButton(_("Hold"))
        self.hold.setObjectName("activityHoldButton")
        self.hold.setToolTip(_("Let it wait until you continue it"))
        self.hold.clicked.connect(lambda: on_order(Order.hold))
        self.first = QPushButton(_("Start next"))
        self.first.setObjectName("activityFirstButton")
        self.first.setToolTip(_("Put it before everything else that waits"))
        self.first.clicked.connect(lambda: on_order(Order.first))
        self.message = Paragraph(is_dim=True, selectable=True)
        self.message.setObjectName("activityMessage")
        top = QHBoxLayout()
        top.setSpacing(STEP)
        left: tuple[QWidget, ...] = (self.icon, self.title, self.state)
        orders = (self.first, self.hold, self.proceed)
        right: tuple[QWidget, ...] = (self.times, self.bar, self.details, *orders, self.cancel)
        for widget in left:
            top.addWidget(widget)
        top.addStretch(1)
        for widget in right:
            top.addWidget(widget)
        below = QVBoxLayout(self)
        below.setContentsMargins(STEP, STEP // 2, STEP, STEP // 2)
        below.setSpacing(2)
        below.addLayout(top)
        below.addWidget(self.message)

    def show_line(self, line: Line) -> None:
        if line == self.line:
            return
        if self.line is None or self.line.icon != line.icon:
            self.icon.setPixmap(self._icons(line.icon).pixmap(16, 16))
        self.line = line
        self.title.setText(line.title)
        self.state.setText(line.state)
        self.times.setText(line.times)
        self.bar.setVisible(line.running)
        if line.progress is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(line.progress * 1000))
        self.cancel.setVisible(bool(line.cancel))
        self.details.setVisible(line.details)
        self.first.setVisible(line.waiting and not line.held)
        self.hold.setVisible(line.waiting and not line.held)
        self.proceed.setVisible(line.held)
        self.message.setText(line.message)
        self.message.setVisible(bool(line.message))
        self.setAccessibleName(printable(f"{line.title}: {line.state}"))
        for button in (self.cancel, self.details, self.first, self.hold, self.proceed):
            button.setAccessibleName(printable(f"{button.text()} {line.title}"))


class ActivityView(QWidget):
    """The list of jobs and tasks, the latest first, with one line above that says it all."""

    def __init__(
        self,
        icons: Icons,
        lines: Callable[[], list[Line]],
        summary: Callable[[], str],
        on_cancel: Callable[[Line], None],
        on_details: Callable[[Line], None],
        on_clear: Callable[[], None],
        on_order: Callable[[Line, Order], None],
        on_limit: Callable[[int], None],
        limit: int,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        named(self, "activityView", _("Activity"))
        self._icons = icons
        self._lines = lines
        self._summary = summary
        self._on_cancel = on_cancel
        self._on_details = on_details
        self._on_order = on_order
        self._rows: dict[tuple[str, str], _Row] = {}
        title_label = Label(_("Activity"))
        font = title_label.font()
        font.setBold(True)
        title_label.setFont(font)
        self.summary = Label()
        self.summary.setObjectName("activitySummary")
        self.clear = QPushButton(_("Clear finished"))
        self.clear.setObjectName("clearActivityButton")
        self.clear.clicked.connect(on_clear)
        self.limit = Spin("storageLimit", _("Storage migrations at once"), 1, AT_ONCE)
        self.limit.setValue(limit)
        explanation = _("How many storage migrations may leave a pool at the same time, other clients' counted")
        self.limit.setToolTip(explanation)
        self.limit.valueChanged.connect(on_limit)
        limit_label = caption(_("At &once:"), self.limit)
        head = QHBoxLayout()
        head.setContentsMargins(STEP, STEP // 2, STEP, 0)
        head.setSpacing(STEP)
        head.addWidget(title_label)
        head.addWidget(self.summary)
        head.addStretch(1)
        head.addWidget(limit_label)
        head.addWidget(self.limit)
        head.addWidget(self.clear)
        self._inside = QWidget()
        self._list = QVBoxLayout(self._inside)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self.empty = Paragraph(_("Nothing is under way. Select a VM and choose “Migrate VM wizard…” to move it."))
        self.empty.setObjectName("activityEmpty")
        self.empty.setContentsMargins(STEP, STEP, STEP, STEP)
        self._list.addWidget(self.empty)
        self._list.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self._inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self.refresh)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(100)
        self._soon.timeout.connect(self.refresh)
        self.refresh()

    def refresh_soon(self) -> None:
        """Refresh within a tenth of a second; many changes at once cost one refresh."""
        if not self._soon.isActive():
            self._soon.start()

    def refresh(self) -> None:
        """Show the present lines. The clock ticks only while something runs."""
        lines = self._lines()
        wanted = {line.key for line in lines}
        for key in [key for key in self._rows if key not in wanted]:
            row = self._rows.pop(key)
            self._list.removeWidget(row)
            row.deleteLater()
        for place, line in enumerate(lines):
            row = self._rows.get(line.key) or self._new_row(line.key, place)
            row.show_line(line)
        self.empty.setVisible(not lines)
        self.summary.setText(self._summary())
        self.clear.setVisible(any(not (line.running or line.waiting) and line.key[0] != "task" for line in lines))
        if any(line.running for line in lines):
            self._tick.start()
        else:
            self._tick.stop()

    def _new_row(self, key: tuple[str, str], place: int) -> _Row:
        def line() -> Line:
            found = self._rows[key].line
            assert found is not None
            return found

        row = _Row(
            self._icons,
            lambda: self._on_cancel(line()),
            lambda: self._on_details(line()),
            lambda order: self._on_order(line(), order),
        )
        self._rows[key] = row
        self._list.insertWidget(place, row)
        return row
