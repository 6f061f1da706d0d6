"""Why a server cannot be connected, in words."""

from typing import Final

from xsmigui.core.failures import (
    CertificateChanged,
    CertificateUnknown,
    NoCommonEncryption,
    NotSpeaking,
    ProxyFailed,
    SessionLost,
    Unreachable,
)
from xsmigui.core.text import _

NEEDS_CREDENTIALS: Final = 407
"""HTTP: the proxy wants a user name and a password."""


def explained(failure: Exception) -> tuple[str, str] | None:
    """What stands between this program and a server, and what to do; None for other failures."""
    match failure:
        case NoCommonEncryption():
            return (
                _("{url} allows no version of TLS and no cipher that this program offers.", url=place(failure)),
                _("Connect to a host of XenServer 7.0 or later, and allow TLS 1.2 there ({detail}).").format(
                    detail=failure.detail
                ),
            )
        case ProxyFailed():
            return _proxy_failed(failure)
        case Unreachable():
            return (
                _("{url} does not answer ({detail}).", url=place(failure), detail=failure.detail),
                _("Check that the server is up and its address is right."),
            )
        case NotSpeaking(status=0):
            return (
                _("{url} answers, but not with TLS.", url=place(failure)),
                _("Check the address and the port."),
            )
        case NotSpeaking():
            return (
                _("{url} answers, but not as a XenServer or XCP-ng host.", url=place(failure)),
                _("Check the address and the port."),
            )
        case CertificateUnknown():
            return (
                _(
                    "The certificate of {url} is not trusted yet; its fingerprint (SHA-256) is {fingerprint}.",
                    url=place(failure),
                    fingerprint=failure.fingerprint,
                ),
                _("Compare it with the one on the host's own console."),
            )
        case CertificateChanged():
            return _changed(failure)
        case SessionLost():
            return _("The session with {url} has ended.", url=failure.url), _("Connect again.")
        case _:
            return None


def place(failure: Unreachable | NotSpeaking | CertificateUnknown | CertificateChanged) -> str:
    """The server's url, with the member behind which it was found."""
    if failure.via:
        return _("{url} (the coordinator that {member} names)", url=failure.url, member=failure.via)
    return failure.url


def old_encryption() -> str:
    """What is to be known of a server that allows nothing better."""
    return _(
        "This server allows old encryption only (TLS 1.2 with RSA key exchange): whoever records the connection and"
        " gets the server's key later can read it, passwords too. XenServer up to 7.6 does this; updates of the host"
        " end it."
    )


def _changed(failure: CertificateChanged) -> tuple[str, str]:
    fields = {"url": place(failure), "shown": failure.fingerprint, "trusted": failure.trusted}
    if failure.is_given:
        return (
            _(
                "{url} shows another certificate, {shown}, than the one whose fingerprint was given, {trusted}.",
                **fields,
            ),
            _("No password was sent to it."),
        )
    return (
        _("{url} shows another certificate, {shown}, than the one you trusted, {trusted}.", **fields),
        _("Find out why before you trust the new one."),
    )


def _proxy_failed(failure: ProxyFailed) -> tuple[str, str]:
    fields = {"proxy": failure.proxy, "url": place(failure), "detail": failure.detail}
    if failure.status == NEEDS_CREDENTIALS:
        return (
            _("The proxy {proxy} wants a user name and a password.", **fields),
            _("Set them in the environment variable HTTPS_PROXY: http://user:password@proxy:port."),
        )
    if failure.status:
        return (
            _("The proxy {proxy} does not connect to {url} ({detail}).", **fields),
            _("Ask whoever runs the proxy, or except this server from it."),
        )
    return (
        _("The proxy {proxy} does not answer ({detail}).", **fields),
        _("Check the proxy's address, or except this server from it."),
    )
