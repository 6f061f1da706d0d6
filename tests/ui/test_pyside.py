"""Why PySide6 is held below 6.12 with CPython 3.11: there an emitted signal gives away a reference to True each time,
until the interpreter aborts."""

import subprocess
import sys

import PySide6
import pytest

PROGRAM = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Sender(QObject):
    told = Signal(object)
    flagged = Signal(bool)

application = QCoreApplication([])
sender, heard = Sender(), []
sender.told.connect(lambda value: None)
sender.flagged.connect(lambda value: None)
before = sys.getrefcount(True), sys.getrefcount(None)
for _ in range(5000):
    sender.told.emit(True)
    sender.flagged.emit(True)
after = sys.getrefcount(True), sys.getrefcount(None)
assert all(abs(a - b) < 100 for a, b in zip(before, after)), (before, after)
"""


def test_signals_give_no_references_away() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later interpreters do not count references to True")
def test_the_version_is_held() -> None:
    assert tuple(int(part) for part in PySide6.__version__.split(".")[:2]) < (6, 12)
