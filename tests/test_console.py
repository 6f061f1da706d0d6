"""What the command line prints: nothing that a terminal obeys, whatever a server has called things."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from tests.simulated import Simulated
from tests.test_streams import connection, start
from xsmigui import console
from xsmigui.core.text import escaped
from xsmigui.local import streams

EVIL = "\x1b]0;pwned\x07\x9b31m\u202egnp\u2066\x7f\r\nVM"


@pytest.mark.parametrize("text", [EVIL, "plain", "ñ 漢 👨\u200d👩\u200d👧", "", "a\ud800b", "\U000e0041" * 5000])
def test_json_says_the_same_in_escapes(text: str) -> None:
    document = json.dumps({"name": text}, ensure_ascii=False, indent=2)
    assert json.loads(escaped(document)) == {"name": text}
    assert all(char.isprintable() or char in "\n\u200d" for char in escaped(document))


def test_what_is_printed_is_no_order_to_the_terminal() -> None:
    raw = io.BytesIO()
    printed = streams._Text(raw, encoding="utf-8")
    print(EVIL, "\tcell", file=printed, flush=True)
    text = raw.getvalue().decode()
    assert not set(text) & set("\x1b\x9b\u202e\r")
    assert text.endswith("VM \tcell\n")


def test_a_column_is_no_wider_than_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table([("Name", "State"), ("x" * 1_000_000, "\x1b[31m"), ("web", "running")])
    out = capsys.readouterr().out
    assert len(out) < 1000
    assert "\x1b" not in out


@pytest.mark.parametrize("arguments", [["inventory"], ["inventory", "--json"], ["preflight"], ["preflight", "--json"]])
def test_names_of_a_server_on_the_command_line(arguments: list[str], home: Path) -> None:
    with Simulated.start("two-pools") as site:
        pool = site["Madrid"]
        vm = site.vm(pool, "web-01")
        rows, host = pool.pool.db.table, site.call(pool, "host.get_all")[0]
        # xapi takes no such text through its API; a database, or a server that only behaves like xapi, may hold it.
        site.run(lambda: rows("VM")[vm].update(name_label=EVIL.replace("\x07", "")))
        site.run(lambda: rows("host")[host].update(name_label="\x9b31mhost\u202e"))
        uuid = site.run(lambda: pool.pool.db.row("VM", vm)["uuid"])
        if arguments[0] == "preflight":
            arguments = [*arguments, "--vm", uuid, "--to", "Lisboa"]
        command, environment = start(home, *arguments, *connection(site))
        done = subprocess.run(
            command, env=environment, input=b"secret\n", capture_output=True, timeout=PATIENCE, check=False
        )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout
    assert b"pwned" in done.stdout + done.stderr
    for stream in (done.stdout, done.stderr):
        assert all(char.isprintable() or char in "\n\t" for char in stream.decode())
    log = (home / "xsmigui.log").read_text(encoding="utf-8")
    assert all(char.isprintable() or char in "\n\t" for char in log)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
@pytest.mark.parametrize("arguments", [["jobs"], ["inventory", "--server", "https://127.0.0.1:1", "--password-stdin"]])
def test_a_home_on_a_full_disk_is_said_in_a_sentence(arguments: list[str], home: Path) -> None:
    """Nothing can be written to any file, as on a full disk."""
    command, environment = start(home, *arguments)
    limited = ["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "sh", *command]
    done = subprocess.run(
        limited, env=environment, input=b"secret\n", capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert str(home) in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_an_error_of_our_own_is_a_sentence_and_never_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path, expected_errors: list[str]
) -> None:
    from xsmigui import cli
    from xsmigui.local import logs

    expected_errors.append("jobs")
    handlers: list[object] = []
    started = logs.start
    monkeypatch.setattr(logs, "start", lambda folder: handlers.append(started(folder)))

    async def broken(_options: object) -> int:
        raise RuntimeError("what nobody foresaw\nOpaqueRef:0b1c2d3e-1111")

    monkeypatch.setattr(cli, "show_jobs", broken)
    status = cli.main(["jobs"])
    logs.end(handlers[0])  # type: ignore[arg-type]
    err = capsys.readouterr().err
    assert status == console.FAILED
    assert err.count("\n") == 1
    assert "what nobody foresaw" in err
    assert "0b1c2d3e" not in err
    assert "Traceback" not in err
    assert "Traceback" in (home / "xsmigui.log").read_text(encoding="utf-8")
