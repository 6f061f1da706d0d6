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
from xsmigui.core.messages import Text, m_
from xsmigui.core.text import _

NEEDS_CREDENTIALS: Final = 407
"""HTTP: the proxy wants a user name and a password."""


def explained(failure: Exception) -> tuple[Text, Text] | None:
    """What stands between this program and a server, and what to do; None for other failures."""
    match failure:
        case NoCommonEncryption():
            return (
                m_("{url} allows no version of TLS and no cipher that this program offers.", url=place(failure)),
                m_(
                    "Connect to a host of XenServer 7.0 or later, and allow TLS 1.2 there ({detail}).",
                    detail=failure.detail,
                ),
            )
        case ProxyFailed():
            return _proxy_failed(failure)
        case Unreachable():
            return (
                m_("{url} does not answer ({detail}).", url=place(failure), detail=failure.detail),
                m_("Check that the server is up and its address is right."),
            )
        case NotSpeaking(status=0):
            return (
                m_("{url} answers, but not with TLS.", url=place(failure)),
                m_("Check the address and the port."),
            )
        case NotSpeaking():
            return (
                m_("{url} answers, but not like a XenServer or XCP-ng host.", url=place(failure)),
                m_("Check the address and the port."),
            )
        case CertificateUnknown():
            return (
                m_(
                    "The certificate of {url} is not trusted yet; its fingerprint (SHA-256) is {fingerprint}.",
                    url=place(failure),
                    fingerprint=failure.fingerprint,
                ),
                m_("Compare it with the one on the host's own console."),
            )
        case CertificateChanged():
            return _changed(failure)
        case SessionLost():
            return m_("The session with {url} has ended.", url=failure.url), m_("Connect again.")
        case _:
            return None


def place(failure: Unreachable | NotSpeaking | CertificateUnknown | CertificateChanged) -> Text:
    """The server's url, with the member behind which it was found."""
    if failure.via:
        return m_("{url} (the coordinator that {member} names)", url=failure.url, member=failure.via)
    return failure.url


def old_encryption() -> str:
    """What is to be known of a server that allows nothing better."""
    return _(
        "This server allows old encryption only (TLS 1.2 with RSA key exchange): whoever records the connection and"
        " gets the server's key later can read it, passwords too. XenServer up to 7.6 does this; updates of the host"
        " end it."
    )


def _changed(failure: CertificateChanged) -> tuple[Text, Text]:
    fields = {"url": place(failure), "shown": failure.fingerprint, "trusted": failure.trusted}
    if failure.is_given:
        return (
            m_(
                "{url} presents the certificate {shown} instead of {trusted}, whose fingerprint was given.",
                **fields,
            ),
            m_("No password was sent to it."),
        )
    return (
        m_("{url} presents the certificate {shown} instead of {trusted}, which you trusted.", **fields),
        m_("Find out why before you trust the new one."),
    )


def _proxy_failed(failure: ProxyFailed) -> tuple[Text, Text]:
    fields = {"proxy": failure.proxy, "url": place(failure), "detail": failure.detail}
    if not failure.proxy:
        return (
            m_("{url} is not reached: the proxy that is set cannot be used. {detail}", **fields),
            m_("Set another one, or except this server from it."),
        )
    if failure.status == NEEDS_CREDENTIALS and failure.knows_user:
        return (
            m_("The proxy {proxy} does not accept this user name and password.", **fields),
            m_("Correct them in the environment variable HTTPS_PROXY: http://user:password@proxy:port."),
        )
    if failure.status == NEEDS_CREDENTIALS:
        return (
            m_("The proxy {proxy} wants a user name and a password.", **fields),
            m_("Set them in the environment variable HTTPS_PROXY: http://user:password@proxy:port."),
        )
    if failure.status:
        return (
            m_("The proxy {proxy} does not connect to {url} ({detail}).", **fields),
            m_("Ask whoever runs the proxy, or except this server from it."),
        )
    return (
        m_("The proxy {proxy} does not answer ({detail}).", **fields),
        m_("Check the proxy's address, or except this server from it."),
    )
