"""The calls that need more than the tables: one module for each subject. Importing this package registers them all."""

from xsmigui.simulator.methods import (
    availability,
    certificates,
    copies,
    drives,
    evacuation,
    guests,
    interfaces,
    lifecycle,
    limits,
    migration,
    networks,
    pools,
    reading,
    roles,
    runtime,
    settings,
    snapshots,
    storage,
    system,
    values,
)

__all__ = [
    "availability", "certificates", "copies", "drives", "evacuation", "guests", "interfaces", "lifecycle", "limits",
    "migration", "networks", "pools", "reading", "roles", "runtime", "settings", "snapshots", "storage", "system",
    "values",
]  # fmt: skip
