"""Servers behind an HTTP proxy, on the command line: by option, by the window's settings, by the environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proxying import HttpProxy
from tests.simulated import Simulated
from tests.test_cli import Run, at
from xsmigui.local.settings import SettingsFile

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def proxy() -> Iterator[HttpProxy]:
    with HttpProxy() as made:
        yield made


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_migration_through_a_proxy(site: Simulated, run: Run, proxy: HttpProxy) -> None:
    arguments = [*at(*site.pools), "--vm", "web-01", "--to", "Lisboa", "--sr", "NFS Lisboa", "--yes"]
    status, out, err = run("migrate", *arguments, "--proxy", proxy.url)
    assert status == 0, err
    assert "web-01" in out
    for pool in site.pools:
        assert pool.url.removeprefix("https://") in proxy.log


@pytest.mark.parametrize(
    ("setting", "environment", "options", "status"),
    [
        ({}, {}, ["--proxy", NOBODY], 3),
        ({}, {}, ["--proxy", NOBODY, "--no-proxy", "127.0.0.0/8"], 0),
        ({}, {}, ["--proxy", NOBODY, "--no-proxy", "10.0.0.0/8,.example"], 3),
        ({}, {"HTTPS_PROXY": NOBODY}, [], 3),
        ({}, {"https_proxy": NOBODY}, [], 3),
        ({}, {"HTTPS_PROXY": NOBODY, "NO_PROXY": "127.0.0.1"}, [], 0),
        ({}, {"HTTPS_PROXY": NOBODY}, ["--no-proxy", "127.0.0.1"], 0),
        ({}, {"HTTPS_PROXY": NOBODY}, ["--proxy", "direct"], 0),
        ({}, {"HTTPS_PROXY": NOBODY}, ["--proxy", "NONE"], 0),
        ({"proxy": NOBODY}, {}, [], 3),
        ({"proxy": NOBODY}, {}, ["--proxy", "Direct"], 0),
        ({"proxy": NOBODY, "proxy_exceptions": "127.0.0.1"}, {}, [], 0),
        ({"proxy": NOBODY, "proxy_exceptions": "127.0.0.1"}, {}, ["--proxy", NOBODY], 3),
        ({"proxy": "direct"}, {"HTTPS_PROXY": NOBODY}, [], 0),
    ],
)
def test_which_one_is_taken(
    shared_site: Simulated,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, str],
    environment: dict[str, str],
    options: list[str],
    status: int,
) -> None:
    if setting:
        SettingsFile(home).change(**setting)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended, _out, err = run("inventory", *at(shared_site["Madrid"]), *options, "--json")
    assert ended == status, err
    assert (NOBODY in err) is (status == 3)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", "socks5://ada:hunter2@127.0.0.1:1", "“socks5://127.0.0.1:1” cannot be used: only HTTP proxies"),
        ("https_proxy", "http://ada:hunter2@", "“http://” is not the address of a proxy"),
        ("HTTPS_PROXY", "http://ada:hunter2", "the port is a number"),
    ],
)
def test_what_the_environment_has_that_is_no_proxy(
    shared_site: Simulated, run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    status, _out, err = run("inventory", *at(shared_site["Madrid"]), "--json")
    assert status == 3
    assert f"the proxy that is set cannot be used. {name.upper()}: " in err
    assert said in err
    assert "does not answer" not in err
    assert "hunter2" not in err + (home / "xsmigui.log").read_text()


def test_a_proxy_that_does_not_know_the_user(
    shared_site: Simulated, run: Run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    with HttpProxy("ada:right") as guarded:
        place = guarded.url.removeprefix("http://").rpartition("@")[2]
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:hunter2@{place}")
        status, _out, err = run("inventory", *at(shared_site["Madrid"]), "--json")
        assert (status, "does not accept this user name and password" in err) == (3, True), err
        assert "hunter2" not in err + (home / "xsmigui.log").read_text()
        monkeypatch.setenv("HTTPS_PROXY", f"http://{place}")
        status, _out, err = run("inventory", *at(shared_site["Madrid"]), "--json")
        assert (status, "wants a user name and a password" in err) == (3, True), err
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:right@{place}")
        assert run("inventory", *at(shared_site["Madrid"]), "--json")[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://", "not the address of a proxy"),
        ("socks5://x:1", "only HTTP proxies"),
        ("https://x:1", "only HTTP proxies"),
        ("http://u:hunter2@x", "no password"),
        ("x:99999", "65535"),
        ("[::1", "not the address"),
        ("x/pac", "path"),
    ],
)
def test_what_is_no_proxy_is_said_before_anything_is_sent(
    shared_site: Simulated, run: Run, text: str, said: str
) -> None:
    status, _out, err = run("inventory", *at(shared_site["Madrid"]), "--proxy", text)
    assert status == 2
    assert said in err
    assert "hunter2" not in err
