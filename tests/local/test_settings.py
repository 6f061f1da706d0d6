"""The settings file: round trip, files of other versions, spoiled files."""

import json
import logging
from pathlib import Path

import pytest

from xsmigui.core.ports import Address
from xsmigui.local import settings
from xsmigui.local.settings import FILE, Server, Settings, SettingsFile


def test_without_a_file_everything_is_default_and_nothing_is_written(tmp_path: Path) -> None:
    assert SettingsFile(tmp_path).now == Settings()
    assert list(tmp_path.iterdir()) == []


def test_changes_are_kept(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path)
    file.remember(Server("https://a:443", "root", "Madrid"))
    assert file.change(language="es", show_templates=True) is file.now
    assert SettingsFile(tmp_path).now == file.now
    assert file.now.language == "es"
    assert file.now.servers[0].address == Address("https://a:443", "root")


def test_a_server_is_remembered_once_and_forgotten(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path)
    file.remember(Server("https://a:443"))
    file.remember(Server("https://b:443"))
    file.remember(Server("https://a:443", "admin", connect=False))
    known = sorted(file.now.servers, key=lambda server: server.url)
    assert known == [Server("https://a:443", "admin", connect=False), Server("https://b:443")]
    file.forget("https://a:443")
    file.forget("https://never:443")
    assert SettingsFile(tmp_path).now.servers == (Server("https://b:443"),)


def test_unknown_members_are_left_out_and_missing_ones_take_the_default(tmp_path: Path) -> None:
    written = {"language": "es", "of_tomorrow": [1], "servers": [{"url": "https://a:443", "colour": "red"}]}
    (tmp_path / FILE).write_text(json.dumps(written), encoding="utf-8")
    assert SettingsFile(tmp_path).now == Settings(language="es", servers=(Server("https://a:443"),))


@pytest.mark.parametrize(
    "spoiled", [b"", b"{", b"\xff\xfe", b'{"language":"\xff"}', b'{"language":1}', b"[]", b"\0" * 64]
)
def test_a_spoiled_file_is_put_aside(spoiled: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(spoiled)
    file = SettingsFile(tmp_path)
    assert file.now == Settings()
    assert "cannot be read" in caplog.text
    file.change(language="es")
    assert (tmp_path / "settings.spoiled").read_bytes() == spoiled
    assert SettingsFile(tmp_path).now.language == "es"


def test_a_file_that_cannot_even_be_put_aside_is_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    (tmp_path / "settings.spoiled" / "full").mkdir(parents=True)
    assert SettingsFile(tmp_path).now == Settings()
    assert "cannot be put aside" in caplog.text


def test_settings_that_cannot_be_written_hold_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    file = SettingsFile(tmp_path)
    monkeypatch.setattr(settings, "write_atomically", refuse)
    assert file.change(language="es").language == "es"
    assert file.now.language == "es"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
