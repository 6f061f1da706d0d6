"""English in windows that speak Spanish: what among their texts is still a pattern of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache

from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

from xsmigui.local.languages import catalogue
from xsmigui.local.paths import resources

FIELD = re.compile(r"\{\w*\}")
LONG = 16
"""Letters of a part of a pattern that does not stand in a text by chance."""
ROWS = 60
"""Rows of a view that are read."""
ROLES = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.AccessibleTextRole,
    Qt.ItemDataRole.AccessibleDescriptionRole,
)


@cache
def _patterns() -> tuple[re.Pattern[str], tuple[str, ...], re.Pattern[str]]:
    """English patterns whole, long parts of them, and Spanish patterns whole."""
    known = {(k if isinstance(k, str) else k[0]): v for k, v in catalogue("es", resources())._catalog.items()}  # type: ignore[attr-defined]
    plain = {k.replace("&", ""): v.replace("&", "") for k, v in known.items() if k}
    spanish = "\n".join(plain.values()).casefold()
    changed = [k for k, v in plain.items() if k != v and len(FIELD.sub("", k).strip(" .:…%")) >= 3]
    parts = {part for k in changed for part in FIELD.split(k) if len(part) >= LONG}
    long = tuple(part for part in parts if part.casefold() not in spanish)
    return _any(changed), long, _any(list(plain.values()))


def _any(patterns: list[str]) -> re.Pattern[str]:
    whole = [
        "".join(".+?" if FIELD.fullmatch(p) else re.escape(p) for p in re.split(r"(\{\w*\})", k)) for k in patterns
    ]
    return re.compile("|".join(f"(?:{one})" for one in sorted(whole, key=len, reverse=True)), re.DOTALL)


def is_english(text: str, names: Collection[str] = ()) -> bool:
    """Whether it is a text of ours in English, or holds one; `names` are those of the servers' objects."""
    english, long, spanish = _patterns()
    if any(part in text for part in long):
        return True
    parts = [part.strip() for part in re.split(r"\n| · ", text.replace("&", ""))]
    return any(
        part and part not in names and english.fullmatch(part) is not None and spanish.fullmatch(part) is None
        for part in parts
    )


def shown(top: QWidget) -> Iterator[tuple[str, str]]:
    """Every text of a window, in sight or not, with where it stands."""
    for widget in (top, *top.findChildren(QWidget)):
        where = f"{type(widget).__name__} {widget.objectName()!r}"
        texts = [
            widget.windowTitle(), widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(),
            widget.whatsThis(), widget.statusTip(),
        ]  # fmt: skip
        match widget:
            case QLabel() | QAbstractButton():
                texts.append(widget.text())
            case QLineEdit():
                texts += [widget.placeholderText(), widget.text()]
            case QComboBox():
                texts += [widget.itemText(n) for n in range(widget.count())]
            case QTabBar():
                texts += [widget.tabText(n) for n in range(widget.count())]
            case QMenu():
                texts.append(widget.title())
            case QTextEdit() | QPlainTextEdit():
                texts.append(widget.toPlainText())
            case QAbstractItemView() if (model := widget.model()) is not None:
                texts += list(_cells(model))
            case _:
                pass
        yield from ((text, where) for text in texts if text)
    for action in top.findChildren(QAction):
        for text in (action.text(), action.toolTip(), action.iconText()):
            yield text, f"action {action.objectName()!r}"


def _cells(model: QAbstractItemModel, parent: QModelIndex | None = None) -> Iterator[str]:
    root = parent if parent is not None else QModelIndex()
    if isinstance(model, QAbstractListModel):
        yield from (
            str(model.index(row, 0).data(role) or "") for row in range(min(ROWS, model.rowCount())) for role in ROLES
        )
        return
    if parent is None:
        for column in range(model.columnCount()):
            for role in ROLES:
                yield str(model.headerData(column, Qt.Orientation.Horizontal, role) or "")
    for row in range(min(ROWS, model.rowCount(root))):
        for column in range(model.columnCount(root)):
            index = model.index(row, column, root)
            for role in ROLES:
                yield str(index.data(role) or "")
        yield from _cells(model, model.index(row, 0, root))


def english_in(top: QWidget, names: Collection[str] = ()) -> list[str]:
    """What is English in a window, each with its place."""
    return [f"{where}: {text}" for text, where in shown(top) if is_english(text, names)]
