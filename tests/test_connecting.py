"""The command line and its servers: addresses, certificates, passwords, and what is said where they do not fit."""

import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.holding import PATIENCE
from tests.simulated import Simulated
from tests.test_cli import Run, as_it_was, at, only, run, shared_site, site, why
from tests.xapi.front import Front
from xsmigui.simulator.certificates import certificate
from xsmigui.simulator.encryption import RSA_ONLY
from xsmigui.simulator.failures import Failure

__all__ = ["as_it_was", "run", "shared_site", "site"]

OTHER = "ab" * 32


class Bytes(io.TextIOWrapper):
    """A stdin that holds these bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")


# Addresses.


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("host:abc", "port"),
        ("https://[::1", "not the address"),
        ("https://host/xapi", "path"),
        ("root:hunter2@host", "user name"),
        ("ftp://host", "https://"),
        ("", "not the address"),
        ("two words", "not the address"),
    ],
)
def test_what_is_no_address_is_said_in_words(run: Run, server: str, said: str) -> None:
    status, out, err = run("inventory", "--server", server, "--password-stdin", "--json")
    assert (status, why(out)) == (2, "bad-arguments")
    assert said in err
    assert "hunter2" not in err
    assert "Traceback" not in err


# Certificates.


def test_an_unknown_certificate_is_told_with_its_fingerprint(shared_site: Simulated, run: Run) -> None:
    pool = shared_site["Madrid"]
    status, _out, err = run("inventory", *at(pool, trust=False))
    assert status == 3
    assert pool.url in err
    assert pool.fingerprint in err


def test_a_given_fingerprint_wins_over_what_is_trusted(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    assert run("inventory", *at(pool), "--json")[0] == 0
    logins = site.run(lambda: pool.pool.faults.add("session.login_with_password", nth=1, times=0))
    status, _out, err = run("inventory", *at(pool, trust=False), "--fingerprint", OTHER, "--json")
    assert status == 3
    assert not logins.seen  # no password was sent
    assert OTHER in err
    assert pool.fingerprint in err
    status, _out, _err = run(
        "inventory", *at(pool, trust=False), "--fingerprint", OTHER, "--fingerprint", pool.fingerprint, "--json"
    )
    assert status == 0


def test_a_changed_certificate_is_told_with_both(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    assert run("inventory", *at(pool), "--json")[0] == 0
    new = site.fault(pool, "exchange_certificate")["fingerprint"]
    status, _out, err = run("inventory", *at(pool, trust=False), "--trust-on-first-use")
    assert status == 3
    assert pool.fingerprint in err
    assert new in err
    assert "presents the certificate" in err
    assert run("inventory", *at(pool, trust=False), "--fingerprint", new, "--json")[0] == 0
    assert run("inventory", *at(pool, trust=False), "--json")[0] == 0  # trusted instead, from now on


def test_behind_a_member_both_are_named_and_asked_for(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    member = pool.member_urls[0]
    own = site.run(lambda: next(c for h, c in pool.pool.certificates.items() if pool.pool.endpoints[h] == member))
    arguments = ["inventory", "--server", member, "--password-stdin", "--json"]
    status, _out, err = run(*arguments)
    assert (status, own.fingerprint in err) == (3, True)
    status, _out, err = run(*arguments, "--fingerprint", own.fingerprint)
    assert status == 3
    assert member in err
    assert pool.url in err
    assert pool.fingerprint in err
    assert "as well" in err
    both = ["--fingerprint", own.fingerprint, "--fingerprint", pool.fingerprint]
    status, out, _err = run(*arguments, *both)
    assert (status, only(out)["pools"][0]["name"]) == (0, "Madrid")


def test_a_dead_coordinator_behind_a_member_is_named_with_it(site: Simulated, run: Run) -> None:
    pool = site["Madrid"]
    moved = Failure("HOST_IS_SLAVE", "127.0.0.1:1")
    site.run(lambda: pool.pool.faults.add("session.login_with_password", failure=moved))
    status, _out, err = run("inventory", *at(pool))
    assert status == 3
    assert pool.url in err
    assert "https://127.0.0.1:1 " in err


@pytest.mark.parametrize("text", ["abc", "ab" * 20, "ab" * 31 + "xy"])
def test_what_is_no_fingerprint_is_refused_before_anything_is_sent(shared_site: Simulated, run: Run, text: str) -> None:
    status, _out, err = run("inventory", *at(shared_site["Madrid"], trust=False), "--fingerprint", text)
    assert status == 2
    assert "SHA-256" in err


def test_old_encryption_is_told(run: Run) -> None:
    with Simulated.start("standalone", http=True) as plain:
        shown = certificate("old", "1", RSA_ONLY)
        with Front(shown, plain.pools[0].url) as front:
            arguments = ["inventory", "--server", front.url, "--password-stdin"]
            status, _out, err = run(*arguments)
            assert (status, "old encryption" in err) == (3, True)
            status, out, err = run(*arguments, "--fingerprint", shown.fingerprint, "--json")
            (pool,) = only(out)["pools"]
            assert (status, pool["url"], pool["old_encryption"]) == (0, front.url, True)
            assert "old encryption" in err


def test_no_cipher_in_common_is_told_as_that(run: Run) -> None:
    shown = certificate("strange", "1", RSA_ONLY)
    shown.context.set_ciphers("ARIA128-GCM-SHA256@SECLEVEL=0")
    with Front(shown) as front:
        status, _out, err = run("inventory", "--server", front.url, "--password-stdin", "--trust-on-first-use")
    assert status == 3
    assert "no cipher" in err
    assert "server is up" not in err


# Passwords.


@pytest.mark.parametrize(
    ("data", "password"),
    [
        (b"secret\n", "secret"),
        (b"secret", "secret"),
        (b"secret\r\n", "secret"),
        (b"\xef\xbb\xbfsecret\n", "secret"),
        ("contraseña\n".encode(), "contraseña"),
        ("contraseña\n".encode("latin-1"), "contraseña"),
        (b"\x80\xff\xfe\n", "\x80\xff\xfe"),
        ("a\u2028b\x0b\x85c\n".encode(), "a\u2028b\x0b\x85c"),
        (b"a\rb\n", "a\rb"),
        (b" two words \n", " two words "),
        (b"\t\x01\x1f\n", "\t\x01\x1f"),
        (b"\n", ""),
        ("\U0001f511\n".encode(), "\U0001f511"),
        (b'"\\\n', '"\\'),
    ],
)
def test_passwords_in_any_bytes(
    site: Simulated, run: Run, data: bytes, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.run(lambda: site["Madrid"].pool.account("root", password))
    monkeypatch.setattr(io, "StringIO", lambda _text: Bytes(data))
    assert run("inventory", *at(site["Madrid"]), "--json")[0] == 0


@pytest.mark.parametrize("password", ["hunter2", "", "\ud800"])
def test_a_wrong_password_names_its_server(
    site: Simulated, run: Run, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"secret\n" + password.encode(errors="surrogatepass") + b"\n"
    monkeypatch.setattr(io, "StringIO", lambda _text: Bytes(data))
    status, _out, err = run("inventory", *at(*site.pools))
    assert status == 3
    assert site["Lisboa"].url in err
    assert site["Madrid"].url not in err
    assert "password" in err
    assert "hunter2" not in err


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure("SESSION_AUTHORIZATION_FAILED", "ada", "no roles"), "may not log in"),
        (Failure("AUTH_SERVICE_ERROR", "winbind"), "Active Directory"),
        (Failure("RBAC_PERMISSION_DENIED", "session.login", "Roles with this permission: pool-admin"), "role"),
        (Failure("HOST_STILL_BOOTING"), "still starting"),
        (Failure("HOST_IS_SLAVE", "not [an address"), "member of a pool"),
        (Failure("HOST_IS_SLAVE"), "member of a pool"),
        (Failure("SOMETHING_NEW", "x"), "SOMETHING_NEW"),
    ],
)
def test_refusals_at_login_are_told_in_words_with_the_server(
    site: Simulated, run: Run, failure: Failure, said: str
) -> None:
    pool = site["Madrid"]
    site.run(lambda: pool.pool.faults.add("session.login_with_password", failure=failure))
    status, out, err = run("inventory", *at(pool), "--json")
    assert (status, why(out)) == (3, "no-connection")
    assert said in err
    assert pool.url in err
    assert "Traceback" not in err


@pytest.fixture
def program(home: Path) -> list[str]:
    return [sys.executable, "-m", "xsmigui"]


def test_a_closed_stdin_has_no_password(shared_site: Simulated, program: list[str]) -> None:
    command = [*program, "inventory", *at(shared_site["Madrid"]), "--json"]
    for stdin in (subprocess.DEVNULL, None):
        ended = subprocess.run(
            command if stdin is not None else ["sh", "-c", '"$@" <&-', "sh", *command],
            stdin=stdin, capture_output=True, text=True, check=False, env={**os.environ, "LANGUAGE": "en"},
        )  # fmt: skip
        assert (ended.returncode, why(ended.stdout)) == (2, "bad-arguments")
        assert "stdin" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_password_stdin_at_a_terminal_shows_nothing_and_asks_once_for_each_server(
    shared_site: Simulated, program: list[str]
) -> None:
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [*program, "inventory", *at(*shared_site.pools), "--json"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "LANGUAGE": "en"},
    )  # fmt: skip
    assert started.stderr is not None
    try:
        for pool in shared_site.pools:
            prompt = b""
            while not prompt.endswith(b": "):
                byte = started.stderr.read(1)
                assert byte, prompt
                prompt += byte
            assert pool.url.encode() in prompt
            os.write(ours, b"secret\n")
        out, _err = started.communicate(timeout=PATIENCE)
        echoed = os.read(ours, 1024) if select.select([ours], [], [], 0)[0] else b""
    finally:
        started.kill()
        os.close(theirs)
        os.close(ours)
    assert started.returncode == 0
    assert b"Lisboa" in out
    assert b"secret" not in echoed
