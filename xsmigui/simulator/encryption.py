"""How hosts listen, release by release: what their stunnel accepts, and the certificate they are installed with.

From xapi's own sources: `scripts/init.d-xapissl` and `scripts/generate_ssl_cert` until 1.249,
`ocaml/xapi/xapi_stunnel_server.ml`, `ocaml/xapi-consts` and `ocaml/gencert/selfcert.ml` since.
"""

from __future__ import annotations

import hashlib
import itertools
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the curve P-256
_EXPONENT: Final = 65537
_SMALL_PRIMES: Final = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))


@dataclass(frozen=True, slots=True)
class Encryption:
    """`suites` as OpenSSL names them, empty for any; `bits` of the RSA key, 0 for a key on P-256, which is made in no
    time; `curve` of the key exchange, where it is fixed. TLS 1.2 is the only version where suites are named."""

    suites: str = ""
    bits: int = 0
    curve: str = ""

    def context(self) -> ssl.SSLContext:
        """A server's context without its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.suites:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{self.suites}@SECLEVEL=0")  # as of the time: short keys are no matter
        if self.curve:
            context.set_ecdh_curve(self.curve)
        return context

    def key(self, seed: str | None) -> Key:
        """A new key; with a seed the same every time."""
        if seed is None:
            return rsa.generate_private_key(_EXPONENT, self.bits) if self.bits else ec.generate_private_key(_P256)
        if self.bits:
            return _rsa_key(seed, self.bits)
        digest = hashlib.sha512(f"key/{seed}".encode()).digest()
        return ec.derive_private_key(1 + int.from_bytes(digest, "big") % (P256_ORDER - 1), _P256)


_P256: Final = ec.SECP256R1()

ANY: Final = Encryption()

RSA_ONLY: Final = Encryption("AES128-SHA256", 1024)
"""xapi 1.9.81 to 1.115, and 1.14 until 1.14.39, with ``ssl_legacy`` off: no forward secrecy, 1024 bits."""

RELEASES: Final = {
    "7.0": RSA_ONLY,
    "7.1": RSA_ONLY,
    "7.1-cu2": Encryption(
        "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA256:AES128-SHA256", 1024, "secp384r1"
    ),
    "7.6": RSA_ONLY,
    "8.0": Encryption(
        "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA256:AES128-SHA256", 2048, "secp384r1"
    ),
    "8.2-cu1": Encryption("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", 2048, "secp384r1"),
    "8.4": Encryption("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", 2048, "secp384r1"),
    "26.17": Encryption("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", 2048, "secp384r1"),
}
"""What each release accepts at 443 as it is installed."""


def _rsa_key(seed: str, bits: int) -> rsa.RSAPrivateKey:
    """The key of this seed: its primes are the first two above numbers drawn from it."""
    p, q = itertools.islice(_primes(seed, bits // 2), 2)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()  # fmt: skip


def _primes(seed: str, bits: int) -> Iterator[int]:
    for number in itertools.count():
        blocks = (hashlib.sha512(f"rsa/{seed}/{number}/{n}".encode()).digest() for n in range(bits // 512 + 1))
        drawn = int.from_bytes(b"".join(blocks)[: bits // 8], "big") | (0b11 << (bits - 2)) | 1
        while not (_is_prime(drawn) and (drawn - 1) % _EXPONENT):
            drawn += 2
        yield drawn


def _is_prime(number: int) -> bool:
    """Miller-Rabin with fixed bases: certain enough for numbers that nobody chose to deceive it."""
    if any(number % small == 0 for small in _SMALL_PRIMES):
        return False
    halvings = ((number - 1) & -(number - 1)).bit_length() - 1
    odd = (number - 1) >> halvings
    for base in _SMALL_PRIMES[:20]:
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(halvings - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


__all__ = ["ANY", "P256_ORDER", "RELEASES", "RSA_ONLY", "Encryption", "Key"]
