"""Order and times of a batch: when each VM moves and why not earlier, the order changed by hand, and times of day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import shiboken6
from PySide6.QtCore import QDateTime, QItemSelectionModel, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QGridLayout, QHBoxLayout, QPushButton, QTableView, QWidget

from xsmigui.core.messages import render
from xsmigui.core.migration.draft import Draft
from xsmigui.core.migration.evaluation import Evaluation
from xsmigui.core.migration.waves import Turn, moved, turns
from xsmigui.core.refs import MoverRef
from xsmigui.core.text import _
from xsmigui.core.units import duration, moment, size
from xsmigui.services.jobs import Jobs
from xsmigui.ui.columns import Columns
from xsmigui.ui.dialogs.base import Sheet
from xsmigui.ui.fields import Check, When
from xsmigui.ui.models.table import Column, RowsModel
from xsmigui.ui.screens import sized
from xsmigui.ui.style import STEP, named, plain_table, primary
from xsmigui.ui.words import explain, hint

Choose = Callable[[Callable[[Draft], Draft]], None]

STARTS: Final = 3
"""The column of the starts."""

SOON: Final = 60.0
"""Seconds under which a start is "at once"."""


def _aware(when: QDateTime) -> datetime:
    return datetime.fromtimestamp(when.toSecsSinceEpoch(), UTC)


def _brief(time: datetime) -> str:
    """The time of day alone, where that is today."""
    local = time.astimezone()
    return (
        f"{local:%H:%M}"
        if local.date() == datetime.now(UTC).astimezone().date()
        else moment(time.astimezone(UTC).isoformat())
    )


class ScheduleButton(QPushButton):
    """Opens the dialog, and says what has been chosen in it."""

    def __init__(self, choose: Choose, jobs: Jobs) -> None:
        super().__init__(_("Order and times…"))
        named(self, "scheduleButton", _("Order and times"))
        self.setAutoDefault(False)
        self._choose = choose
        self._jobs = jobs
        self._evaluation: Evaluation | None = None
        self.sheet: ScheduleDialog | None = None
        self.clicked.connect(self._open)

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show what is chosen."""
        self._evaluation = evaluation
        draft = evaluation.draft
        self.setVisible(bool(evaluation.resolved.moves))
        said = []
        if draft.not_before is not None:
            said.append(_("Starts at {time}.", time=moment(draft.not_before.astimezone(UTC).isoformat())))
        if draft.pause_at is not None:
            said.append(
                _("Starts nothing more from {time} on.", time=moment(draft.pause_at.astimezone(UTC).isoformat()))
            )
        explain(self, " ".join(said) or _("See when each VM moves, change the order, and choose times"))
        if self.sheet is not None and shiboken6.isValid(self.sheet):
            self.sheet.show_evaluation(evaluation)

    def _open(self) -> None:
        if self._evaluation is None:
            return
        self.sheet = ScheduleDialog(self.window(), self._choose, self._jobs)
        self.sheet.show_evaluation(self._evaluation)
        self.sheet.open()


class ScheduleDialog(Sheet):
    """The turns of a batch. What is chosen counts at once, like everything in the wizard."""

    def __init__(self, parent: QWidget, choose: Choose, jobs: Jobs) -> None:
        super().__init__(parent, _("Order and times"), "scheduleDialog")
        self._choose = choose
        self._jobs = jobs
        self._draft: Draft | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sized(self, 900, 520)
        self.note = hint()
        self.note.setObjectName("scheduleNote")
        self.note.setText(_("Times are estimates. A VM that cannot start, or fails, does not stop the others."))
        self.body.addWidget(self.note)
        columns: list[Column[tuple[int, Turn, int]]] = [
            Column(_("Turn"), lambda row: str(row[0] + 1), lambda row: row[0], right=True),
            Column(_("VM"), lambda row: row[1].name),
            Column(_("Disks that move"), lambda row: size(row[2]) if row[2] else "–", lambda row: row[2], right=True),
            Column(_("Starts"), lambda row: self._start_of(row[1]), lambda row: row[1].begins),
            Column(_("Why not earlier"), lambda row: render(row[1].reason) or "–", sentence=True),
        ]
        self.rows: RowsModel[tuple[int, Turn, int]] = RowsModel(columns, lambda row: row[1].vm, self)
        self.table = QTableView()
        named(self.table, "turnsTable", _("Turns of the VMs"))
        plain_table(self.table)
        self.table.setModel(self.rows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        Columns(self.table, least={STARTS: 18 * STEP})
        self.body.addWidget(self.table, 1)
        self.body.addLayout(self._build_order())
        self.body.addLayout(self._build_times())
        close = primary(QPushButton(_("Close")))
        close.setObjectName("closeButton")
        close.clicked.connect(self.accept)
        self.buttons.addButton(close, self.buttons.ButtonRole.AcceptRole)
        self.body.addWidget(self.buttons)
        self.table.setFocus()

    def _build_order(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(STEP)
        self.order = {}
        for name, words, keys, steps in (
            ("firstButton", _("&First"), "Alt+Home", -(10**6)),
            ("earlierButton", _("&Earlier"), "Alt+Up", -1),
            ("laterButton", _("La&ter"), "Alt+Down", 1),
        ):
            button = QPushButton(words)
            named(button, name, words.replace("&", ""))
            button.setAutoDefault(False)
            explain(button, keys)
            button.clicked.connect(lambda _checked=False, steps=steps: self.shift(steps))
            QShortcut(QKeySequence(keys), self, lambda steps=steps: self.shift(steps))
            line.addWidget(button)
            self.order[name] = button
        line.addStretch(1)
        return line

    def _build_times(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(STEP)
        self.times: dict[str, tuple[Check, When]] = {}
        for row, (name, words) in enumerate(
            (("notBefore", _("&Start at")), ("pauseAt", _("Start &nothing more from")))
        ):
            check, when = Check(words), When(f"{name}Edit", words.replace("&", ""))
            named(check, f"{name}Check", words.replace("&", ""))
            when.setEnabled(False)
            check.toggled.connect(when.setEnabled)
            check.toggled.connect(lambda _on: self._time())
            when.dateTimeChanged.connect(lambda _at: self._time())
            grid.addWidget(check, row, 0)
            grid.addWidget(when, row, 1)
            self.times[name] = check, when
        grid.setColumnStretch(2, 1)
        return grid

    # What is shown.

    def show_evaluation(self, evaluation: Evaluation) -> None:
        """Show the turns of what is chosen now."""
        self._draft = draft = evaluation.draft
        moves = evaluation.resolved.moves
        sizes = {m.ref: sum(m.source.VDI[d].virtual_size for d in m.moving) for m in moves}
        chosen = set(self.selected())
        found = turns(moves, draft.at_once, self._jobs.limit, ahead=self._jobs.ahead(draft.source))
        self.rows.show([(n, turn, sizes[turn.vm]) for n, turn in enumerate(found)])
        if not chosen and self.rows.rowCount():
            self.table.selectRow(0)
        for name, time in (("notBefore", draft.not_before), ("pauseAt", draft.pause_at)):
            self._show_time(name, time)
        for button in self.order.values():
            button.setEnabled(self.rows.rowCount() > 1)

    def _show_time(self, name: str, time: datetime | None) -> None:
        check, when = self.times[name]
        for widget in (check, when):
            widget.blockSignals(True)
        check.setChecked(time is not None)
        when.setEnabled(time is not None)
        if time is not None:
            when.setDateTime(QDateTime.fromSecsSinceEpoch(int(time.timestamp())))
        elif not when.hasFocus():
            when.setDateTime(self._proposed(name))
        for widget in (check, when):
            widget.blockSignals(False)

    def _proposed(self, name: str) -> QDateTime:
        """Tonight at ten, and tomorrow at six."""
        start, now = QDateTime.currentDateTime(), QDateTime.currentDateTime()
        hours = {"notBefore": 22, "pauseAt": 6}[name]
        start.setTime(start.time().fromString(f"{hours:02}:00", "HH:mm"))
        return start if start > now else start.addDays(1)

    def _start_of(self, turn: Turn) -> str:
        draft = self._draft
        if turn.after_others:
            return _("not known yet")
        now = datetime.now(UTC)
        start = draft.not_before if draft is not None and draft.not_before is not None else None
        begins = max(start or now, now) + timedelta(seconds=turn.begins)
        if draft is not None and draft.pause_at is not None and begins >= draft.pause_at:
            return _("≈ after the pause: on hold")
        if start is not None and start > now:
            return _brief(begins) if turn.begins < SOON else f"≈ {_brief(begins)}"
        return _("at once") if turn.begins < SOON else _("≈ in {time}", time=duration(turn.begins))

    # What the operator does.

    def selected(self) -> list[MoverRef]:
        """The VMs whose rows are selected."""
        return [self.rows.row(index.row())[1].vm for index in self.table.selectionModel().selectedRows()]

    def shift(self, steps: int) -> None:
        """Let the selected VMs move earlier (negative) or later by so many turns."""
        vms = self.selected()
        order = [self.rows.row(n)[1].vm for n in range(self.rows.rowCount())]
        if self._draft is None or not vms:
            return
        wanted = moved(order, vms, steps)
        self._choose(lambda draft: draft.ordered(wanted))
        self._select(vms)

    def _select(self, vms: Sequence[MoverRef]) -> None:
        model = self.table.selectionModel()
        model.clearSelection()
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for number in range(self.rows.rowCount()):
            if self.rows.row(number)[1].vm in vms:
                model.select(self.rows.index(number, 0), flags)

    def _time(self) -> None:
        chosen = {
            name: _aware(when.dateTime()) if check.isChecked() else None for name, (check, when) in self.times.items()
        }
        start, pause = chosen["notBefore"], chosen["pauseAt"]
        if start is not None and pause is not None and pause <= start:  # a night ends after it has begun
            pause += timedelta(days=(start - pause).days + 1)
        self._choose(lambda draft: draft.timed(start, pause))
