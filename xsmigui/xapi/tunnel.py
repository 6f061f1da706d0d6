"""A way through an HTTP proxy to a server: CONNECT (RFC 9110, 9.3.6)."""

import asyncio
import base64

from xsmigui.core.addresses import host_and_port
from xsmigui.core.failures import ProxyFailed
from xsmigui.core.proxies import Proxy
from xsmigui.core.text import one_line
from xsmigui.xapi.decoding import SHOWN
from xsmigui.xapi.reasons import reason


def authorization(proxy: Proxy) -> dict[str, str]:
    """The header with the proxy's credentials, where it has some."""
    if not proxy.user:
        return {}
    pair = f"{proxy.user}:{proxy.password}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}


async def open_tunnel(url: str, proxy: Proxy) -> asyncio.StreamWriter:
    """Connected to the server at `url`, with nothing sent to it. Raises `ProxyFailed`; deadlines are the caller's."""
    host, port = host_and_port(url)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = {"Host": target, **authorization(proxy)}
    lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    try:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    except OSError as error:
        raise ProxyFailed(url, reason(error), proxy=proxy.url) from None
    try:
        writer.write("\r\n".join(lines).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, detail = _status(head)
        if not 200 <= status < 300:
            raise ProxyFailed(url, detail, proxy=proxy.url, status=status, knows_user=bool(proxy.user))
    except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
        writer.close()
        raise ProxyFailed(url, "no answer of a proxy", proxy=proxy.url) from None
    except BaseException:
        writer.close()
        raise
    return writer


def _status(head: str) -> tuple[int, str]:
    """The status and its words, from the first line of an answer."""
    version, _space, rest = head.partition("\r\n")[0].partition(" ")
    if not version.startswith("HTTP/"):
        raise ValueError(version)
    number, _space, words = rest.partition(" ")
    return int(number), one_line(f"{number} {words}", SHOWN)
