"""The harness itself: it notices what is left over."""

import asyncio

import pytest
from PySide6.QtWidgets import QDialog

from tests.ui.driving import Drive, driven, settled


def test_a_task_left_over_fails(drive: Drive[None]) -> None:
    kept: list[asyncio.Future[bool]] = []

    async def leaves() -> None:
        kept.append(asyncio.ensure_future(asyncio.Event().wait()))

    with pytest.raises(AssertionError, match="tasks are left"):
        drive(leaves())


@driven
async def test_a_dialog_that_is_deleted_is_no_leak() -> None:
    dialog = QDialog()
    dialog.show()
    dialog.deleteLater()
    await settled()
