"""Certificates as old and odd hosts show them, which today's libraries refuse to make: written by hand."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from xsmigui.simulator.certificates import Certificate

NAME: Final = bytes.fromhex("300c310a300806035504030c01")  # CN=…, of one character, which follows

SIGNATURES: Final = {
    "md5": (bytes.fromhex("300d06092a864886f70d0101040500"), hashes.MD5()),
    "sha1": (bytes.fromhex("300d06092a864886f70d0101050500"), hashes.SHA1()),
    "sha256": (bytes.fromhex("300d06092a864886f70d01010b0500"), hashes.SHA256()),
}
EC_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")


def odd_certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    signature: str = "sha256",
    serial: int = 1,
    since: str = "100101000000Z",
    until: str = "350101000000Z",
    version: int = 3,
    wildcard: bool = False,
    followed_by: Certificate | None = None,
) -> Certificate:
    """Signed by `key` itself; `since` and `until` as ASN.1's UTCTime. With `followed_by` the server shows a chain."""
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    name = NAME[:-1] + bytes((1,)) + b"*" if wildcard else NAME[:-1] + bytes((1,)) + b"x"
    algorithm = EC_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else SIGNATURES[signature][0]
    number = der(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True))
    times = der(0x30, der(0x17, since.encode()) + der(0x17, until.encode()))
    body = number + algorithm + name + times + name + public
    if version == 3:
        body = der(0xA0, der(0x02, b"\2")) + body
    signed = der(0x30, body)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        proof = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    else:
        proof = key.sign(signed, padding.PKCS1v15(), SIGNATURES[signature][1])
    made = der(0x30, signed + algorithm + der(0x03, b"\0" + proof))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.pem"
        chain = [made] if followed_by is None else [made, followed_by.der]
        path.write_bytes(private + "".join(map(ssl.DER_cert_to_PEM_cert, chain)).encode())
        context.load_cert_chain(path)
    return Certificate(context, made)


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
