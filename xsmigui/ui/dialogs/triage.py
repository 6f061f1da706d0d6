"""What became of a VM whose job did not succeed, and the next steps, one click each."""

from PySide6.QtWidgets import QDialog, QPlainTextEdit, QPushButton, QWidget

from xsmigui.core.text import _, printable
from xsmigui.core.triage import WORDS, Do, Triage, step_sentence, where_text
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.style import STEP, named, primary
from xsmigui.ui.words import Paragraph


class TriageDialog(Sheet):
    """`chosen` is the step that the operator wants, None while there is none."""

    def __init__(self, parent: QWidget | None, title: str, message: str, found: Triage) -> None:
        super().__init__(parent, title, "triageDialog")
        self.setMinimumWidth(560)
        self.chosen: Do | None = None
        self._found = found
        self.steps: dict[Do, QPushButton] = {}
        self.text(message, selectable=True).setObjectName("messageText")
        if where := where_text(found):
            self.text(where, selectable=True).setObjectName("whereText")
        if found.words:
            error = QPlainTextEdit(printable("\n".join(found.words), "\n"))
            named(error, "rawError", _("The server's answer"))
            error.setReadOnly(True)
            error.setMaximumHeight(8 * STEP)
            self.body.addWidget(error)
        for number, do in enumerate(found.steps, 1):
            self._offer(number, do)
        close = self.buttons.addButton(_("Close"), self.buttons.ButtonRole.RejectRole)
        close.setObjectName("closeButton")
        primary(close)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)
        close.setFocus()

    def _offer(self, number: int, do: Do) -> None:
        sentence = step_sentence(do, self._found.undo)
        self.body.addWidget(Paragraph(f"{number}. {sentence}"))
        button = QPushButton(_(WORDS[do]))
        name = "".join(part.capitalize() for part in do.split("-"))
        named(button, f"triage{name}Button", printable(f"{_(WORDS[do])}: {sentence}"))
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self._choose(do))
        self.steps[do] = button
        self.body.addWidget(button)

    def _choose(self, do: Do) -> None:
        self.chosen = do
        self.accept()


async def choose_step(parent: QWidget | None, title: str, message: str, found: Triage) -> Do | None:
    """Show it and wait; the step that was chosen, None if none was."""
    dialog = TriageDialog(parent, title, message, found)
    answer = await opened(dialog)
    return dialog.chosen if answer == QDialog.DialogCode.Accepted else None
