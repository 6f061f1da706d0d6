"""What `packaging/build` writes by itself: texts, lists, pictures. The packages are tried by packaging/trial."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest
from making import bundled, common, linux, pictures, windows

import xsmigui

ROOT = Path(xsmigui.__file__).parent.parent


def test_the_version_is_the_package_s_own() -> None:
    assert common.version() == xsmigui.__version__


def _wheel(site: Path, name: str, *, text: str | None) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nLicense-Expression: MIT\n")
    if text is not None:
        (info / "licenses").mkdir()
        (info / "licenses" / "LICENSE").write_text(text)


def test_every_part_has_its_licence_and_stands_in_the_bill(tmp_path: Path) -> None:
    site, licences = tmp_path / "site", tmp_path / "licences"
    _wheel(site, "With.Text", text="MIT it is")
    _wheel(site, "without", text=None)
    _wheel(site, "not_wanted", text="none of ours")
    parts = bundled.python_parts(site, licences, ["with-text", "without"])
    assert (licences / "With.Text" / "LICENSE").read_text() == "MIT it is"
    assert "MIT" in (licences / "without" / "LICENSE.txt").read_text()
    assert not (licences / "not_wanted").exists()
    bundled.write_bill(tmp_path / "bill.json", parts, {"a": "0" * 64})
    bill = json.loads((tmp_path / "bill.json").read_text())
    assert [part.get("purl") for part in bill["components"]] == [
        "pkg:pypi/with-text@1.0",
        "pkg:pypi/without@1.0",
        None,
    ]


def test_locked_libraries_are_those_the_program_depends_on() -> None:
    """Every dependency of the project is pinned, with digests, for both systems."""
    listed = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2].partition("]")[0]
    lines = re.findall(r'^    "([A-Za-z-]+)[><=](.*)"', listed, re.M)
    for name in ("linux.txt", "windows.txt"):
        locked = (common.HERE / name).read_text()
        wanted = {one.lower() for one, rest in lines if name == "linux.txt" or "sys_platform == 'linux'" not in rest}
        assert wanted <= set(re.findall(r"^([a-z0-9-]+)==", locked, re.M))
        assert locked.count("==") <= locked.count("--hash=sha256:")


def test_icon_file_holds_every_size(tmp_path: Path, qapp: object) -> None:
    pictures.ico(tmp_path / "x.ico", (16, 256))
    data = (tmp_path / "x.ico").read_bytes()
    kind, count = struct.unpack_from("<HH", data, 2)
    assert (kind, count) == (1, 2)
    for index, side in enumerate((16, 0)):
        entry = struct.unpack_from("<BBBBHHII", data, 6 + 16 * index)
        assert entry[0] == side
        assert data[entry[7] :].startswith(b"\x89PNG")


def test_the_uninstaller_deletes_what_was_laid_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "FOLDER", tmp_path)
    (tmp_path / "Lib" / "package").mkdir(parents=True)
    (tmp_path / "Lib" / "package" / "a.py").touch()
    (tmp_path / "$odd.dll").touch()
    lines = windows._deletions().splitlines()
    assert 'Delete "$INSTDIR\\$$odd.dll"' in lines
    assert lines.index('Delete "$INSTDIR\\Lib\\package\\a.py"') < lines.index('RMDir "$INSTDIR\\Lib\\package"')
    assert all(line.endswith('__pycache__"') for line in lines if line.startswith("RMDir /r"))


def test_packages_hold_every_file_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "FOLDER", tmp_path / "folder")
    monkeypatch.setattr(linux, "ROOT", tmp_path / "root")
    (tmp_path / "folder" / "_internal").mkdir(parents=True)
    (tmp_path / "folder" / "xsmigui").touch()
    (tmp_path / "folder" / "_internal" / "a.so.1").touch()
    (tmp_path / "folder" / "_internal" / "a.so").symlink_to("a.so.1")
    for place in ("man/man1/xsmigui.1.gz", "doc/xsmigui/changelog.Debian.gz"):
        path = tmp_path / "root" / "usr" / "share" / place
        path.parent.mkdir(parents=True)
        path.touch()
    deb, rpm = ({one["dst"]: one for one in linux._contents(packager)} for packager in ("deb", "rpm"))
    assert deb["/usr/lib/xsmigui/xsmigui"]["file_info"]["mode"] == 0o755
    assert deb["/usr/lib/xsmigui/_internal/a.so.1"]["file_info"]["mode"] == 0o644
    assert deb["/usr/lib/xsmigui/_internal/a.so"]["src"] == "a.so.1"
    assert deb["/usr/bin/xsmigui"]["type"] == "symlink"
    assert set(deb) - set(rpm) == {"/usr/share/doc/xsmigui/changelog.Debian.gz"}
