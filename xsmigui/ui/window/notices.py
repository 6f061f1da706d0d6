"""A word about a job that has ended while the operator works in another window."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from xsmigui.core.job_texts import job_text
from xsmigui.core.jobs import Job, State
from xsmigui.core.text import _, middle, n_, printable
from xsmigui.ui.icons import Icons
from xsmigui.ui.scope import Scope

LONGEST: Final = 160
"""Letters of a notification."""

PLAIN: Final = str.maketrans({"<": "‹", ">": "›", "&": "＆"})
"""Desktops take the text of a notification for markup (Desktop Notifications Specification 1.2, body-markup), some do
not: letters that look alike are right for both."""


def notice(job: Job) -> tuple[str, str]:
    """The title and the text about a job that has ended."""
    count = len(job.vms)
    if count == 1:
        what = job.vms[0].move.vm.name
    else:
        what = n_("{n} VM → {goal}", "{n} VMs → {goal}", count, goal=job.plan.target.name)
    ends = Counter(vm.state for vm in job.vms)
    how = job_text(job.state) if count == 1 else " · ".join(f"{n} {job_text(state)}" for state, n in ends.items())
    well = all(vm.state is State.done for vm in job.vms)
    title = _("The job is done") if well else _("A job needs attention")
    return title, middle(printable(f"{what}: {how}"), LONGEST).translate(PLAIN)


class Notices(QObject):
    """Calls the operator: the task bar's alert, and the desktop's notification where it has a place for one. A click
    on that brings the window to the front, at the job."""

    def __init__(
        self,
        window: QWidget,
        icons: Icons,
        scope: Scope,
        notify: Callable[[str, str, str], Awaitable[bool]],
        reveal: Callable[[str], object],
    ) -> None:
        """`notify` shows a notification of the desktop without a tray; `reveal` shows a job in the window."""
        super().__init__(window)
        self._window = window
        self._icons = icons
        self._scope = scope
        self._on_desktop = notify
        self._reveal = reveal
        self._tray: QSystemTrayIcon | None = None
        self._last = ""
        self._told: set[str] = set()

    def job_changed(self, job: Job) -> None:
        """Once for each job that ends while another window is in front."""
        if not job.has_ended:
            self._told.discard(job.id)
            return
        if job.id in self._told:
            return
        self._told.add(job.id)
        if not self._is_behind():
            return
        QApplication.alert(self._window)
        self._scope.spawn(self._notify(*notice(job), job.id))

    def _is_behind(self) -> bool:
        return QApplication.activeWindow() is None

    async def _notify(self, title: str, text: str, job: str) -> None:
        if await self._on_desktop(title, text, job):
            return
        if not QSystemTrayIcon.isSystemTrayAvailable() or not QSystemTrayIcon.supportsMessages():
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(self._icons("pool"), self)
            self._tray.messageClicked.connect(lambda: self.come(self._last))
        self._last = job
        self._tray.show()  # a message needs a place in the tray
        self._tray.showMessage(title, text, self._icons("pool"))

    def come(self, job: str) -> None:
        """Bring the window to the front, at this job."""
        self._window.setWindowState(self._window.windowState() & ~Qt.WindowState.WindowMinimized)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()
        self._reveal(job)
