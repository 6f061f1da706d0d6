"""Which proxy this computer is set to use."""

import urllib.request

import pytest

from xsmigui.core.preferences import Settings
from xsmigui.core.proxies import Proxy
from xsmigui.local.proxies import chosen, from_environment, proxies

URL = "https://xen1.example:8443"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, URL, None),
        ({"https_proxy": "http://p:1"}, URL, Proxy("p", 1)),
        ({"HTTPS_PROXY": "http://ada:x@p:1"}, URL, Proxy("p", 1, "ada", "x")),
        ({"HTTPS_PROXY": "http://big:1", "https_proxy": "http://small:2"}, URL, Proxy("small", 2)),
        ({"ALL_PROXY": "p:1"}, URL, Proxy("p", 1)),
        ({"ALL_PROXY": "p:1", "https_proxy": "q:2"}, URL, Proxy("q", 2)),
        ({"http_proxy": "p:1"}, URL, None),
        ({"http_proxy": "p:1"}, "http://xen1", Proxy("p", 1)),
        ({"HTTP_PROXY": "p:1"}, "http://xen1", None),
        ({"https_proxy": "p:1", "NO_PROXY": "localhost,.example"}, URL, None),
        ({"https_proxy": "p:1", "no_proxy": "other"}, URL, Proxy("p", 1)),
        ({"https_proxy": "", "HTTPS_PROXY": ""}, URL, None),
    ],
)
def test_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: Proxy | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert from_environment(url) == proxy


def test_the_system_where_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://office:8080"})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "inside")
    assert from_environment(URL) == Proxy("office", 8080)
    assert from_environment("https://inside") is None
    assert from_environment("http://xen1") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://mine:1")
    assert from_environment(URL) == Proxy("mine", 1)


def test_the_settings_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://environment:1")
    assert proxies(Settings())(URL) == Proxy("environment", 1)
    assert proxies(Settings(proxy="direct"))(URL) is None
    named = proxies(Settings(proxy="http://office:2", proxy_exceptions="10.0.0.0/8"))
    assert named(URL) == Proxy("office", 2)
    assert named("https://10.1.1.1") is None
    monkeypatch.setenv("NO_PROXY", "*")
    assert chosen("http://office:2", "")(URL) == Proxy("office", 2)  # what was chosen here has exceptions of its own
