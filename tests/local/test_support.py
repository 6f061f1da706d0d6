"""The support bundle: what is in it, and that no secret is."""

from __future__ import annotations

import io
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.local.test_journal import a_job
from xsmigui import __version__
from xsmigui.core.preferences import Server
from xsmigui.local import support
from xsmigui.local.journal import FILE, JournalFile
from xsmigui.local.settings import SettingsFile
from xsmigui.local.trust import TrustFile

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


async def texts(home: Path, **more: str) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(await support.bundle(home, NOW, **more))) as file:
        return {name.removeprefix("xsmigui-support/"): file.read(name).decode() for name in file.namelist()}


async def test_an_empty_home(home: Path) -> None:
    found = await texts(home)
    assert list(found) == ["about.txt"]
    assert f"xsmigui {__version__}, 2026-11-28" in found["about.txt"]
    assert os.listdir(home) == []


async def test_everything_that_is_known(home: Path) -> None:
    SettingsFile(home).remember(Server("https://madrid", "root", "Madrid", True))
    TrustFile(home).trust("https://madrid", "AB" * 32)
    (home / "xsmigui.log").write_text("INFO it began\n")
    (home / "xsmigui.log.1").write_text("INFO before\n")
    journal = JournalFile(home)
    written = a_job()
    await journal.write(written, 0)
    await journal.close()
    found = await texts(home, self_test="Window: FAILED.\n")
    assert sorted(found) == [
        "about.txt", "journal.json", "self-test.txt", "settings.json", "trusted-certificates.json", "xsmigui.log",
        "xsmigui.log.1",
    ]  # fmt: skip
    assert "Window: FAILED." in found["self-test.txt"]
    (entry,) = json.loads(found["journal.json"])["jobs"]
    assert entry["job"] == written.id
    assert entry["history"]


async def test_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has got into a file of ours, by an older version or by hand."""
    secret = "hunter-two"
    monkeypatch.setenv("XSMIGUI_CONTROL_TOKEN", secret)
    monkeypatch.setenv("XSMIGUI_PASSWORD", secret)
    monkeypatch.setenv("QT_SCALE_FACTOR", "2")
    lines = [
        f"login_with_password('root', '{secret}')",
        f'{{"password": "{secret}"}}',
        f"proxy http://ana:{secret}@proxy:3128",
        "session_id=OpaqueRef:0f2c1a55-aaaa-bbbb-cccc-0123456789ab",
        f"Authorization: Basic {secret}",
    ]
    for name in ("xsmigui.log", "settings.json"):
        (home / name).write_text("\n".join(lines))
    found = await texts(home, self_test="\n".join(lines))
    assert len(found) == 4
    for name, text in found.items():
        assert secret not in text, name
        assert "0f2c1a55" not in text, name
    assert "QT_SCALE_FACTOR=2" in found["about.txt"]


async def test_a_journal_that_cannot_be_read_is_said(home: Path) -> None:
    (home / FILE).mkdir()
    found = await texts(home)
    assert FILE in found["journal.json"]
