"""Which proxy this computer is set to use: by the operator in this program, else by the environment or the system.

The environment's variables are those that browsers and curl read: HTTPS_PROXY, ALL_PROXY and NO_PROXY, in capitals or
not (http_proxy in small letters only, since web servers set the other from a request's head). On Windows and macOS
without them the system's own setting counts. Automatic configuration (PAC) is not read.
"""

import os
import sys
import urllib.request

from xsmigui.core.addresses import BadAddress
from xsmigui.core.preferences import Settings
from xsmigui.core.proxies import DIRECT, Proxy, ProxyOf, excepts, proxy_from


def from_environment(url: str) -> Proxy | None:
    """The proxy for a server as the environment or the system says. Raises `BadAddress` where that is none."""
    scheme = url.partition(":")[0]
    for name in (f"{scheme}_proxy", "all_proxy"):
        if found := _variable(name):
            if excepts(_variable("no_proxy"), url):
                return None
            try:
                return proxy_from(found)
            except BadAddress as wrong:
                raise BadAddress(f"{name.upper()}: {wrong}") from None
    if sys.platform in ("win32", "darwin"):  # elsewhere there is no other place
        return _from_system(scheme, url)
    return None


def _variable(name: str) -> str:
    small = os.environ.get(name, "")
    return small or ("" if name == "http_proxy" else os.environ.get(name.upper(), ""))


def _from_system(scheme: str, url: str) -> Proxy | None:
    from xsmigui.core.addresses import host_and_port

    found = urllib.request.getproxies().get(scheme, "")
    if not found or urllib.request.proxy_bypass(host_and_port(url)[0]):
        return None
    return proxy_from(found)


def chosen(proxy: str, exceptions: str) -> ProxyOf:
    """What was chosen for this program: an address, `DIRECT` for none, empty for what the environment says."""
    if not proxy:
        return from_environment
    if proxy == DIRECT:
        return lambda _url: None
    return lambda url: None if excepts(exceptions, url) else proxy_from(proxy)


def proxies(settings: Settings) -> ProxyOf:
    """As the settings say."""
    return chosen(settings.proxy, settings.proxy_exceptions)
