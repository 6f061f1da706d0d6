"""The icons: there, well-formed, of one size and weight, and visible on light and dark."""

import re
from pathlib import Path

import pytest
from defusedxml.ElementTree import parse

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "resources" / "icons"
ICONS = sorted(path for path in FOLDER.glob("*.svg") if path.stem != "xsmigui")
# fmt: off
NAMES = [
    "app", "pool", "pool-connecting", "pool-disconnected", "host", "host-disabled", "host-unreachable",
    "vm-running", "vm-halted", "vm-suspended", "vm-paused", "vm-moving", "template", "snapshot", "sr", "sr-default",
    "sr-local", "sr-detached", "disk", "network", "block", "warn", "info", "pending", "done", "add-server",
    "migrate", "cancel", "search", "step-current", "step-done", "step-open",
]
# fmt: on


def luminance(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_icon_is_there() -> None:
    assert {path.stem for path in ICONS} == set(NAMES)
    assert (FOLDER / "xsmigui.svg").is_file()


def test_every_icon_of_the_tree_is_there() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "xsmigui" / "core").glob("outline*.py")]
    used = set(re.findall(r'"((?:vm|host|pool|sr)-[a-z]+)"', "".join(sources)))
    assert used
    assert used <= set(NAMES)


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_is_small_and_of_one_weight(path: Path) -> None:
    root = parse(path).getroot()
    assert root.get("viewBox") == "0 0 16 16"
    assert {e.get("stroke-width") for e in root.iter()} <= {None, "1.5"}


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("ground", ["#ffffff", "#1e1e1e"])
def test_an_icon_is_visible_on_light_and_dark(path: Path, ground: str) -> None:
    colours = set(re.findall(r"#[0-9a-f]{6}", path.read_text(encoding="utf-8")))
    assert colours
    assert min(contrast(colour, ground) for colour in colours) >= 3


def test_states_differ_in_shape_not_in_colour_alone() -> None:
    shapes = {path.stem: re.sub(r"#[0-9a-f]{6}", "", path.read_text(encoding="utf-8")) for path in ICONS}
    assert len(set(shapes.values())) == len(shapes)
