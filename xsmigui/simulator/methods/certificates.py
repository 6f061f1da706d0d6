"""What a pool says of the certificates that its hosts show."""

from __future__ import annotations

from xsmigui.simulator.certificates import Certificate
from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.pool import Pool


def record_certificate(pool: Pool, host: str, made: Certificate) -> None:
    """The host's row of `Certificate`, in releases that have the class (8.2): upper-case SHA-256 with colons, as
    xapi writes it (24.10, certificates.ml, pp_hash)."""
    if not pool.profile.has_certificates or "Certificate" not in pool.schema.classes:
        return
    fingerprint = made.fingerprint.upper()
    for ref, row in pool.db.table("Certificate").items():
        if row["host"] == host and row["type"] == "host":
            pool.db.set("Certificate", ref, fingerprint=fingerprint)
            return
    pool.db.create("Certificate", {"name": "", "type": "host", "host": host, "fingerprint": fingerprint})


@method("host.get_server_certificate")
def get_server_certificate(call: Call, host: str) -> str:
    """PEM; xapi 1.110 as 24.10."""
    made = call.pool.certificates.get(host)
    if made is None:
        raise Failure("INTERNAL_ERROR", "no certificate")
    return made.pem
