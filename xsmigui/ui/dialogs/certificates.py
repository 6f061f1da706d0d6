"""The decision about a server's certificate."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from xsmigui.core.connecting import old_encryption, place
from xsmigui.core.failures import Certificate, CertificateChanged, CertificateUnknown
from xsmigui.core.text import _
from xsmigui.core.units import day
from xsmigui.ui.dialogs.base import Sheet, opened
from xsmigui.ui.style import STEP
from xsmigui.ui.words import Label, Paragraph

IN_A_LINE = 8
"""Bytes of a fingerprint in a line: so many are compared by eye without losing the place."""


async def ask_trust(parent: QWidget | None, failure: CertificateUnknown | CertificateChanged) -> bool:
    """Whether to trust this certificate. The safe answer is the default."""
    changed = isinstance(failure, CertificateChanged)
    title = _("The certificate has changed") if changed else _("Unknown certificate")
    sheet = Sheet(parent, title, "certificateDialog")
    sheet.setMinimumWidth(560)
    if isinstance(failure, CertificateChanged):
        sheet.text(
            _(
                "{url} presents a different certificate from the one that you trusted. This happens when a host"
                " is reinstalled or its certificate is renewed; it also happens when somebody else answers in "
                "its place.",
                url=place(failure),
            )
        )
        fingerprints = {_("Trusted so far"): failure.trusted, _("Shown now"): failure.fingerprint}
    else:
        sheet.text(
            _(
                "{url} presents a certificate that is not trusted yet. Compare its fingerprint with the one on "
                "the host's console; no password is sent before you decide.",
                url=place(failure),
            )
        )
        if failure.is_old:
            sheet.text(old_encryption())
        fingerprints = {"": failure.fingerprint}
    sheet.body.addLayout(_table(fingerprints, failure.about))
    go = _("Trust the new certificate") if changed else _("Trust this certificate")
    sheet.finish(go, _("Don't connect"), "trustButton", dangerous=True)
    layout = sheet.layout()
    if layout is not None:  # a width of our own would stand in the way of what the layout needs with this font
        sheet.setMinimumWidth(max(sheet.minimumWidth(), layout.totalMinimumSize().width()))
    return await opened(sheet) == QDialog.DialogCode.Accepted


def _table(fingerprints: dict[str, str], about: Certificate) -> QGridLayout:
    """The fingerprints side by side in fixed type, and below the one that is shown what it says of itself."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(3 * STEP)
    grid.setVerticalSpacing(STEP // 2)
    grid.setColumnStretch(len(fingerprints) + 1, 1)
    fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    name = Label(_("Fingerprint (SHA-256)"), is_dim=True)
    name.setMinimumWidth(name.sizeHint().width())
    grid.addWidget(name, 1, 0, Qt.AlignmentFlag.AlignTop)
    for column, (title, fingerprint) in enumerate(fingerprints.items(), 1):
        if title:
            grid.addWidget(Label(title, is_dim=True), 0, column)
        shown = Paragraph(_lines(fingerprint), selectable=True)
        shown.setFont(fixed)
        shown.setWordWrap(False)
        lines = shown.text().split("\n")
        shown.setMinimumWidth(max(shown.fontMetrics().horizontalAdvance(line) for line in lines) + STEP)
        shown.setObjectName("fingerprint")
        shown.setAccessibleName(f"{title} {fingerprint}".strip())
        grid.addWidget(shown, 1, column)
    rows = (
        (_("Subject"), about.subject),
        (_("Issued by"), about.issuer if about.issuer != about.subject else about.issuer and _("itself")),
        (_("Valid from"), day(about.since)),
        (_("Valid until"), day(about.until)),
    )
    for row, (label, value) in enumerate(((label, value) for label, value in rows if value), 2):
        grid.addWidget(Label(label, is_dim=True), row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(Paragraph(value, selectable=True), row, 1, 1, len(fingerprints) + 1)
    return grid


def _lines(fingerprint: str) -> str:
    """A fingerprint in lines that can be compared by eye."""
    parts = fingerprint.split(":")
    return ":\n".join(":".join(parts[start : start + IN_A_LINE]) for start in range(0, len(parts), IN_A_LINE))
