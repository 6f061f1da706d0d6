"""`packaging/build`: the targets, in the order in which one needs the other."""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from making import linux, msi, sums, wheel, windows
from making.common import DIST, CannotMake, Missing, Options, say

FAST: Final = ("wheel", "onefolder", "deb", "windows")
FULL: Final = ("wheel", "onefolder", "deb", "rpm", "appimage", "windows", "msi")


def main() -> int:
    parser = argparse.ArgumentParser(prog="packaging/build", description="Makes what is released, in dist/.")
    parser.add_argument("targets", nargs="+", choices=["fast", "full", *FULL], metavar="TARGET", help=", ".join(FULL))
    parser.add_argument("--quick", action="store_true", help="compress quickly rather than well (fast does)")
    parser.add_argument("--windows-python", type=Path, metavar="ZIP|DIR", help="an embeddable Python 3.13 for Windows")
    parser.add_argument("--sign-windows", default="", metavar="COMMAND", help="signs the file named at its end")
    parser.add_argument("--sign-gpg", default="", metavar="KEYFILE", help="signs .deb, .rpm and SHA256SUMS")
    parser.add_argument(
        "--skip-missing", action="store_true", help="a target whose tools of the system are missing is no failure"
    )
    given = parser.parse_args()
    quick = given.quick or "fast" in given.targets
    options = Options(quick, given.windows_python, given.sign_windows, given.sign_gpg)
    targets = {*given.targets} | ({*FAST} if "fast" in given.targets else set())
    targets |= {*FULL} if "full" in given.targets else set()
    DIST.mkdir(exist_ok=True)
    started = time.monotonic()
    fine = True
    for target in FULL:
        if target in targets:
            try:
                make(target, options)
            except CannotMake as error:
                skip = given.skip_missing and isinstance(error, Missing)
                say(f"{target} was {'skipped' if skip else 'not made'}: {error}")
                fine = fine and skip
    sums.write(options)
    say(f"done in {time.monotonic() - started:.0f} s")
    return 0 if fine else 1


def make(target: str, options: Options) -> None:
    match target:
        case "wheel":
            wheel.wheel()
        case "onefolder":
            linux.onefolder(options)
        case "deb" | "rpm" | "appimage":
            if not linux.FOLDER.is_dir() or not linux.ROOT.is_dir():
                linux.onefolder(options)
            linux.appimage(options) if target == "appimage" else linux.package(target, options)
        case "windows":
            windows.setup(options)
        case "msi":
            msi.msi(options)


if __name__ == "__main__":
    sys.exit(main())
