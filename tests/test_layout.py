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
