"""The folder of the program for Linux, and what is made from it: .deb, .rpm, AppImage."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from making import bundled, pictures, wheel
from making.common import (
    DIST,
    HERE,
    MAINTAINER,
    PACKAGING,
    RESOURCES,
    SUMMARY,
    WORK,
    CannotMake,
    Missing,
    Options,
    digest,
    filled,
    fresh,
    megabytes,
    moment,
    need,
    output,
    run,
    say,
    stripped,
    version,
)

FOLDER: Final = WORK / "linux" / "xsmigui"
ROOT: Final = WORK / "linux" / "root"
"""What goes beside the folder, at the places of an installed system."""

HOME: Final = "/usr/lib/xsmigui"
GLIBC: Final = "2.35"
"""The newest version of a symbol that anything bundled asks for; `glibc_asked_for` checks it."""

DEB_DEPENDS: Final = (
    f"libc6 (>= {GLIBC})", "libegl1", "libexpat1", "libfontconfig1", "libfreetype6", "libgcc-s1", "libgl1",
    "libopengl0", "libstdc++6", "libx11-6", "libx11-xcb1", "libxcb1", "libxext6",
)  # fmt: skip
DEB_RECOMMENDS: Final = (
    "fonts-dejavu-core | fonts-liberation | fonts-noto-core", "libwayland-client0", "libwayland-cursor0",
    "libwayland-egl1",
)  # fmt: skip
DEB_SUGGESTS: Final = ("gnome-keyring | kwalletmanager | keepassxc",)
RPM_DEPENDS: Final = (
    f"libc.so.6(GLIBC_{GLIBC})(64bit)",
    *(f"lib{name}()(64bit)" for name in (
        "EGL.so.1", "GL.so.1", "OpenGL.so.0", "X11-xcb.so.1", "X11.so.6", "Xext.so.6", "expat.so.1", "fontconfig.so.1",
        "freetype.so.6", "gcc_s.so.1", "stdc++.so.6", "xcb.so.1",
    )),
)  # fmt: skip
DESCRIPTION: Final = f"""{SUMMARY}
A desktop program for the operators of XenServer, Citrix Hypervisor and
XCP-ng. It moves running, suspended and halted virtual machines from host to
host, storage to storage and pool to pool, and shows everything that stands
against a move before it starts. It works from the command line too."""

COMPLETIONS: Final = {
    "bash-completion/completions/xsmigui": "xsmigui.bash",
    "fish/vendor_completions.d/xsmigui.fish": "xsmigui.fish",
    "zsh/vendor-completions/_xsmigui": "_xsmigui",  # where Debian's zsh looks
    "zsh/site-functions/_xsmigui": "_xsmigui",  # where all others look
}
"""Places in /usr/share, and what of packaging/completions lies there."""

LIBRARIES: Final = (
    "libegl1", "libgl1", "libopengl0", "libglib2.0-0", "libdbus-1-3", "libfontconfig1", "libfreetype6", "libx11-xcb1",
    "libxkbcommon0", "libxkbcommon-x11-0", "libxcb-cursor0", "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1",
    "libxcb-randr0", "libxcb-render-util0", "libxcb-shape0", "libxcb-shm0", "libxcb-sync1", "libxcb-xfixes0",
    "libxcb-xinerama0", "libxcb-xkb1", "libwayland-client0", "libwayland-cursor0", "libwayland-egl1",
)  # fmt: skip
"""Packages of the building computer whose libraries Qt loads; a library that is not there would be left out."""


def onefolder(options: Options) -> Path:
    """The folder of the program, with everything it needs but the C library and the display's own libraries."""
    need(objdump="binutils", strip="binutils")
    _need_libraries()
    program = wheel.unpacked()
    say("folder for Linux")
    work = fresh(WORK / "linux")
    sources = work / "sources.json"
    modules = sorted(_module(path.relative_to(program)) for path in (program / "xsmigui").rglob("*.py"))
    run(
        sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
        "--distpath", work, "--workpath", work / "analysis", PACKAGING / "linux" / "xsmigui.spec",
        env={
            "XSMIGUI_PROGRAM": str(program),
            "XSMIGUI_MODULES": json.dumps(modules),
            "XSMIGUI_SOURCES": str(sources),
            "PYTHONPATH": str(program),
            "PYTHONHASHSEED": "1",
        },
    )  # fmt: skip
    shutil.rmtree(work / "analysis")
    inside = FOLDER / "_internal"
    stripped([*inside.glob("libpython3*"), *inside.glob("lib-dynload/*.so"), *inside.glob("python3*/lib-dynload/*.so")])
    for path in FOLDER.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o755 if path == FOLDER / "xsmigui" else 0o644)
    newest = glibc_asked_for(FOLDER)
    if _numbers(newest) > _numbers(GLIBC):
        raise CannotMake(f"something bundled needs glibc {newest}, newer than the {GLIBC} that packages ask for")
    _list_parts(sources, inside)
    _integrate(program)
    return FOLDER


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _need_libraries() -> None:
    def there(name: str) -> bool:
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f=${Status}\n", name, f"{name}t64"], capture_output=True, text=True
        )
        return "ok installed" in shown.stdout

    if shutil.which("dpkg-query") is None:
        raise Missing("packages for Linux are made on Debian or a relative of it")
    wanted = [*LIBRARIES]
    if sys.base_prefix == "/usr":  # the system's own Python: its library is in a package of its own
        wanted.append(f"libpython{sys.version_info.major}.{sys.version_info.minor}")
    missing = [name for name in wanted if not there(name)]
    if missing:
        need(**{f"libraries-of-qt-{name}": name for name in missing})


def glibc_asked_for(folder: Path) -> str:
    """The newest version of the C library that a library in the folder asks for."""
    found = {"2.0"}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF":
            found.update(re.findall(r"GLIBC_(\d+\.\d+)", output("objdump", "-T", path)))
    return max(found, key=_numbers)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _list_parts(sources: Path, inside: Path) -> None:
    """Licences and the bill of materials of the folder: wheels, Python, and the system's libraries."""
    licences = inside / "licences"
    site = next((Path(sys.prefix) / "lib").glob("python3*/site-packages"))
    wanted = {line.partition("==")[0] for line in (HERE / "linux.txt").read_text().splitlines() if "==" in line}
    wanted |= {"pyinstaller"}
    parts = bundled.python_parts(site, licences, wanted)
    python = ".".join(str(number) for number in sys.version_info[:3])
    parts.append(bundled.Part("CPython", python, "PSF-2.0", f"pkg:generic/cpython@{python}"))
    base = Path(sys.base_prefix) / "lib" / f"python3.{sys.version_info.minor}" / "LICENSE.txt"
    if base.is_file():
        (licences / "CPython").mkdir()
        shutil.copy(base, licences / "CPython" / "LICENSE.txt")
    for package, debian in sorted(_packages_of(sources)):
        parts.append(bundled.Part(package, debian, "see the text", f"pkg:deb/debian/{package}@{debian}"))
        (licences / package).mkdir(exist_ok=True)
        shutil.copy(f"/usr/share/doc/{package}/copyright", licences / package / "copyright")
    files = {str(p.relative_to(FOLDER)): digest(p) for p in FOLDER.rglob("*") if p.is_file() and not p.is_symlink()}
    bundled.write_bill(DIST / f"xsmigui-{version()}-linux.cdx.json", parts, files)
    for path in licences.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _packages_of(sources: Path) -> set[tuple[str, str]]:
    """Debian's packages that the bundled libraries come from, with their versions."""
    found = set()
    for _name, source in json.loads(sources.read_text()):
        real = os.path.realpath(source)
        if not real.startswith(("/usr/lib/", "/lib/")):
            continue
        for path in (real, real.removeprefix("/usr"), source):
            asked = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True)
            if asked.returncode == 0:
                package = asked.stdout.partition(": ")[0].split(",")[0]
                name, debian = output("dpkg-query", "-W", "-f=${Package} ${Version}", package).split()
                found.add((name, debian))
                break
    return found


def _integrate(program: Path) -> None:
    """Desktop entry, icons, metainfo, man page, completion, changelog."""
    share = fresh(ROOT) / "usr" / "share"

    def write(place: str, data: bytes | str) -> None:
        path = share / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    write("applications/xsmigui.desktop", (RESOURCES / "xsmigui.desktop").read_bytes())
    write("icons/hicolor/scalable/apps/xsmigui.svg", pictures.SVG.read_bytes())
    for side in (16, 24, 32, 48, 64, 128, 256):
        pictures.png(share / f"icons/hicolor/{side}x{side}/apps/xsmigui.png", side)
    write("metainfo/xsmigui.metainfo.xml", filled(PACKAGING / "linux" / "metainfo.xml"))
    write("man/man1/xsmigui.1.gz", _zipped(filled(PACKAGING / "linux" / "xsmigui.1")))
    for place, name in COMPLETIONS.items():
        write(place, (PACKAGING / "completions" / name).read_bytes())
    write("doc/xsmigui/changelog.gz", _zipped((PACKAGING.parent / "CHANGELOG.md").read_text(encoding="utf-8")))
    debian = (
        f"xsmigui ({version()}-1) stable; urgency=medium\n\n  * Version {version()}; changelog.gz says what is new.\n\n"
        f" -- {MAINTAINER}  {moment():%a, %d %b %Y %H:%M:%S +0000}\n"
    )
    write("doc/xsmigui/changelog.Debian.gz", _zipped(debian))
    write("doc/xsmigui/copyright", filled(PACKAGING / "linux" / "copyright"))
    write("lintian/overrides/xsmigui", (PACKAGING / "linux" / "lintian-overrides").read_text(encoding="utf-8"))


def _zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), 9, mtime=0)


def _contents(packager: str) -> list[dict[str, Any]]:
    """Every file and link of a package."""
    contents: list[dict[str, Any]] = [{"src": "../lib/xsmigui/xsmigui", "dst": "/usr/bin/xsmigui", "type": "symlink"}]
    only_deb, not_deb = ("changelog.Debian.gz", "lintian", "vendor-completions"), ("site-functions",)
    for base, prefix in ((FOLDER, Path(HOME)), (ROOT, Path("/"))):
        for path in sorted(base.rglob("*")):
            place = prefix / path.relative_to(base)
            if any(part in (only_deb if packager == "rpm" else not_deb) for part in place.parts):
                continue
            if path.is_symlink():
                contents.append({"src": os.readlink(path), "dst": str(place), "type": "symlink"})
            elif path.is_dir():
                if str(place).startswith(HOME):
                    contents.append({"dst": str(place), "type": "dir", "file_info": {"mode": 0o755}})
            else:
                mode = 0o755 if place == Path(HOME) / "xsmigui" else 0o644
                contents.append({"src": str(path), "dst": str(place), "file_info": {"mode": mode}})
    if packager == "rpm":
        places = (HOME, "/usr/share/doc/xsmigui")
        contents += [{"dst": place, "type": "dir", "file_info": {"mode": 0o755}} for place in places]
    return contents


def package(packager: str, options: Options) -> Path:
    """The `.deb` or the `.rpm` of the folder."""
    say(f".{packager}")
    recipe = {
        "name": "xsmigui",
        "arch": "amd64",
        "platform": "linux",
        "version": version(),
        "release": "1",
        "section": "admin",
        "priority": "optional",
        "maintainer": MAINTAINER,
        "description": DESCRIPTION,
        "license": "Apache-2.0",
        "umask": 0o022,
        "mtime": moment().isoformat(),
        "contents": _contents(packager),
        "overrides": {
            "deb": {"depends": DEB_DEPENDS, "recommends": DEB_RECOMMENDS, "suggests": DEB_SUGGESTS},
            "rpm": {"depends": RPM_DEPENDS},
        },
        "deb": {"compression": "zstd" if options.quick else "xz"},
        "rpm": {"group": "Applications/System", "summary": SUMMARY, "compression": "zstd"},
    }
    if options.sign_gpg and packager == "rpm":
        recipe["rpm"]["signature"] = {"key_file": options.sign_gpg}  # type: ignore[index]
    if options.sign_gpg and packager == "deb":
        recipe["deb"]["signature"] = {"key_file": options.sign_gpg}  # type: ignore[index]
    path = WORK / "linux" / f"nfpm-{packager}.json"
    path.write_text(json.dumps(recipe, indent=1, default=list))
    names = {"deb": f"xsmigui_{version()}-1_amd64.deb", "rpm": f"xsmigui-{version()}-1.x86_64.rpm"}
    target = DIST / names[packager]
    run(Path(sys.executable).parent / "nfpm", "package", "--config", path, "--packager", packager, "--target", target)
    say(f"{target.name}: {megabytes(target)}")
    return target


def appimage(options: Options) -> Path:
    """One file that runs without being installed, and without FUSE."""
    need(gcc="gcc", mksquashfs="squashfs-tools", libsquashfuse_a="libsquashfuse-dev", libzstd_a="libzstd-dev")
    say("AppImage")
    work = fresh(WORK / "appimage")
    tree, runtime, packed = work / "tree", work / "runtime", work / "packed"
    shutil.copytree(FOLDER, tree / "usr" / "lib" / "xsmigui", symlinks=True)
    shutil.copytree(ROOT / "usr" / "share", tree / "usr" / "share", ignore=shutil.ignore_patterns("lintian", "doc"))
    (tree / "AppRun").symlink_to("usr/lib/xsmigui/xsmigui")
    shutil.copy(RESOURCES / "xsmigui.desktop", tree)
    shutil.copy(pictures.SVG, tree / "xsmigui.svg")
    (tree / ".DirIcon").symlink_to("xsmigui.svg")
    run("gcc", "-std=c17", "-Os", "-Wall", "-Wextra", "-Werror", "-static", "-s", "-o", runtime,
        PACKAGING / "linux" / "runtime.c", "-lsquashfuse", "-lzstd")  # fmt: skip
    level = "3" if options.quick else "19"
    run("mksquashfs", tree, packed, "-comp", "zstd", "-Xcompression-level", level, "-root-owned", "-noappend",
        "-no-xattrs", "-quiet", "-no-progress", "-mkfs-time", str(int(moment().timestamp())),
        "-all-time", str(int(moment().timestamp())))  # fmt: skip
    target = DIST / f"xsmigui-{version()}-x86_64.AppImage"
    with target.open("wb") as file:
        for part in (runtime, packed):
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    target.chmod(0o755)
    say(f"{target.name}: {megabytes(target)}")
    return target
