"""The operators' guide, in the program's language: a small book, to read beside the work."""

from typing import Any, Final

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage, QTextCursor, QTextDocument
from PySide6.QtWidgets import QSplitter, QTextBrowser, QTreeWidget, QTreeWidgetItem, QWidget

from xsmigui.core.guide import Book, Place
from xsmigui.core.text import _
from xsmigui.ui.dialogs.base import Sheet
from xsmigui.ui.screens import sized
from xsmigui.ui.style import is_dark, named, primary

WIDEST: Final = 620
"""Pixels of a picture in the text."""

NAME: Final = Qt.ItemDataRole.UserRole


class GuideView(QTextBrowser):
    """The text; pictures that are wider than it is are made smaller, and those of the dark theme on a dark ground."""

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        found = None
        if kind == QTextDocument.ResourceType.ImageResource.value and is_dark(self.palette()):
            path = name.toString() if isinstance(name, QUrl) else name
            found = super().loadResource(kind, QUrl(path.removesuffix(".png") + "-dark.png"))
        found = found or super().loadResource(kind, name)
        if kind != QTextDocument.ResourceType.ImageResource.value or not found:
            return found
        picture = QImage.fromData(found) if not isinstance(found, QImage) else found
        if picture.width() <= WIDEST:
            return picture
        return picture.scaledToWidth(WIDEST, Qt.TransformationMode.SmoothTransformation)


class GuideDialog(Sheet):
    """Contents at the left, a chapter at the right. The dialog does not keep the window from being used."""

    def __init__(self, parent: QWidget | None, book: Book, name: str = "") -> None:
        super().__init__(parent, _("Operators' guide"), "guideDialog")
        self._book = book
        self._chapter = -1
        self.shown = ""
        self.heading.hide()  # the text has its own
        sized(self, 960, 680)
        self.contents = QTreeWidget()
        named(self.contents, "guideContents", _("Contents"))
        self.contents.setHeaderHidden(True)
        for chapter in book.chapters:
            top = _item(chapter.places[0])
            top.addChildren([_item(place) for place in chapter.places[1:]])
            self.contents.addTopLevelItem(top)
        self.contents.itemSelectionChanged.connect(self._chosen)
        self.view = GuideView()
        named(self.view, "guideView", _("Operators' guide"))
        self.view.setOpenLinks(False)
        self.view.setSearchPaths([book.folder])
        self.view.anchorClicked.connect(self._follow)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(self.contents)
        parts.addWidget(self.view)
        parts.setStretchFactor(1, 1)
        parts.setSizes([250, 700])
        parts.setChildrenCollapsible(False)
        self.body.addWidget(parts, 1)
        close = self.buttons.addButton(_("Close"), self.buttons.ButtonRole.RejectRole)
        close.setObjectName("closeButton")
        primary(close)
        self.buttons.rejected.connect(self.reject)
        self.body.addWidget(self.buttons)
        self.turn_to(name)

    def turn_to(self, name: str) -> None:
        """Show the place of this name."""
        number, place = self._book.find(name)
        self.shown = place.name
        if number != self._chapter:
            self._chapter = number
            text = self._book.chapters[number].text
            self.view.document().setMarkdown(text, QTextDocument.MarkdownFeature.MarkdownDialectGitHub)
        self._scroll_to(place)
        self._mark(number, place)

    def _scroll_to(self, place: Place) -> None:
        block = self.view.document().begin()
        while block.isValid() and not (block.blockFormat().headingLevel() and block.text() == place.heading):
            block = block.next()
        cursor = QTextCursor(block if block.isValid() else self.view.document().begin())
        self.view.moveCursor(QTextCursor.MoveOperation.End)  # so that the heading comes to the top
        self.view.setTextCursor(cursor)

    def _mark(self, number: int, place: Place) -> None:
        """Show in the contents where the reader is."""
        top = self.contents.topLevelItem(number)
        if top is None:
            return
        items = [top, *(item for row in range(top.childCount()) if (item := top.child(row)) is not None)]
        top.setExpanded(True)
        self.contents.blockSignals(True)
        self.contents.setCurrentItem(next(item for item in items if item.data(0, NAME) == place.name))
        self.contents.blockSignals(False)

    def _chosen(self) -> None:
        item = self.contents.currentItem()
        if item is not None:
            self.turn_to(str(item.data(0, NAME)))

    def _follow(self, url: QUrl) -> None:
        """Another chapter, or a page of the web in the browser."""
        for chapter in self._book.chapters:
            if url.path().endswith(chapter.file):
                self.turn_to(url.fragment() or chapter.places[0].name)
                return
        if url.scheme() in ("https", "http"):
            QDesktopServices.openUrl(url)


def _item(place: Place) -> QTreeWidgetItem:
    item = QTreeWidgetItem([place.heading])
    item.setData(0, NAME, place.name)
    item.setToolTip(0, place.heading)
    return item
