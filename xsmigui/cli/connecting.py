"""Servers, passwords and certificates, as the options name them."""

import argparse
import asyncio
import getpass
import sys
from urllib.parse import urlsplit

from xsmigui.console import BadArguments, say
from xsmigui.core.addresses import normal_url
from xsmigui.core.catalogue import sentence
from xsmigui.core.failures import WIRE_ERRORS, CertificateChanged, CertificateUnknown
from xsmigui.core.ports import Address
from xsmigui.core.text import _
from xsmigui.local.keyring import Keyring
from xsmigui.local.trust import GivenTrust
from xsmigui.services.connections import AlreadyConnected, Connections, Declined


class Refusing:
    """The `Decisions` of the command line: nobody is asked; what the options don't allow is refused."""

    def __init__(self, trust: GivenTrust) -> None:
        self._trust = trust

    async def password(self, address: Address, message: str) -> str | None:
        return None

    async def trust(self, failure: CertificateUnknown | CertificateChanged) -> bool:
        if self._trust.accepts(failure.fingerprint):
            return True
        return isinstance(failure, CertificateUnknown) and self._trust.first_use


async def connect(options: argparse.Namespace, connections: Connections) -> bool:
    """Connect every server; False, with a sentence each, where one fails."""
    addresses = [_address(server, options.user) for server in options.server]
    passwords = await _passwords(options, addresses)
    results = await asyncio.gather(
        *(connections.add(a, p, keep=False) for a, p in zip(addresses, passwords, strict=True)),
        return_exceptions=True,
    )
    fine = True
    for address, result in zip(addresses, results, strict=True):
        match result:
            case Declined():
                fine = False
                say(
                    _(
                        "The certificate of {url} is not trusted. Give its fingerprint with --fingerprint, or trust it"
                        " with --trust-on-first-use.",
                        url=address.url,
                    )
                )
            case AlreadyConnected():
                pass  # two members of one pool were named
            case BaseException() if isinstance(result, WIRE_ERRORS):
                fine = False
                say(" ".join(part for part in sentence(result) if part))
            case BaseException():
                raise result
    return fine


def _address(server: str, user: str) -> Address:
    try:
        url = normal_url(server)
    except ValueError:
        url = ""
    if not urlsplit(url).hostname or urlsplit(url).scheme not in ("https", "http"):
        raise BadArguments(_("{server} is no address of a server.", server=server))
    return Address(url, user)


async def _passwords(options: argparse.Namespace, addresses: list[Address]) -> list[str]:
    """One for each server: from stdin, else from the keyring, else asked for where somebody sits at the terminal."""
    if options.password_stdin:
        lines = [line.rstrip("\r\n") for line in await asyncio.to_thread(sys.stdin.readlines)]
        if len(lines) == 1:
            return lines * len(addresses)
        if len(lines) < len(addresses):
            raise BadArguments(_("There are fewer passwords on stdin than servers."))
        return lines[: len(addresses)]
    keyring = Keyring()
    found = []
    for address in addresses:
        password = await keyring.get(address)
        if password is None:
            if not sys.stdin.isatty():
                text = _("There is no password for {url}: use --password-stdin.", url=address.url)
                raise BadArguments(text)
            prompt = _("Password of {user} for {url}: ", user=address.user, url=address.url)
            password = await asyncio.to_thread(getpass.getpass, prompt, sys.stderr)
        found.append(password)
    return found
