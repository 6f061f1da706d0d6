"""The shape of the source tree: no circle of imports, no file that is too long to be read in one go."""

from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import xsmigui

MOST_LINES = 400
SOURCES = Path(xsmigui.__file__).parent


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports for type checking count: whoever reads one of two modules that know each other has to read both."""
    graph = grimp.build_graph("xsmigui")
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # CycleError names the modules


LONGER = {
    "core/errors/exceptions.py": "a table",
    "core/inventory.py": "one class of look-ups; parts of it would be half-classes that only make sense together",
    "services/carrier.py": "one loop: its steps share what the last look has shown",
    "services/jobs.py": "the queue: every part changes the same few tables",
    "services/sending.py": "one motion from its checks to its end",
}
"""Files that may be longer than the others, and why."""


def test_files_can_be_read_in_one_go() -> None:
    lengths = {
        str(path.relative_to(SOURCES).as_posix()): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCES.rglob("*.py")
    }
    long = {name for name, length in lengths.items() if length > MOST_LINES}
    assert long == set(LONGER), "split it by subject, or take it off the list"
