"""network: create, destroy, purposes, locking; and what carries management (xapi 24.10 and 26.17: xapi_network.ml)."""

from __future__ import annotations

import itertools
from typing import Final

from xsmigui.simulator.dispatch import Call, method
from xsmigui.simulator.failures import Failure
from xsmigui.simulator.implicit import constructor_values
from xsmigui.simulator.tables import Row

_RESERVED: Final = ("xen", "xapi", "vif", "tap", "eth")
LONGEST_BRIDGE: Final = 15
_INTERNAL: Final = "is_host_internal_management_network"


@method("network.create")
def network_create(call: Call, struct: Row) -> str:
    db = call.db
    values = constructor_values(db, "network", struct)
    bridges = {row["bridge"] for row in db.table("network").values()}
    bridge = values.get("bridge", "")
    if not bridge:
        bridge = next(name for n in itertools.count() if (name := f"xapi{n}") not in bridges)
    elif len(bridge) > LONGEST_BRIDGE or bridge.startswith(_RESERVED):
        raise Failure("INVALID_VALUE", "bridge", bridge)
    elif bridge in bridges:
        raise Failure("BRIDGE_NAME_EXISTS", bridge)
    mtu = values.get("MTU", 0)
    return db.create("network", {**values, "bridge": bridge, "MTU": mtu if mtu > 0 else 1500})


@method("network.destroy")
def network_destroy(call: Call, network: str) -> None:
    """VIFs that are not connected go with it."""
    row = call.db.row("network", network)
    connected = [v for v in row["VIFs"] if call.db.get("VIF", v, "currently_attached")]
    if connected:
        raise Failure("NETWORK_CONTAINS_VIF", *connected)
    if row["PIFs"]:
        raise Failure("NETWORK_CONTAINS_PIF", *row["PIFs"])
    if row["other_config"].get(_INTERNAL) == "true":
        raise Failure("CANNOT_DESTROY_SYSTEM_NETWORK", network)
    for vif in list(row["VIFs"]):
        call.db.delete("VIF", vif)
    call.db.delete("network", network)


@method("network.set_default_locking_mode")
def network_locking(call: Call, network: str, value: str) -> None:
    for vif in call.db.get("network", network, "VIFs"):
        if call.db.get("VIF", vif, "currently_attached"):
            raise Failure("VIF_IN_USE", network, vif)
    call.db.set("network", network, default_locking_mode=value)


@method("network.add_purpose")
def network_purpose(call: Call, network: str, value: str) -> None:
    """NBD with and without encryption exclude one another in the whole pool."""
    row = call.db.row("network", network)
    if not row["managed"]:
        raise Failure("NETWORK_UNMANAGED", network)
    if value in row["purpose"]:
        return
    other = {"nbd": "insecure_nbd", "insecure_nbd": "nbd"}.get(value)
    if any(other in one["purpose"] for one in call.db.table("network").values()):
        raise Failure("NETWORK_INCOMPATIBLE_PURPOSES", value, other)
    call.db.set("network", network, purpose=[value, *row["purpose"]])


@method("network.remove_purpose")
def network_no_purpose(call: Call, network: str, value: str) -> None:
    present = call.db.get("network", network, "purpose")
    call.db.set("network", network, purpose=[p for p in present if p != value])


@method("host.management_reconfigure")
@method("pool.management_reconfigure")
def management(call: Call, target: str) -> None:
    """The PIF (or all PIFs of a network) that carries management from now on."""
    db = call.db
    pifs = [target] if call.message.cls == "host" else list(db.get("network", target, "PIFs"))
    for pif in pifs:
        row = db.row("PIF", pif)
        if not row["IP"]:
            raise Failure("INTERFACE_HAS_NO_IP", pif)
        for other in db.get("host", row["host"], "PIFs"):
            db.set("PIF", other, management=other == pif)
