"""HTTP proxies between this computer and the servers, as values: which one a server is reached through."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import unquote, urlsplit

from xsmigui.core.addresses import BadAddress, host_and_port, normal_url
from xsmigui.core.text import _

DIRECT: Final = "direct"
"""What stands in the place of a proxy's address to say that there is none."""

NONE: Final = (DIRECT, "none")
"""How people say so, in small letters."""

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
"""Of a url (RFC 3986)."""

PORT: Final = 3128
"""Of proxies whose address names none."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked to connect (CONNECT) to the servers. The password is in no text of it."""

    host: str
    port: int = PORT
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Without credentials."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.url


ProxyOf = Callable[[str], Proxy | None]
"""The proxy for a server's url; None if it is reached directly. Raises `BadAddress` where what is set is none."""


def no_proxy(_url: str) -> Proxy | None:
    return None


def proxy_from(text: str) -> Proxy:
    """A proxy as people write it: ``http://user:password@proxy:3128``, each part but the host left out at will. Raises
    `BadAddress`, without the password."""
    scheme, found, rest = text.strip().partition("://")
    if not found or not SCHEME.fullmatch(scheme):  # a password may have these characters too
        scheme, rest = "http", text.strip()
    credentials, _at, address = rest.rpartition("@")
    name, colon, number = address.partition("/")[0].rpartition(":")
    is_number = not colon or number.isdigit() or "]" in number or ":" in name
    shown = f"{scheme}://{address if is_number else f'{name}:…'}"  # what should be a port may be a password
    if scheme.lower() != "http":
        raise BadAddress(_("“{text}” cannot be used: only HTTP proxies, http://proxy:port, can.", text=shown))
    if not address.strip("/"):
        raise BadAddress(_("“{text}” is not the address of a proxy.", text=scheme + "://"))
    if not is_number:
        raise BadAddress(_("“{text}”: the port is a number from 1 to 65535.", text=shown))
    url = normal_url(f"http://{address}")
    host, port = host_and_port(url)
    if not urlsplit(url).port:
        port = 80 if address.rstrip("/").endswith(":80") else PORT
    user, _colon, password = credentials.partition(":")
    return Proxy(host, port, unquote(user), unquote(password))


def excepts(exceptions: str, url: str) -> bool:
    """One of the exceptions, with commas or semicolons between them, is the server: ``*``, a name, the end of a name,
    an address, a network (``10.0.0.0/8``), each also with a port; ``*`` stands for any characters inside of a name too
    (``192.168.*``, as Windows has it), ``<local>`` for all names without a dot."""
    host, port = host_and_port(url)
    patterns = exceptions.replace(";", ",").replace(",", " ").split()
    return any(_matches(_place(pattern), host.lower().rstrip("."), port) for pattern in patterns)


def _place(pattern: str) -> str:
    """An exception without what some write around it: ``https://xen1/`` is ``xen1``."""
    return pattern.lower().rpartition("://")[2].rstrip("/")


def _matches(pattern: str, host: str, port: int) -> bool:
    if pattern == "*":
        return True
    if pattern == "<local>":
        return "." not in host and ":" not in host
    try:
        network = ipaddress.ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    name, colon, number = pattern.rpartition(":")
    if colon and number.isdigit():
        return int(number) == port and _matches(name, host, port)
    end = pattern.lstrip("*").lstrip(".").rstrip(".")
    if "*" in end:
        return fnmatchcase(host, pattern.replace("[", "[[]").replace("?", "[?]"))
    return bool(end) and (host == end or host.endswith("." + end))
