"""Where things lie, and files that are whole or not there."""

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from xsmigui.local import paths

posix = pytest.mark.skipif(sys.platform == "win32", reason="rights are of another kind there")


def test_home_is_the_folder_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSMIGUI_HOME", str(tmp_path / "a" / "b"))
    assert paths.home() == tmp_path / "a" / "b"
    assert paths.home().is_dir()


@pytest.mark.parametrize("value", [None, ""])
def test_home_is_the_platforms_place_otherwise(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("XSMIGUI_HOME", raising=False)
    else:
        monkeypatch.setenv("XSMIGUI_HOME", value)
    monkeypatch.setattr(paths.platformdirs, "user_config_dir", lambda name, **_: str(tmp_path / name))
    assert paths.home() == tmp_path / "xsmigui"


@posix
def test_home_is_made_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSMIGUI_HOME", str(tmp_path / "home"))
    assert stat.S_IMODE(paths.home().stat().st_mode) == 0o700


@posix
def test_a_folder_that_exists_keeps_its_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o750)
    monkeypatch.setenv("XSMIGUI_HOME", str(tmp_path))
    assert stat.S_IMODE(paths.home().stat().st_mode) == 0o750


def test_resources_lie_beside_the_package_in_a_checkout_and_in_it_when_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "xsmigui" / "local" / "paths.py"))
    assert paths.resources() == tmp_path.resolve() / "resources"
    (tmp_path / "xsmigui" / "resources").mkdir(parents=True)
    assert paths.resources() == tmp_path.resolve() / "xsmigui" / "resources"


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "file"
    paths.write_atomically(file, b"old")
    paths.write_atomically(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


@posix
def test_a_written_file_is_its_owners_alone(tmp_path: Path) -> None:
    paths.write_atomically(tmp_path / "file", b"x")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


class Crash(BaseException):
    """The end of the process: nothing may be tidied up after it."""


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_between_write_and_replace_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    paths.write_atomically(file, b"old")

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(os, step, crash)
        with pytest.raises(Crash):
            paths.write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    paths.write_atomically(file, b"newer")
    assert file.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file_and_no_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    paths.write_atomically(file, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        paths.write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        paths.write_atomically(tmp_path / "none" / "file", b"x")


@posix
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_home_where_nothing_can_be_written_is_none(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XSMIGUI_HOME", str(tmp_path))

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(paths.NoHome) as caught:
        paths.home()
    assert caught.value.reason == os.strerror(number)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_file_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XSMIGUI_HOME", str(tmp_path / "file"))
    with pytest.raises(paths.NoHome):
        paths.home()


def test_looking_whether_it_can_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSMIGUI_HOME", str(tmp_path))
    assert paths.home() == tmp_path
    assert list(tmp_path.iterdir()) == []
