"""What the start costs beside its floor: `python -m tests.bench.start`.

Printed is the CPU of a process that imports what the first window needs and shows it, beside one that imports only Qt's
widgets, asyncio, qasync and msgspec and shows an empty window; warm, the median of several.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import measuring

FLOOR = """
import asyncio, msgspec, qasync
from PySide6.QtWidgets import QApplication, QMainWindow
"""

IMPORTS = """
import os, sys
from PySide6 import QtWidgets

class Application(QtWidgets.QApplication):
    def __new__(cls, *arguments):
        os._exit(0)  # all is imported, and nothing has been made

Application.instance = staticmethod(lambda: Application())
QtWidgets.QApplication = Application
from xsmigui.__main__ import main
sys.argv[1:] = []
main()
"""

WINDOW = """
from pathlib import Path
import os
from PySide6.QtWidgets import QApplication
from xsmigui.app import Options, Program
from xsmigui.ui import style
app = QApplication(["bench"])
style.apply(app)
try:
    from xsmigui.ui.loop import EventLoop
except ImportError:
    from qasync import QEventLoop as EventLoop
import asyncio
with EventLoop(app) as loop:
    asyncio.set_event_loop(loop)
    program = Program(app, Options(), Path(os.environ["XSMIGUI_HOME"]))
    program.window.show()
    app.processEvents()
    os._exit(0)
"""


def cpu(tree: Path, code: str) -> float:
    """Milliseconds of CPU of a process that runs this."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "XSMIGUI_HOME": home, "PYTHONPATH": str(tree)}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run([sys.executable, "-c", code], cwd=tree, env=environment, check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def figures(tree: Path, rounds: int) -> dict[str, float]:
    codes = {"floor": FLOOR, "imports": IMPORTS, "window": WINDOW}
    for code in codes.values():
        cpu(tree, code)  # fills the caches of files and compiled modules
    found = {name: statistics.median(cpu(tree, code) for _round in range(rounds)) for name, code in codes.items()}
    return {
        "start: until all for the first window is imported, CPU ms": found["imports"],
        "start: imports beside their floor": found["imports"] / found["floor"],
        "start: until the first window is shown, CPU ms": found["window"],
    }


def main() -> None:
    for name, value in figures(measuring.ROOT, 7).items():
        print(f"  {name:58} {value:10.2f}")


if __name__ == "__main__":
    main()
