"""The header of the right side: what is selected, where it is, and what most people want to do with it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from xsmigui.core.pages.headers import Place
from xsmigui.core.refs import ObjectId
from xsmigui.core.text import _
from xsmigui.ui.icons import Icons
from xsmigui.ui.links import Link, clear
from xsmigui.ui.style import STEP, named, primary
from xsmigui.ui.words import Label, Paragraph, Picture, explain, heading


class Notice(QFrame):
    """A line on a connection that was lost, with what can be done about it."""

    def __init__(self, icons: Icons, on_try: Callable[[], None]) -> None:
        super().__init__()
        named(self, "connectionNotice", _("Connection"))
        self.setFrameShape(QFrame.Shape.StyledPanel)
        sign = Picture()
        sign.setPixmap(icons("warn").pixmap(16, 16))
        self.words = Paragraph()
        self.words.setObjectName("connectionWords")
        self.button = QPushButton(_("Try now"))
        named(self.button, "tryNowButton", _("Connect now"))
        self.button.clicked.connect(on_try)
        line = QHBoxLayout(self)
        line.setContentsMargins(STEP, STEP // 2, STEP // 2, STEP // 2)
        line.setSpacing(STEP)
        line.addWidget(sign)
        line.addWidget(self.words, 1)
        line.addWidget(self.button)
        self.hide()

    def show_words(self, words: str, can_try: bool) -> None:
        """Nothing is shown where there are no words."""
        self.words.setText(words)
        self.button.setEnabled(can_try)
        self.setVisible(bool(words))


class Header(QWidget):
    """Icon, name, state, the main action, and all others behind ⋯; below, what holds the object and a line on it. Its
    height is the same for every object."""

    def __init__(
        self,
        icons: Icons,
        on_main: Callable[[], None],
        on_try: Callable[[], None],
        fill_menu: Callable[[QMenu], None],
        on_follow: Callable[[ObjectId], object],
    ) -> None:
        super().__init__()
        self._icons = icons
        self._on_follow = on_follow
        self._trail: tuple[Place, ...] = ()
        self._mode = QIcon.Mode.Normal
        self.icon = Picture()
        self.icon.setFixedWidth(24)
        self.name = heading("", 4)
        self.name.setObjectName("objectName")
        self.place = Label(is_dim=True)
        self.place.setObjectName("objectState")
        self.place.is_sentence = True
        self.migrate = primary(QPushButton(_("Migrate…")))
        self.migrate.setDefault(False)
        self.migrate.setObjectName("migrateButton")
        self.migrate.clicked.connect(on_main)
        self.more = QToolButton()
        self.more.setText("⋯")
        named(self.more, "moreButton", _("More actions"))
        self.more.setToolTip(_("More actions"))
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        menu = QMenu(self.more)
        menu.setObjectName("moreMenu")
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: fill_menu(menu))
        self.more.setMenu(menu)
        self.more.setStyleSheet("QToolButton::menu-indicator { image: none; } QToolButton { padding: 4px 10px; }")
        self.move_line = Label()
        self.move_line.setObjectName("canMoveLine")
        self.move_line.is_sentence = True
        self.trail = QWidget()
        named(self.trail, "objectTrail", _("Where it belongs"))
        links = QHBoxLayout(self.trail)
        links.setContentsMargins(0, 0, 0, 0)
        links.setSpacing(STEP // 2)
        self.trail.hide()
        self.notice = Notice(icons, on_try)
        top = QHBoxLayout()
        top.setSpacing(STEP)
        top.addWidget(self.icon)
        top.addWidget(self.name)
        top.addWidget(self.place, 1)
        top.addWidget(self.migrate)
        top.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(STEP // 2)
        layout.addLayout(top)
        below = QHBoxLayout()
        below.setSpacing(2 * STEP)
        below.addWidget(self.trail)
        below.addWidget(self.move_line, 1)
        layout.addLayout(below)
        layout.addWidget(self.notice)
        self._even()

    def _even(self) -> None:
        """Give the first line one height, whatever stands in it, and the second one too."""
        height = max(self.migrate.sizeHint().height(), self.more.sizeHint().height(), self.name.sizeHint().height())
        for widget in (self.migrate, self.more, self.name):
            widget.setFixedHeight(height)
        self.move_line.setFixedHeight(self.move_line.fontMetrics().height() + 4)

    def changeEvent(self, event: QEvent) -> None:
        """Another font has another height."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange and hasattr(self, "move_line"):
            self._even()

    def show_object(
        self, icon: QIcon, name: str, state: str, trail: tuple[Place, ...] = (), is_known: bool = True
    ) -> None:
        """`is_known` is False where it is the last known state: then no picture shines as if it were of now."""
        mode = QIcon.Mode.Normal if is_known else QIcon.Mode.Disabled
        self.icon.setPixmap(icon.pixmap(24, 24, mode))
        self.name.setText(name)
        self.place.setText(state)
        if (trail, mode) != (self._trail, self._mode):
            self._trail, self._mode = trail, mode
            self._show_trail()

    def _show_trail(self) -> None:
        clear(self.trail)
        layout = self.trail.layout()
        assert layout is not None
        for number, place in enumerate(self._trail):
            if number:
                layout.addWidget(Label("›", is_dim=True))
            follow = lambda key=place.key: self._on_follow(key)  # noqa: E731
            icon = QIcon(self._icons(place.icon).pixmap(16, 16, self._mode))
            layout.addWidget(Link("trailLink", place.name, follow, icon))
        self.trail.setVisible(bool(self._trail))

    def offer(self, text: str, why_not: str) -> None:
        """The main action: its text, empty where there is none, and why it cannot be done."""
        self.migrate.setVisible(bool(text))
        self.migrate.setText(text)
        self.migrate.setEnabled(not why_not)
        explain(self.migrate, why_not)

    def say_whether_it_moves(self, sentence: str, reasons: str) -> None:
        """The line stays where there is nothing to say, so that nothing below it jumps."""
        self.move_line.setText(sentence)
        self.move_line.explain(reasons)
