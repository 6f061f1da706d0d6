"""The calls that need more than the tables: one module for each subject. Importing this package registers them all."""

from xsmigui.simulator.methods import (
    appliances,
    availability,
    belongings,
    bonds,
    certificates,
    copies,
    disk_motion,
    drives,
    evacuation,
    guests,
    interfaces,
    lifecycle,
    limits,
    migration,
    networks,
    passthrough,
    pifs,
    pools,
    reading,
    recovery,
    roles,
    runtime,
    settings,
    snapshots,
    srs,
    storage,
    system,
    values,
)

__all__ = [
    "appliances", "availability", "belongings", "bonds", "certificates", "copies", "disk_motion", "drives",
    "evacuation", "guests", "interfaces", "lifecycle", "limits", "migration", "networks", "passthrough", "pifs",
    "pools", "reading", "recovery", "roles", "runtime", "settings", "snapshots", "srs", "storage", "system",
    "values",
]  # fmt: skip
