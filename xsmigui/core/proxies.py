"""HTTP proxies between this computer and the servers, as values: which one a server is reached through."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from xsmigui.core.addresses import BadAddress, host_and_port, normal_url
from xsmigui.core.text import _

DIRECT: Final = "direct"
"""What stands in the place of a proxy's address to say that there is none."""

NONE: Final = (DIRECT, "none")
"""How people say so, in small letters."""

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
    if not found:
        scheme, rest = "http", text.strip()
    credentials, _at, address = rest.rpartition("@")
    if scheme.lower() != "http":
        shown = f"{scheme}://{address}"
        raise BadAddress(_("“{text}” cannot be used: only HTTP proxies, http://proxy:port, can.", text=shown))
    if not address.strip("/"):
        raise BadAddress(_("“{text}” is not the address of a proxy.", text=text.strip()))
    url = normal_url(f"http://{address}")
    host, port = host_and_port(url)
    if not urlsplit(url).port:
        port = 80 if address.rstrip("/").endswith(":80") else PORT
    user, _colon, password = credentials.partition(":")
    return Proxy(host, port, unquote(user), unquote(password))


def excepts(exceptions: str, url: str) -> bool:
    """One of the exceptions, with commas or semicolons between them, is the server: ``*``, a name, the end of a name,
    an address, a network (``10.0.0.0/8``), names also with a port; ``<local>`` stands for all names without a dot."""
    host, port = host_and_port(url)
    patterns = exceptions.replace(";", ",").replace(" ", ",").split(",")
    return any(_matches(pattern.strip().lower(), host.lower(), port) for pattern in patterns if pattern.strip())


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
    end = pattern.lstrip("*").lstrip(".")
    return bool(end) and (host == end or host.endswith("." + end))
