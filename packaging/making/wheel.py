"""Wheel and sdist; and the wheel unpacked, which is what every other target packs."""

import functools
import sys
import zipfile
from pathlib import Path

from making.common import DIST, ROOT, WORK, fresh, moment, run, say, version


@functools.cache
def wheel() -> Path:
    """`dist/xsmigui-….whl` and the sdist beside it."""
    say("wheel and sdist")
    for old in DIST.glob("xsmigui-*.whl"):
        old.unlink()
    run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST, ROOT,
        env={"SOURCE_DATE_EPOCH": f"{moment().timestamp():.0f}"},
    )  # fmt: skip
    return DIST / f"xsmigui-{version()}-py3-none-any.whl"


def unpacked() -> Path:
    """The folder of the program as the wheel holds it, catalogues compiled."""
    folder = fresh(WORK / "program")
    with zipfile.ZipFile(wheel()) as archive:
        archive.extractall(folder)
    return folder
