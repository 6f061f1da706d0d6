"""The log: without secrets, in files of bounded size."""

import io
import logging
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xsmigui.core.redaction import redacted
from xsmigui.local import logs

SESSION = "OpaqueRef:0b1c2d3e-1111-2222-3333-444455556666"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, given back as it was."""
    root = logging.getLogger()
    level, before, asyncio_level = root.level, list(root.handlers), logging.getLogger("asyncio").level
    yield root
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(asyncio_level)


def test_the_log_is_written_to_the_folder(root: logging.Logger, tmp_path: Path) -> None:
    logs.start(tmp_path)
    logging.getLogger("xsmigui.test").info("Connected to %s", "Madrid")
    logging.getLogger("xsmigui.test").debug("not this")
    text = (tmp_path / "xsmigui.log").read_text(encoding="utf-8")
    assert text.endswith("INFO xsmigui.test: Connected to Madrid\n")
    assert "not this" not in text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"session {SESSION} ended", "0b1c2d3e"),
        ("session OpaqueRef:secret-one ended", "secret-one"),
        (f"GET /export?session_id={SESSION}&uuid=1", "0b1c2d3e"),
        ("GET /export?session_id=abcdef0123&uuid=1", "abcdef0123"),
        ("Cookie: session_id=abcdef0123", "abcdef0123"),
        ("{'session_id': 'abcdef0123'}", "abcdef0123"),
        ("password=hunter2", "hunter2"),
        ("Password: hunter2", "hunter2"),
        ('{"user": "root", "password": "a hunter2, with commas"}', "hunter2"),
        ("{'user': 'root', 'password': 'it\\'s hunter2'}", "hunter2"),
        ("passwd = 'my hunter2'", "hunter2"),
        ("session.login_with_password('root', 'hunter2')", "hunter2"),
        ('{"method": "session.login_with_password", "params": ["root", "hunter2", "1.0"]}', "hunter2"),
        ("<methodName>session.login_with_password</methodName><params>hunter2</params>", "hunter2"),
        ("session.change_password('hunter1', 'hunter2')", "hunter"),
        ("Authorization: Basic aHVudGVyMg==", "aHVudGVyMg"),
        ("{'Authorization': 'Basic aHVudGVyMg=='}", "aHVudGVyMg"),
        ("https://root:hunter2@10.0.0.1/", "hunter2"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    found = redacted(text)
    assert secret not in found
    assert "…" in found
    assert redacted(found) == found


@pytest.mark.parametrize(
    "text",
    [
        "web-01 moves from host-03 to host-11",
        "asking for the password of root",
        "session.login_with_password failed: HOST_IS_SLAVE",
        "OpaqueRef:NULL",
        "https://10.0.0.1:443/jsonrpc answers",
        "uuid=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    ],
)
def test_the_rest_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert redacted(f"GET /export?session_id={SESSION}&uuid=1") == "GET /export?session_id=…&uuid=1"
    assert redacted('{"password": "x", "user": "root"}') == '{"password": …, "user": "root"}'


def test_arguments_and_exceptions_are_redacted(
    root: logging.Logger, tmp_path: Path, expected_errors: list[str]
) -> None:
    expected_errors.append("a job ended with")
    logs.start(tmp_path)
    log = logging.getLogger("xsmigui.test")
    log.warning("call failed with %s", {"password": "hunter2"})
    try:
        try:
            raise ValueError(f"SESSION_INVALID {SESSION}")
        except ValueError as inner:
            raise RuntimeError("login_with_password('root', 'hunter2')") from inner
    except RuntimeError:
        log.exception("a job ended with %s", SESSION)
    text = (tmp_path / "xsmigui.log").read_text(encoding="utf-8")
    assert "RuntimeError: login_with_password(" in text
    assert "SESSION_INVALID OpaqueRef:…" in text
    assert "0b1c2d3e" not in text
    assert "hunter2" not in text


def test_a_name_that_is_no_unicode_is_written_all_the_same(
    root: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start(tmp_path)
    logging.getLogger("xsmigui.test").info("file \udcff")
    assert "file ⟨U+DCFF⟩" in (tmp_path / "xsmigui.log").read_text(encoding="utf-8")
    assert capsys.readouterr().err == ""


def test_the_files_are_bounded(root: logging.Logger, tmp_path: Path) -> None:
    logs.start(tmp_path)
    for number in range(270):
        logging.getLogger("xsmigui.test").info("%d %s", number, "x" * 25_000)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["xsmigui.log", *(f"xsmigui.log.{n}" for n in range(1, 6))]
    assert all(f.stat().st_size <= 1 << 20 for f in files)
    assert ": 269 x" in (tmp_path / "xsmigui.log").read_text(encoding="utf-8")


def test_without_a_place_for_the_log_the_program_runs(
    root: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "xsmigui.log").mkdir()
    logs.start(tmp_path)
    logging.getLogger("xsmigui.test").warning("hello")
    assert capsys.readouterr().err == ""


def test_long_lines_cost_little() -> None:
    """A hundred kilobytes without a space: quadratic patterns would take minutes (the time limit of the suite)."""
    for text in ("x" * 200_000, "password" * 25_000, "https://" * 25_000, "change_password" * 15_000):
        redacted(text)


@pytest.mark.usefixtures("root")
def test_an_ended_log_lets_go_of_its_file(tmp_path: Path) -> None:
    handler = logs.start(tmp_path)
    logs.end(handler)
    assert handler not in logging.getLogger().handlers
    logging.getLogger("somewhere").warning("too late")
    assert (tmp_path / "xsmigui.log").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="rights are of another kind there")
@pytest.mark.usefixtures("root")
def test_the_log_is_its_owners_alone(tmp_path: Path) -> None:
    """Also one that an earlier version made, and those that it was rotated to."""
    (tmp_path / "xsmigui.log").write_text("old\n")
    (tmp_path / "xsmigui.log").chmod(0o644)
    before = os.umask(0)
    try:
        logs.start(tmp_path)
        for _number in range(50):
            logging.getLogger("xsmigui.test").info("%s", "x" * 25_000)
    finally:
        os.umask(before)
    files = list(tmp_path.iterdir())
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.usefixtures("root")
def test_what_a_server_says_is_neither_obeyed_nor_looks_like_a_record(tmp_path: Path) -> None:
    logs.start(tmp_path)
    text = "\x1b]0;title\x07\x9b31m\u202egnp\u2028\r\n2026-01-01 00:00:00,000 ERROR xsmigui: forged"
    logging.getLogger("xsmigui.test").info("the server said %s", text)
    lines = (tmp_path / "xsmigui.log").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert len(lines) == 2
    assert lines[1].startswith("    2026-01-01")
    assert all(line.isprintable() for line in lines)


@pytest.mark.usefixtures("root")
def test_twenty_megabytes_of_a_server_are_cut(tmp_path: Path) -> None:
    logs.start(tmp_path)
    logging.getLogger("xsmigui.test").info("%s", "x" * 20_000_000)
    assert (tmp_path / "xsmigui.log").stat().st_size < 40_000


@pytest.mark.usefixtures("root")
def test_a_full_disk_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logs.start(tmp_path)

    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    assert isinstance(handler, logging.StreamHandler)
    with monkeypatch.context() as patch:
        patch.setattr(handler, "stream", Full())
        logging.getLogger("xsmigui.test").info("lost")
    assert capsys.readouterr().err == ""
