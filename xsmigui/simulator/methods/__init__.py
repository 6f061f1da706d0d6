"""The calls that need more than the tables: one module for each subject. Importing this package registers them all."""

from xsmigui.simulator.methods import (
    availability,
    certificates,
    copies,
    devices,
    evacuation,
    guests,
    lifecycle,
    migration,
    networks,
    pools,
    roles,
    runtime,
    settings,
    storage,
    system,
)

__all__ = [
    "availability", "certificates", "copies", "devices", "evacuation", "guests", "lifecycle", "migration", "networks",
    "pools", "roles", "runtime", "settings", "storage", "system",
]  # fmt: skip
