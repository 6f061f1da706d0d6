"""Addresses of servers as people type them and as servers name each other."""

import ipaddress
from typing import Final
from urllib.parse import SplitResult, urlsplit

from xsmigui.core.text import _

PORTS: Final = {"https": 443, "http": 80}

LONGEST_NAME_CHARS: Final = 253
"""Characters that a host name may have (RFC 1035)."""


class BadAddress(ValueError):
    """What was given is no address of a server; the text says why, for a reader."""


def normal_url(text: str) -> str:
    """A server's address as typed, as a url: https unless it says otherwise, the port only where it is unusual; IPv6
    addresses may stand with and without brackets. Empty text stays empty.

    Raises:
        BadAddress: what is no address, or has more to it than scheme, host and port.
    """
    text = text.strip()
    if not text:
        return ""
    if "@" in text:  # first: what stands before it may be a password, and is in no message
        shown = "…@" + ascii(text.rpartition("@")[2])[1:-1]
        raise BadAddress(_("“{text}”: the user name is not part of the address.", text=shown))
    if not text.isprintable():  # urlsplit drops some of these without a word
        raise BadAddress(_("“{text}” is not the address of a server.", text=ascii(text)[1:-1]))
    parts = _split(text)
    if parts.scheme not in PORTS:
        raise BadAddress(
            _("“{text}” is not the address of a server: addresses begin with https:// or http://.", text=text)
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise BadAddress(
            _("“{text}” contains a path. Type the server's name or address, and its port if it is not 443.", text=text)
        )
    host = _host(parts, text)
    if not host.startswith("[") and parts.netloc.count(":") > 1:  # something like an IPv6 address
        raise BadAddress(_("“{text}” is not the address of a server.", text=text))
    try:
        port = parts.port
    except ValueError:
        raise BadAddress(_("“{text}”: the port is a number from 1 to 65535.", text=text)) from None
    if port == 0:
        raise BadAddress(_("“{text}”: the port is a number from 1 to 65535.", text=text))
    shown = f":{port}" if port and port != PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{host}{shown}"


def beside(url: str, address: str) -> str:
    """Another server's url, as the server at `url` names it: with the same scheme. Raises `BadAddress`."""
    if not address.strip() or "://" in address:
        raise BadAddress(_("“{text}” is not the address of a server.", text=address))
    return normal_url(f"{urlsplit(url).scheme}://{_bracketed(address.strip())}")


def host_and_port(url: str) -> tuple[str, int]:
    """Where a normal url leads."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)


def _split(text: str) -> SplitResult:
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "https", text
    try:
        return urlsplit(f"{scheme}://{_bracketed(rest)}")
    except ValueError:
        raise BadAddress(_("“{text}” is not the address of a server.", text=text)) from None


def _bracketed(rest: str) -> str:
    """An IPv6 address that stands alone, in its brackets; everything else as it is. The % before a zone may be written
    as urls want it (RFC 6874: %25)."""
    rest = rest.replace("%25", "%")
    bare = rest.rstrip("/")
    try:
        return f"[{ipaddress.IPv6Address(bare)}]"
    except ValueError:
        return rest


def _host(parts: SplitResult, text: str) -> str:
    """The host as a url writes it; IPv6 in brackets."""
    wrong = BadAddress(_("“{text}” is not the address of a server.", text=text))
    host = parts.hostname or ""
    if ":" in host:
        if not parts.netloc.startswith("[") or parts.netloc.rpartition("]")[2][:1] not in ("", ":"):
            raise wrong
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            raise wrong from None
    if host.replace(".", "").isdigit():
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise wrong from None
    if not host or "[" in parts.netloc or not all(c.isalnum() or c in "-_." for c in host):
        raise wrong
    try:
        if len(host.encode("idna")) > LONGEST_NAME_CHARS:
            raise wrong
    except UnicodeError:  # an empty label, or one of more than 63 characters
        raise wrong from None
    return host
