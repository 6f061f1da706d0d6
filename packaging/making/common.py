"""What every target stands on: places, the version, tools of the system, digests, signatures."""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
WORK: Final = ROOT / "build"
DIST: Final = ROOT / "dist"
PACKAGING: Final = ROOT / "packaging"
RESOURCES: Final = ROOT / "resources"
HERE: Final = Path(__file__).resolve().parent

MAINTAINER: Final = "xsmigui maintainers <maintainers@xsmigui.invalid>"
SUMMARY: Final = "move virtual machines between XenServer and XCP-ng hosts and pools"


@dataclass(frozen=True)
class Options:
    """How it is to be made."""

    quick: bool = False
    """Compress quickly rather than well."""
    windows_python: Path | None = None
    """An embeddable Python for Windows, unpacked or as .zip, instead of the pinned one."""
    sign_windows: str = ""
    sign_gpg: str = ""


class CannotMake(Exception):
    """A target cannot be made here; the text says why."""


class Missing(CannotMake):
    """Something of the system is missing that a target needs."""


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    """Run a program; what it says is shown only where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise CannotMake(f"{Path(str(command[0])).name} ended with status {done.returncode}")


def output(*command: str | Path, cwd: Path = ROOT) -> str:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=True
    ).stdout.strip()


def need(**packages: str) -> None:
    """Programs and static libraries of the system, each with its Debian package (`makensis="nsis"`,
    `libzstd_a="libzstd-dev"`); where we are root they are installed."""
    missing = sorted({package for program, package in packages.items() if not _is_there(program)})
    if not missing:
        return
    line = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"this line installs what is missing: sudo {' '.join(line)}")
    say(f"installing {' '.join(missing)}")
    try:
        run("apt-get", "update", "-qq")
        run(*line, env={"DEBIAN_FRONTEND": "noninteractive"})
    except CannotMake as error:
        raise Missing(f"{' '.join(missing)} could not be installed: {error}") from None


def _is_there(program: str) -> bool:
    """A program by its name (`_` for `-`), or a static library `lib….a` (`_a` for `.a`)."""
    if program.startswith("lib") and program.endswith("_a"):
        name = program.removesuffix("_a") + ".a"
        return any(Path("/usr/lib").glob(f"*/{name}"))
    return shutil.which(program.replace("_", "-")) is not None or shutil.which(program) is not None


@functools.cache
def version() -> str:
    """The one place of the version is the package itself."""
    found = re.search(r'^__version__ = "([^"]+)"', (ROOT / "xsmigui" / "__init__.py").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


@functools.cache
def moment() -> datetime:
    """When the sources were committed: files in packages carry this time, so that a second build equals the first."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        try:
            given = output("git", "log", "-1", "--format=%ct")
        except (OSError, subprocess.CalledProcessError):
            given = str(int(max(path.stat().st_mtime for path in (ROOT / "xsmigui").rglob("*.py"))))
    return datetime.fromtimestamp(int(given), UTC)


def filled(template: Path, **more: str) -> str:
    """A template's text with `@VERSION@` and the like filled in."""
    values = {"VERSION": version(), "DATE": f"{moment():%Y-%m-%d}", "SUMMARY": SUMMARY, **more}
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], template.read_text(encoding="utf-8"))


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def uv_install(requirements: Path, target: Path, *arguments: str) -> None:
    """Wheels, each of the pinned digest, into a folder."""
    command: Sequence[str | Path] = (Path(sys.executable).parent / "uv", "pip", "install", "--quiet")
    run(*command, "--require-hashes", "--only-binary", ":all:", *arguments, "--target", target, "-r", requirements)


def megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def stripped(paths: Sequence[Path]) -> None:
    for path in paths:
        run("strip", "--strip-unneeded", path)
