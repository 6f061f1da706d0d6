"""Servers, passwords and certificates, as the options name them."""

import argparse
import asyncio
import codecs
from collections.abc import Awaitable, Callable

from xsmigui.console import BadArguments, say
from xsmigui.core.addresses import BadAddress, normal_url
from xsmigui.core.catalogue import sentence
from xsmigui.core.connecting import old_encryption
from xsmigui.core.failures import WIRE_ERRORS, CertificateChanged, CertificateUnknown, ServerFailure
from xsmigui.core.outline_nodes import Link
from xsmigui.core.ports import Address
from xsmigui.core.proxies import DIRECT, NONE, ProxyOf, excepts, proxy_from
from xsmigui.core.text import _, joined
from xsmigui.local import paths
from xsmigui.local.keyring import Keyring
from xsmigui.local.proxies import chosen
from xsmigui.local.settings import SettingsFile
from xsmigui.local.trust import GivenTrust, is_fingerprint
from xsmigui.local.unhurried import at_a_terminal, typed_password, whole_stdin
from xsmigui.services.connections import Connections
from xsmigui.services.members import Members
from xsmigui.services.server_states import AlreadyConnected, Declined, Server


class Refusing:
    """The `Decisions` of the command line: nobody is asked; what the options don't allow is refused."""

    def __init__(self, trust: GivenTrust) -> None:
        self._trust = trust

    async def password(self, address: Address, message: str) -> str | None:
        return None

    async def trust(self, failure: CertificateUnknown | CertificateChanged) -> bool:
        if self._trust.accepts(failure.fingerprint):
            return True
        if self._trust.given and isinstance(failure, CertificateChanged):
            failure.trusted, failure.is_given = joined(self._trust.given), True
        return isinstance(failure, CertificateUnknown) and self._trust.first_use


async def connect(
    options: argparse.Namespace, connections: Connections, members: Callable[[str], Awaitable[Members]]
) -> list[str]:
    """Connect every server; a sentence for each that fails. `members` knows the hosts of a server's pool from earlier
    times: they are asked where it does not answer itself."""
    check_fingerprints(options.fingerprint)
    addresses = [_address(server, options.user) for server in options.server]
    passwords = await _passwords(options, addresses)

    async def add(address: Address, password: str) -> Server:
        return await connections.add(address, password, False, lambda: members(address.url))

    def heard(server: Server) -> None:
        url = server.address.url
        others = [host for host in server.members if host != url]
        if server.link is Link.connecting and server.detail and others and url not in told:
            told.add(url)
            say(server.detail)
            say(_("Other hosts of the pool, which are asked as well: {hosts}.", hosts=joined(others)))

    told: set[str] = set()
    leave = connections.subscribe(heard)
    results = await asyncio.gather(*map(add, addresses, passwords), return_exceptions=True)
    leave()
    wrong = []
    for address, result in zip(addresses, results, strict=True):
        match result:
            case AlreadyConnected():
                pass  # two members of one pool were named
            case Server(is_old=True):
                say(f"{result.address.url}: {old_encryption()}")
            case Declined() | BaseException() if isinstance(result, (Declined, *WIRE_ERRORS)):
                wrong.append(why_not(address, result))
            case BaseException():
                raise result
    return wrong


def why_not(address: Address, failure: Exception) -> str:
    """Why a server could not be connected, with what the options offer against it; it names the server."""
    why = failure.failure if isinstance(failure, Declined) else failure
    if why is None:
        return _("{url}: there is no password for {user}.", url=address.url, user=address.user)
    parts = [*sentence(why)]
    match why:
        case CertificateUnknown(is_old=is_old):
            parts += [old_encryption()] if is_old else []
            parts.append(_("Then pass it with --fingerprint, or trust it with --trust-on-first-use."))
        case CertificateChanged(is_given=True, via=via) if via:
            parts.append(_("If it is right, pass it with --fingerprint as well."))
        case CertificateChanged(is_given=False):
            parts.append(_("If it is right, pass it with --fingerprint."))
        case ServerFailure():
            parts.insert(0, f"{address.url}:")
    return " ".join(part for part in parts if part)


def _address(server: str, user: str) -> Address:
    try:
        url = normal_url(server)
    except BadAddress as wrong:
        raise BadArguments(str(wrong)) from None
    if not url:
        raise BadArguments(_("“{text}” is not the address of a server.", text=server))
    return Address(url, user)


def chosen_proxy(options: argparse.Namespace) -> ProxyOf:
    """The proxy that the options name, else that of the settings, else of the environment. Raises `BadArguments`."""
    settings = SettingsFile(paths.home()).now
    proxy, exceptions = settings.proxy, settings.proxy_exceptions
    if options.proxy:
        proxy, exceptions = DIRECT if options.proxy.strip().lower() in NONE else options.proxy, ""
        if "@" in proxy:
            raise BadArguments(
                _("--proxy takes no password: others could see it. Set it in the environment variable HTTPS_PROXY.")
            )
        try:
            proxy_from(proxy) if proxy != DIRECT else None
        except BadAddress as wrong:
            raise BadArguments(str(wrong)) from None
    if not options.no_proxy:
        return chosen(proxy, exceptions)
    way = chosen(proxy, "")
    return lambda url: None if excepts(options.no_proxy, url) else way(url)


def check_fingerprints(given: list[str]) -> None:
    """Refuse what is no SHA-256 before anything is sent. Raises `BadArguments`."""
    for text in given:
        if not is_fingerprint(text):
            wanted = _("“{text}” is not a fingerprint: a SHA-256 fingerprint has 64 hexadecimal digits.", text=text)
            raise BadArguments(wanted)


async def _passwords(options: argparse.Namespace, addresses: list[Address]) -> list[str]:
    """One for each server: from stdin, else from the keyring, else asked for where somebody sits at the terminal."""
    if options.password_stdin:
        return await _passwords_from_stdin(addresses)
    keyring = Keyring()
    found = []
    for address in addresses:
        password = await keyring.get(address)
        if password is None:
            if not at_a_terminal():
                text = _("There is no password for {url}: use --password-stdin.", url=address.url)
                raise BadArguments(text)
            password = await _typed(address)
        found.append(password)
    return found


async def _passwords_from_stdin(addresses: list[Address]) -> list[str]:
    """A line for each server, or one for all. An empty line is an empty password; at a terminal nothing is shown."""
    if at_a_terminal():
        return [await _typed(address) for address in addresses]
    lines = _lines(await whole_stdin())
    if not lines:
        raise BadArguments(_("--password-stdin: there is no line on stdin."))
    if len(lines) == 1:
        return lines * len(addresses)
    if len(lines) < len(addresses):
        raise BadArguments(_("There are fewer passwords on stdin than servers."))
    return lines[: len(addresses)]


def _lines(data: bytes) -> list[str]:
    """Only the end of the line ends a line, and only it is taken off: a password may hold anything else."""
    lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [_text(line.removesuffix(b"\r")) for line in lines]


def _text(data: bytes) -> str:
    """UTF-8, which servers take; other bytes as Latin-1, in which every byte is a character."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


async def _typed(address: Address) -> str:
    """Asked for at the terminal, without echo."""
    prompt = _("Password of {user} for {url}: ", user=address.user, url=address.url)
    try:
        password = await typed_password(prompt)
    except EOFError:
        raise BadArguments(_("There is no password for {url}.", url=address.url)) from None
    return _text(password.encode(errors="surrogateescape"))
