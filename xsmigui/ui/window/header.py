"""The header of the right side: what is selected, where it is, and what most people want to do with it."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from xsmigui.core.text import _
from xsmigui.ui.icons import Icons
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
    """Icon, name, place, the main action, and all others behind ⋯. Its height is the same for every object."""

    def __init__(
        self,
        icons: Icons,
        on_migrate: Callable[[], None],
        on_try: Callable[[], None],
        fill_menu: Callable[[QMenu], None],
    ) -> None:
        super().__init__()
        self.icon = Picture()
        self.icon.setFixedWidth(24)
        self.name = heading("", 4)
        self.name.setObjectName("objectName")
        self.place = Label(is_dim=True)
        self.place.setObjectName("objectState")
        self.migrate = primary(QPushButton(_("Migrate…")))
        self.migrate.setDefault(False)
        self.migrate.setObjectName("migrateButton")
        self.migrate.clicked.connect(on_migrate)
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
        layout.addWidget(self.move_line)
        layout.addWidget(self.notice)
        height = self.migrate.sizeHint().height()
        self.migrate.setFixedHeight(height)
        self.more.setFixedHeight(height)
        self.name.setMinimumHeight(height)

    def show_object(self, icon: QIcon, name: str, place: str) -> None:
        self.icon.setPixmap(icon.pixmap(24, 24))
        self.name.setText(name)
        self.place.setText(place)

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
