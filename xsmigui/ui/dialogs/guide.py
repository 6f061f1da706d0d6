"""The operators' guide, in the program's language."""

from PySide6.QtWidgets import QTextBrowser, QWidget

from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import Sheet
from xsmigui.ui.style import named, primary


class GuideDialog(Sheet):
    """The guide's text, to read beside the work: the dialog does not keep the window from being used."""

    def __init__(self, parent: QWidget | None, markdown: str) -> None:
        super().__init__(parent, _("Operators' guide"), "guideDialog")
        self.heading.hide()  # the text has its own
        self.resize(760, 640)
        self.view = QTextBrowser()
        named(self.view, "guideView", _("Operators' guide"))
        self.view.setOpenLinks(False)
        self.view.setMarkdown(markdown)
        self.body.addWidget(self.view, 1)
        close = self.buttons.addButton(_("Close"), self.buttons.ButtonRole.RejectRole)
        close.setObjectName("closeButton")
        primary(close)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)
