"""Addresses as people type them, and as servers name each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmigui.core.addresses import BadAddress, beside, host_and_port, normal_url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("", ""),
        ("  ", ""),
        ("xen1", "https://xen1"),
        (" Xen1.Example.COM/ ", "https://xen1.example.com"),
        ("xen1.", "https://xen1."),
        ("xen_1:8443", "https://xen_1:8443"),
        ("xen1:443", "https://xen1"),
        ("xen1:", "https://xen1"),
        ("HTTPS://xen1", "https://xen1"),
        ("http://xen1:80/", "http://xen1"),
        ("http://xen1:443", "http://xen1:443"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("10.0.0.1:8443", "https://10.0.0.1:8443"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("2001:DB8:0::1", "https://[2001:db8::1]"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://2001:db8::1", "https://[2001:db8::1]"),
        ("https://2001:db8::1/", "https://[2001:db8::1]"),
        ("http://[::1]:80", "http://[::1]"),
        ("::1", "https://[::1]"),
        ("fe80::1%eth0", "https://[fe80::1%eth0]"),
        ("https://[FE80::1%25eth0]:8443/", "https://[fe80::1%eth0]:8443"),
        ("münchen.example", "https://münchen.example"),
    ],
)
def test_addresses_as_people_type_them(typed: str, url: str) -> None:
    assert normal_url(typed) == url
    assert normal_url(url) == url


@pytest.mark.parametrize(
    "typed",
    [
        "host:abc",
        "host:0",
        "host:65536",
        "host:-1",
        "host:1:2",
        "[::1]:port",
        "[::1]8",
        "x[::1]",
        "https://[::1",
        "https://::1]",
        "[::1]x",
        "[xen1]",
        "[::g]",
        "https://",
        "https:///",
        "https:///xen1",
        "ftp://xen1",
        "xapi://xen1",
        "two words",
        "a;b",
        "a,b",
        "xen1\\share",
        "xen1\n.example",
        "a..b",
        ".",
        "x" * 64 + ".example",
        ".".join(["abcdefgh"] * 30),
        "300.1.1.1",
        "fe80::1%",
        "::1:99999",
        "10.0.0",
        "1234",
    ],
)
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(BadAddress, match=r"\S"):
        normal_url(typed)


@pytest.mark.parametrize("typed", ["fe80::1%", "::1:8443:x", "host:1:2", "fe80:::1"])
def test_what_looks_like_ipv6_is_not_called_a_wrong_port(typed: str) -> None:
    with pytest.raises(BadAddress, match="is not the address"):
        normal_url(typed)


@pytest.mark.parametrize(
    "typed", ["xen1/jsonrpc", "https://xen1/xapi/", "https://xen1//", "xen1?x=1", "xen1#top", "xen1?", "xen1/#"]
)
def test_a_path_is_refused_never_dropped(typed: str) -> None:
    with pytest.raises(BadAddress, match="path"):
        normal_url(typed)


def test_a_user_in_the_address_is_refused_and_its_password_not_repeated() -> None:
    for typed in (
        "root:secret@xen1",
        "https://root:secret@xen1",
        "root@xen1",
        "https://root:se/secret@xen1",
        "https://root:secret?@xen1/x",
        "ftp://root:secret@xen1",
        "https://root:secret@",
        "root:secret\t@xen1",
        "https://root:secret@xen1:port",
    ):
        with pytest.raises(BadAddress, match="user name") as caught:
            normal_url(typed)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("10.0.0.2", "https://10.0.0.2"),
        ("xen2", "https://xen2"),
        ("2001:db8::2", "https://[2001:db8::2]"),
        ("[2001:db8::2]", "https://[2001:db8::2]"),
        ("127.0.0.1:8443", "https://127.0.0.1:8443"),
    ],
)
def test_addresses_as_servers_name_each_other(named: str, url: str) -> None:
    assert beside("https://xen1:444", named) == url
    assert beside("http://xen1", named) == url.replace("https", "http")


@pytest.mark.parametrize("named", ["", " ", "[::1", "a b", "http://xen2", "xen2/x", "root@xen2", "<unknown>"])
def test_what_servers_name_may_be_no_address(named: str) -> None:
    with pytest.raises(BadAddress):
        beside("https://xen1", named)


def test_where_a_url_leads() -> None:
    assert host_and_port("https://[::1]") == ("::1", 443)
    assert host_and_port("http://xen1") == ("xen1", 80)
    assert host_and_port("https://xen1:8443") == ("xen1", 8443)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused_in_words(text: str) -> None:
    try:
        url = normal_url(text)
    except BadAddress:
        return
    assert not url or normal_url(url) == url
