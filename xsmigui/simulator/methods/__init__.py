"""The calls that need more than the tables: one module for each subject. Importing this package registers them all."""

from xsmigui.simulator.methods import devices, evacuation, guests, lifecycle, migration, pools, storage, system

__all__ = ["devices", "evacuation", "guests", "lifecycle", "migration", "pools", "storage", "system"]
