"""Why PySide6 is held below 6.12 with CPython 3.11: there an emitted signal gives away a reference to True each time,
until the interpreter aborts."""

import subprocess
import sys

import PySide6

from tests.holding import PATIENCE

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
# From Python 3.12 on, True and None are immortal: their counts mean nothing.
values = [object(), "".join(["te", "xt"]), *([True, None] if sys.version_info < (3, 12) else [])]
for value in values:
    before = sys.getrefcount(value)
    for _ in range(5000):
        sender.told.emit(value)
        sender.flagged.emit(True)
    after = sys.getrefcount(value)
    assert abs(after - before) < 100, (value, before, after)
"""


def test_signals_give_no_references_away() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_version_is_held() -> None:
    assert tuple(int(part) for part in PySide6.__version__.split(".")[:2]) < (6, 12)
