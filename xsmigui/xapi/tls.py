"""Certificates by fingerprint: trusted on first use, pinned from then on; and old encryption where nothing else goes.

XenServer hosts have self-signed certificates, so authorities say nothing; the SHA-256 of the certificate does. How weak
a certificate is (1024 bits, SHA-1, expired) does not matter for that.

From xapi 1.9.81 (XenServer 7.0) to 1.115 (7.6), and on the branch of 7.1 until 1.14.39, hosts accept TLS 1.2 with the
suite AES128-SHA256 alone (scripts/init.d-xapissl), whose key exchange has no forward secrecy and which Python no longer
offers. It is offered to servers that refuse everything else, and to those only.
"""

import asyncio
import hashlib
import ssl
import warnings
from dataclasses import dataclass, field
from typing import Final

from xsmigui.core.addresses import host_and_port
from xsmigui.core.failures import (
    Certificate,
    CertificateChanged,
    CertificateUnknown,
    NoCommonEncryption,
    NotSpeaking,
    Unreachable,
)
from xsmigui.core.proxies import Proxy
from xsmigui.core.text import one_line
from xsmigui.xapi.reasons import reason
from xsmigui.xapi.tunnel import open_tunnel

HANDSHAKE_DEADLINE: Final = 15.0

LONGEST_NAME: Final = 200
"""Characters of a certificate's subject or issuer that are shown."""

SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM:@SECLEVEL=2"
"""Those with forward secrecy, for TLS 1.2: Python's own list (Modules/_ssl.c). It is set because some systems build
their Python with OpenSSL's list instead (Debian, ``--with-ssl-default-suites=openssl``), which has the old suites."""

OLD_SUITES: Final = (
    "ECDHE+AESGCM:ECDHE+AES:DHE+AES:kRSA+AESGCM:kRSA+AES+SHA256:kRSA+AES:!aNULL:!eNULL:!AESCCM:@SECLEVEL=0"
)
"""The better ones first; at this level OpenSSL takes short Diffie-Hellman groups and signatures with SHA-1."""

REFUSALS: Final = (
    "ALERT_HANDSHAKE_FAILURE",
    "ALERT_PROTOCOL_VERSION",
    "ALERT_INSUFFICIENT_SECURITY",
    "ALERT_ILLEGAL_PARAMETER",
    "UNSUPPORTED_PROTOCOL",
    "NO_CIPHERS_AVAILABLE",
    "WRONG_CIPHER_RETURNED",
    "UNKNOWN_CIPHER_RETURNED",
    "DH_KEY_TOO_SMALL",
    "WRONG_SIGNATURE_TYPE",
    "WRONG_CURVE",
    "UNSUPPORTED_ELLIPTIC_CURVE",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    "EE_KEY_TOO_SMALL",
    "BAD_ECPOINT",
)
"""OpenSSL's reasons (their ends) for a handshake in which both sides found nothing in common."""

NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
"""Its reasons where what answered was no TLS."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that a server shows: its SHA-256, empty for plain HTTP; `is_old` where it allows old encryption
    only; `about` is what it says of itself."""

    fingerprint: str
    is_old: bool = False
    about: Certificate = field(default=Certificate(), compare=False)


def normal(fingerprint: str) -> str:
    """Lower-case hexadecimal with colons, from any usual spelling."""
    digits = "".join(c for c in fingerprint.lower() if c in "0123456789abcdef")
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def digest(fingerprint: str) -> bytes:
    """The fingerprint's 32 bytes."""
    return bytes.fromhex(normal(fingerprint).replace(":", ""))


def of_certificate(der: bytes) -> str:
    return normal(hashlib.sha256(der).hexdigest())


def read(der: bytes) -> Certificate:
    """What a certificate says of itself. Hosts of old have certificates that no library takes for right any more
    (negative serial numbers, odd names): such a one says nothing."""
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is odd is no news
            found = x509.load_der_x509_certificate(der)
            return Certificate(
                one_line(found.subject.rfc4514_string(), LONGEST_NAME),
                one_line(found.issuer.rfc4514_string(), LONGEST_NAME),
                found.not_valid_before_utc.date().isoformat(),
                found.not_valid_after_utc.date().isoformat(),
            )
    except (ValueError, TypeError, x509.InvalidVersion):
        return Certificate()


def unverified_context(is_old: bool = False) -> ssl.SSLContext:
    """A client context that accepts any certificate: whoever uses it compares the fingerprint itself. With `is_old` it
    offers what old servers accept."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(OLD_SUITES if is_old else SUITES)
    if is_old:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


class _BrokenOff(Unreachable):
    """The handshake ended without a word: some servers refuse like that."""


async def look_at(url: str, proxy: Proxy | None = None, deadline: float = HANDSHAKE_DEADLINE) -> Shown:
    """The certificate that the server at `url` shows. Sends nothing but the handshake, with old encryption only where
    the server refuses any other, and calls it old only if it agreed on what no other offer has.

    Raises:
        NoCommonEncryption: the server refuses both.
        NotSpeaking: what answers is no TLS.
        Unreachable: no answer.
    """
    if not url.startswith("https:"):
        return Shown("")
    modern = unverified_context()
    try:
        der, _suite = await _handshake(url, modern, proxy, deadline)
        return Shown(of_certificate(der), about=read(der))
    except (NoCommonEncryption, _BrokenOff) as refusal:
        try:
            der, suite = await _handshake(url, unverified_context(is_old=True), proxy, deadline)
        except (Unreachable, NotSpeaking):
            if isinstance(refusal, NoCommonEncryption):
                raise refusal from None
            raise Unreachable(url, refusal.detail) from None
        weak = suite not in {offered["name"] for offered in modern.get_ciphers()}
        return Shown(of_certificate(der), weak or isinstance(refusal, NoCommonEncryption), read(der))


async def _handshake(url: str, context: ssl.SSLContext, proxy: Proxy | None, deadline: float) -> tuple[bytes, str]:
    """The certificate (DER), and the suite that was agreed on."""
    host, port = host_and_port(url)
    try:
        async with asyncio.timeout(deadline):
            if proxy is None:
                _reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
            else:
                writer = await open_tunnel(url, proxy)
                await writer.start_tls(context, server_hostname=host)
    except TimeoutError:
        raise Unreachable(url, "no answer within the deadline") from None
    except (ConnectionResetError, ssl.SSLEOFError) as error:
        raise _BrokenOff(url, reason(error)) from None
    except (OSError, ValueError) as error:
        raise failure(url, error) from None
    try:
        connected = writer.get_extra_info("ssl_object")
        return connected.getpeercert(binary_form=True), connected.cipher()[0]
    finally:
        writer.close()
        try:
            async with asyncio.timeout(1.0):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            pass


def check(url: str, shown: Shown, trusted: str | None) -> None:
    """Refuse a certificate that is unknown or another than the trusted one."""
    if not shown.fingerprint:
        return
    if not trusted:
        raise CertificateUnknown(url, shown.fingerprint, is_old=shown.is_old, about=shown.about)
    if normal(trusted) != shown.fingerprint:
        raise CertificateChanged(url, shown.fingerprint, normal(trusted), about=shown.about)


def failure(url: str, error: BaseException, call: str = "") -> Unreachable | NotSpeaking:
    """Why a connection could not be made, or broke."""
    if isinstance(error, ssl.SSLError):
        why = error.reason or ""
        if why.endswith(REFUSALS):
            return NoCommonEncryption(url, why.lower().replace("_", " "), call)
        if why.endswith(NO_TLS):
            return NotSpeaking(url, 0, why.lower().replace("_", " "))
    return Unreachable(url, reason(error), call)
