"""Tests of the window: no display is needed; where none is set, nothing is shown."""

import os
import sys

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pathlib import Path

import pytest

from tests.ui.driving import drive
from xsmigui.local import paths
from xsmigui.ui.icons import Icons

__all__ = ["drive"]


@pytest.fixture(scope="session")
def resources() -> Path:
    return paths.resources()


@pytest.fixture
def icons(qapp: object, resources: Path) -> Icons:
    return Icons(resources / "icons")
