"""Proxies as people write them, and the servers that they are not for."""

import pytest

from xsmigui.core.addresses import BadAddress
from xsmigui.core.proxies import Proxy, excepts, proxy_from


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy:3128", Proxy("proxy", 3128)),
        ("proxy:8080", Proxy("proxy", 8080)),
        ("proxy", Proxy("proxy", 3128)),
        ("http://proxy:80/", Proxy("proxy", 80)),
        ("HTTP://Proxy.Example:3128", Proxy("proxy.example", 3128)),
        ("http://ada:s%40cret@proxy", Proxy("proxy", 3128, "ada", "s@cret")),
        ("http://ada@proxy:1", Proxy("proxy", 1, "ada")),
        ("http://[::1]:3128", Proxy("::1", 3128)),
        ("ada:s/cret@proxy", Proxy("proxy", 3128, "ada", "s/cret")),
        ("ada:s://cret@proxy", Proxy("proxy", 3128, "ada", "s://cret")),
        ("[2001:db8::1]", Proxy("2001:db8::1", 3128)),
    ],
)
def test_proxies_as_people_write_them(text: str, proxy: Proxy) -> None:
    assert proxy_from(text) == proxy
    assert "cret" not in repr(proxy) + str(proxy) + proxy.url


@pytest.mark.parametrize(
    "text",
    ["", "http://", "socks5://proxy:1080", "https://proxy", "http://proxy:x", "http://a:hunter2@pro xy", "http://proxy/pac",
     "http://proxy:3128/pac", "http://ada:hunter2@", "http://ada:hunter2", "ada:hunter2", "socks5://ada:hunter2",
     "https://ada:hunter2@proxy", "http://ada:hunter2@proxy:x/"],
)  # fmt: skip
def test_what_is_no_proxy_is_said_without_its_password(text: str) -> None:
    with pytest.raises(BadAddress) as caught:
        proxy_from(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("exceptions", "url", "is_one"),
    [
        ("", "https://xen1", False),
        ("*", "https://xen1", True),
        ("xen1", "https://xen1", True),
        ("XEN1", "https://xen1", True),
        ("xen", "https://xen1", False),
        ("example.com", "https://xen1.example.com", True),
        (".example.com", "https://xen1.example.com", True),
        ("*.example.com", "https://xen1.example.com", True),
        ("example.com", "https://badexample.com", False),
        ("a, b;xen1  c", "https://xen1", True),
        ("xen1:443", "https://xen1", True),
        ("xen1:443", "https://xen1:8443", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", "https://ten.example", False),
        ("10.1.2.3", "https://10.1.2.3:8443", True),
        ("10.1.2.3:8443", "https://10.1.2.3", False),
        ("::1", "https://[::1]", True),
        ("[::1]", "https://[::1]:8443", True),
        ("2001:db8::/32", "https://[2001:db8::9]", True),
        ("<local>", "https://xen1", True),
        ("<local>", "https://xen1.example", False),
        ("<local>", "https://[::1]", False),
        (",,;", "https://xen1", False),
        ("192.168.*", "https://192.168.3.4", True),
        ("192.168.*", "https://192.169.3.4", False),
        ("10.*:8443", "https://10.0.0.1:8443", True),
        ("xen*.lab", "https://xen-01.lab", True),
        ("xen[1].*", "https://xen1.lab", False),
        ("https://xen1/", "https://xen1", True),
        ("xen1.", "https://xen1", True),
        ("xen1", "https://xen1.", True),
        ("a\txen1", "https://xen1", True),
    ],
)
def test_exceptions(exceptions: str, url: str, is_one: bool) -> None:
    assert excepts(exceptions, url) is is_one
