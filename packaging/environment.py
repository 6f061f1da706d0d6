"""Makes the virtual environment in which the program, or its tests, run from this checkout, unless it is complete
already; prints its interpreter. `python3 packaging/environment.py window|screen|tests [--check]`; with `--check`
nothing is made, and the exit status says whether it is complete.

An environment that is complete needs no network. It is made beside its place and renamed at the end, so that an
interrupted set-up leaves nothing half made. It lies in .venv, or where XSMIGUI_VENV says, or in the user's cache where
the checkout may not be written to. `uv` is used where it is there, else Python's own `venv` and `pip`.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
STAMP: Final = "xsmigui.json"
"""The file in a complete environment that says what it was made from."""

FETCHED: Final = {"window": "about 105 MB", "tests": "about 130 MB"}
"""What is fetched where nothing of it is in pip's cache."""

PROBE: Final = "import PySide6, aiohttp, msgspec, qasync, rich"


class Failed(Exception):
    """Why there is no environment, as a sentence."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def place() -> Path:
    """Where the environment lies."""
    chosen = os.environ.get("XSMIGUI_VENV")
    if chosen:
        return Path(chosen)
    own = ROOT / ".venv"
    if os.access(ROOT, os.W_OK) or own.is_dir():
        return own
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]
    return Path(cache).expanduser() / "xsmigui" / f"environment-{name}"


def interpreter_in(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def wanted() -> dict[str, Any]:
    """What an environment depends on: the list of libraries, the place of the sources, the version of Python."""
    return {
        "libraries": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "sources": str(ROOT),
        "python": list(sys.version_info[:2]),
    }


def is_complete(venv: Path, tests: bool) -> bool:
    """It was made from what the sources want now, with the libraries of the tests if they are wanted, and it works."""
    try:
        made = json.loads((venv / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if made.pop("tests", False) < tests or made != wanted():
        return False
    try:
        done = subprocess.run([interpreter_in(venv), "-c", PROBE], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One set-up at a time."""
    if os.name == "nt":
        yield
        return
    import fcntl

    number = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is under way; waiting for it.")
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def make(venv: Path, tests: bool) -> None:
    """Make it anew beside its place, and put it there when it is complete."""
    fresh = venv.with_name(f"{venv.name}.new")
    old = venv.with_name(f"{venv.name}.old")
    try:
        for rest in (fresh, old):
            shutil.rmtree(rest, ignore_errors=True)
        install(fresh, tests)
        moved(fresh, venv)
        (fresh / STAMP).write_text(json.dumps({**wanted(), "tests": tests}), "utf-8")
        if venv.exists():
            venv.rename(old)
        fresh.rename(venv)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def install(fresh: Path, tests: bool) -> None:
    """An environment with the project (as it lies here) and what it needs. Babel translates what has changed since."""
    packages = ["babel", "--editable", f"{ROOT}[dev]" if tests else str(ROOT)]
    verbosity = [] if sys.stderr.isatty() else ["--quiet"]
    if uv := shutil.which("uv"):
        with contextlib.suppress(Failed):
            run(uv, "venv", *verbosity, "--python", sys.executable, fresh)
            run(uv, "pip", "install", *verbosity, "--python", interpreter_in(fresh), *packages)
            return
        say("uv did not succeed; Python's own pip is tried.")
        shutil.rmtree(fresh, ignore_errors=True)
    if importlib.util.find_spec("ensurepip") is None:
        raise Failed("Python's venv is missing (on Debian: apt-get install python3-venv).")
    run(sys.executable, "-m", "venv", fresh)
    quiet = [*verbosity, "--disable-pip-version-check", "--no-compile"]  # Python compiles what it imports
    run(interpreter_in(fresh), "-m", "pip", "install", *quiet, *packages)


def run(*command: str | Path) -> None:
    """Run a program; what it prints goes to stderr."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise Failed("The libraries could not be installed. Is there a connection to the network?")


def moved(fresh: Path, venv: Path) -> None:
    """Scripts name the interpreter by the place where the environment was made: name the place where it will lie."""
    before, after = os.fsencode(fresh.absolute()), os.fsencode(venv.absolute())
    for file in [fresh / "pyvenv.cfg", *interpreter_in(fresh).parent.iterdir()]:
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            if before in data and b"\0" not in data:
                file.write_bytes(data.replace(before, after))


def prepare(kind: str) -> Path:
    """The environment's interpreter. Raises `Failed`."""
    venv, tests = place(), kind == "tests"
    if not is_complete(venv, tests):
        try:
            venv.parent.mkdir(parents=True, exist_ok=True)
            with alone(venv.parent):
                if not is_complete(venv, tests):
                    started = time.monotonic()
                    say(f"Setting up Python's libraries in {venv}, once ({FETCHED['tests' if tests else 'window']}).")
                    make(venv, tests)
                    say(f"Set up in {time.monotonic() - started:.0f} s.")
        except OSError as error:
            raise Failed(f"The environment cannot be made in {venv}: {error.strerror or error}.") from None
    return interpreter_in(venv)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["window", "screen", "tests"])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        return 0 if is_complete(place(), options.kind == "tests") else 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(prepare(options.kind))
    except Failed as failure:
        say(f"{failure} Nothing half made was kept.")
        return 1
    except KeyboardInterrupt:
        say("Interrupted; nothing half made was kept.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
