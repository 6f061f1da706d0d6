"""Certificates by fingerprint: trusted on first use, pinned from then on.

XenServer hosts have self-signed certificates, so authorities say nothing; the SHA-256 of the certificate does.
"""

import asyncio
import errno
import hashlib
import os
import ssl
from typing import Final
from urllib.parse import urlsplit

from xsmigui.core.failures import CertificateChanged, CertificateUnknown, Unreachable
from xsmigui.core.text import one_line

HANDSHAKE_DEADLINE: Final = 15.0


def normal(fingerprint: str) -> str:
    """Lower-case hexadecimal with colons, from any usual spelling."""
    digits = "".join(c for c in fingerprint.lower() if c in "0123456789abcdef")
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def digest(fingerprint: str) -> bytes:
    """The fingerprint's 32 bytes."""
    return bytes.fromhex(normal(fingerprint).replace(":", ""))


def of_certificate(der: bytes) -> str:
    return normal(hashlib.sha256(der).hexdigest())


def unverified_context() -> ssl.SSLContext:
    """A client context that accepts any certificate: whoever uses it compares the fingerprint itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def fingerprint_of(url: str, deadline: float = HANDSHAKE_DEADLINE) -> str:
    """The fingerprint that the server at `url` shows; empty for plain HTTP. Sends nothing but the handshake."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return ""
    try:
        async with asyncio.timeout(deadline):
            _reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=unverified_context(), server_hostname=parts.hostname
            )
    except TimeoutError:
        raise Unreachable(url, "no answer within the deadline") from None
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(url, reason(error)) from None
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return of_certificate(der)
    finally:
        writer.close()
        try:
            async with asyncio.timeout(1.0):
                await writer.wait_closed()
        except (TimeoutError, OSError, ssl.SSLError):
            pass


def check(url: str, shown: str, trusted: str | None) -> None:
    """Refuse a certificate that is unknown or another than the trusted one."""
    if not shown:
        return
    if not trusted:
        raise CertificateUnknown(url, shown)
    if normal(trusted) != shown:
        raise CertificateChanged(url, shown, normal(trusted))


def reason(error: BaseException) -> str:
    """What the operating system says, without the addresses and numbers around it."""
    if isinstance(error, OSError) and error.strerror:
        number = error.errno or 0
        is_system = number in errno.errorcode and not isinstance(error, ssl.SSLError)
        return os.strerror(number) if is_system else one_line(error.strerror)  # asyncio puts the address into strerror
    return one_line(str(error)) or type(error).__name__
