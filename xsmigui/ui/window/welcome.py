"""What the right side shows where no object is: the first steps, or a server that is not connected."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from xsmigui.core.text import _
from xsmigui.ui.style import STEP, named, primary
from xsmigui.ui.words import heading, hint


class WelcomePage(QWidget):
    """A word, and what to begin with. Without `on_demo` no demo is offered: the window is one."""

    def __init__(
        self,
        on_add: Callable[[], object],
        on_try: Callable[[], object],
        on_demo: Callable[[], object] | None,
        on_guide: Callable[[], object],
    ) -> None:
        super().__init__()
        self.title = heading(_("Add a server to begin"))
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words = hint()
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.add = primary(QPushButton(_("Add a server…")))
        named(self.add, "welcomeAddButton", _("Add a server"))
        self.add.clicked.connect(on_add)
        self.connect_now = primary(QPushButton(_("Try now")))
        named(self.connect_now, "connectNowButton", _("Connect now"))
        self.connect_now.clicked.connect(on_try)
        self.demo = QPushButton(_("Open the demo"))
        named(self.demo, "welcomeDemoButton", _("Open the demo"))
        self.demo.setToolTip(_("A window of its own with two simulated pools, in which nothing is real"))
        if on_demo is not None:
            self.demo.clicked.connect(on_demo)
        self._has_demo = on_demo is not None
        self.guide = QPushButton(_("Read the guide"))
        named(self.guide, "welcomeGuideButton", _("Read the guide"))
        self.guide.clicked.connect(on_guide)
        layout = QVBoxLayout(self)
        layout.setSpacing(STEP)
        layout.addStretch(1)
        layout.addWidget(self.title)
        layout.addWidget(self.words)
        for button in (self.add, self.connect_now, self.demo, self.guide):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        self.show_nothing(False)

    def show_nothing(self, has_servers: bool) -> None:
        """Nothing is selected. The demo brings its own servers, which take a moment on a slow computer."""
        first = _(
            "Type the address of a pool's coordinator or of a standalone host. Its VMs and SRs then appear on the left."
        )
        if has_servers:
            title, words = _("Select something on the left"), ""
        elif self._has_demo:
            title, words = _("Add a server to begin"), first
        else:
            title = _("The demo's servers appear on the left")
            words = _("They take a moment to start. Then select a running VM and choose Migrate…")
        self.title.setText(title)
        self.words.setText(words)
        self._offer(add=not has_servers)

    def show_waiting(self, title: str, detail: str, can_try: bool) -> None:
        """A server that is not connected is selected."""
        self.title.setText(title)
        self.words.setText(detail)
        self._offer(connect=can_try)

    def _offer(self, add: bool = False, connect: bool = False) -> None:
        self.words.setVisible(bool(self.words.text()))
        self.add.setVisible(add and self._has_demo)
        self.demo.setVisible(add and self._has_demo)
        self.guide.setVisible(add)
        self.connect_now.setVisible(connect)
