"""Self-signed certificates of the simulated pools: new for every run, or the same every time from a seed."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

from xsmigui.simulator.encryption import ANY, P256_ORDER, Encryption, Key

_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")  # the algorithm's identifier in a certificate


@dataclass(slots=True)
class Certificate:
    context: ssl.SSLContext
    der: bytes
    encryption: Encryption = ANY

    @property
    def pem(self) -> str:
        return ssl.DER_cert_to_PEM_cert(self.der)

    @property
    def fingerprint(self) -> str:
        """SHA-256, lower-case hexadecimal with colons."""
        return hashlib.sha256(self.der).digest().hex(":")

    def thumbprint(self, algorithm: str) -> str:
        """Hexadecimal digest by `sha-256` or `sha-1`, as a member tells its coordinator's; "" for others."""
        digest = {"sha-256": hashlib.sha256, "sha-1": hashlib.sha1}.get(algorithm)
        return digest(self.der, usedforsecurity=False).hexdigest() if digest else ""

    def exchange(self, name: str) -> str:
        """Another certificate for the connections that come; returns its fingerprint."""
        self.der = _load(self.context, self.encryption, name, None)
        return self.fingerprint


def certificate(name: str, seed: str | None = None, encryption: Encryption = ANY) -> Certificate:
    """For `name`; with a seed the key, the certificate and so the fingerprint are the same in every run."""
    context = encryption.context()
    return Certificate(context, _load(context, encryption, name, seed), encryption)


def _load(context: ssl.SSLContext, encryption: Encryption, name: str, seed: str | None) -> bytes:
    """Makes the certificate and lets the context show it; returns it (DER)."""
    key = encryption.key(None if seed is None else f"{seed}/{name}")
    der = _signed(key, name, seed)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simulator.pem"
        path.write_bytes(private + ssl.DER_cert_to_PEM_cert(der).encode())
        context.load_cert_chain(path)
    return der


def _signed(key: Key, name: str, seed: str | None) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "localhost")])
    fixed = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    start = fixed if seed is not None else datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    serial = x509.random_serial_number()
    if seed is not None:
        serial = 1 + int.from_bytes(hashlib.sha256(f"serial/{seed}/{name}".encode()).digest()[:8], "big")
    alternatives: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500 if seed is not None else 3650))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    if seed is None or not isinstance(key, ec.EllipticCurvePrivateKey):  # RSA signs the same every time by itself
        return made.public_bytes(serialization.Encoding.DER)
    body = made.tbs_certificate_bytes
    signature = _signature(key, body)
    return _der(0x30, body + _ECDSA_SHA256 + _der(0x03, b"\0" + signature))


def _signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """ECDSA with a nonce that follows from key and data, so that the same certificate is signed the same way."""
    secret = key.private_numbers().private_value
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    nonce = hmac.new(secret.to_bytes(32, "big"), b"nonce" + data, hashlib.sha512).digest()
    k = 1 + int.from_bytes(nonce, "big") % (P256_ORDER - 1)
    r = ec.derive_private_key(k, ec.SECP256R1()).public_key().public_numbers().x % P256_ORDER
    s = pow(k, -1, P256_ORDER) * (digest + r * secret) % P256_ORDER
    return encode_dss_signature(r, s)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


__all__ = ["Certificate", "certificate"]
