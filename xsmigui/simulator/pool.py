"""One simulated pool: its database and the state that xapi keeps outside its database."""

from __future__ import annotations

from collections import Counter

from xsmigui.simulator.clock import Clock, PoolClock
from xsmigui.simulator.content import Contents
from xsmigui.simulator.failures import NULL, Failure
from xsmigui.simulator.faults import Faults
from xsmigui.simulator.profiles import Profile
from xsmigui.simulator.schema import Schema, schema
from xsmigui.simulator.tables import Database, Row


class Pool:
    """`db` is public on purpose: tests look into the tables, scenarios fill them."""

    def __init__(self, profile: Profile, clock: Clock, seed: int | str = 0) -> None:
        self.profile = profile
        self.clock = PoolClock(clock)
        self.schema: Schema = schema(profile.release)
        self.db = Database(self.schema, seed)
        self.faults = Faults(self.db)
        self.contents = Contents()  # the site's, once the pool belongs to one
        self.storage_motions: Counter[str] = Counter()  # per sending host's xapi
        self.disabled_for_good: set[str] = set()  # hosts that stay disabled after a reboot
        self.scheduled: set[str] = set()  # VMs that are on their way to a host
        self.tools: dict[str, Row] = {}  # what a guest's tools will say once it runs again, by the VM's uuid
        self.hidden_devices: dict[str, str] = {}  # PCI devices that were taken from the control domain, or given back
        self.plugin_calls: dict[str, float] = {}  # when the guest's agent of a VM was asked last
        self.last_schedule: dict[str, str] = {}  # of a VMSS, before a key was taken from it
        self.unknown_interfaces: dict[str, dict[str, str]] = {}  # by host: devices without a PIF, with their MAC
        self.revocations: dict[str, str] = {}  # lists of certificates called back, by name
        self.sriov_functions: dict[str, int] = {}  # virtual functions of an SR-IOV card, by its network_sriov
        self._rules: tuple[object, ...] = (False, None, False)  # as allowed_operations were last computed
        self.stale: set[str] = set()  # VMs whose allowed_operations are as at the start until something is done to them
        self.keeps_addresses = False  # host.address says what the database says, not where the host is served
        self.management_known = True  # xapi's own inventory names a bridge of this database as management interface
        self._plugins: dict[str, list[dict[str, int]]] | None = None
        self._owners: dict[tuple[str, str], str] = {}

    # -- what everybody asks ---------------------------------------------------------------------------------------

    @property
    def ref(self) -> str:
        return next(iter(self.db.table("pool")))

    @property
    def row(self) -> Row:
        return self.db.row("pool", self.ref)

    @property
    def master(self) -> str:
        rows = self.db.table("pool")
        return str(next(iter(rows.values()))["master"]) if rows else NULL

    @property
    def name(self) -> str:
        """The pool's name, or its only host's where it has none (a standalone host)."""
        return str(self.row["name_label"] or self.db.get("host", self.master, "name_label"))

    def rolling_upgrade(self) -> bool:
        return "rolling_upgrade_in_progress" in self.row["other_config"]

    def rules_changed(self) -> bool:
        """Whether the pool's row now makes other operations possible than when this was asked last."""
        row = self.row
        rules = self.rolling_upgrade(), row["other_config"].get("allow_clone_suspended_vm"), row["ha_enabled"]
        changed = rules != self._rules
        self._rules = rules
        return changed

    def live(self, host: str) -> bool:
        row = self.db.find("host", host)
        metrics = self.db.find("host_metrics", row["metrics"]) if row else None
        return bool(metrics and metrics["live"])

    def reach(self, host: str) -> None:
        """Forwarding a call: HOST_OFFLINE for a host that is not live (message_forwarding.ml)."""
        if not self.live(host):
            raise Failure("HOST_OFFLINE", host)

    # -- what is looked up often -----------------------------------------------------------------------------------

    def plugins(self) -> dict[str, list[dict[str, int]]]:
        """Capabilities of the SM plug-ins by type."""
        if self._plugins is None:
            self._plugins = {}
            for row in self.db.table("SM").values():
                self._plugins.setdefault(row["type"], []).append(row["features"])
        return self._plugins

    def forget_plugins(self) -> None:
        self._plugins = None

    def owner_of(self, field: str, metrics: str) -> str | None:
        """The VM whose `field` names these metrics; the index is rebuilt when it has grown old."""
        vms = self.db.table("VM")
        owner = self._owners.get((field, metrics))
        if owner is None or owner not in vms or vms[owner][field] != metrics:
            self._owners = {(f, row[f]): ref for ref, row in vms.items() for f in ("metrics", "guest_metrics")}
            owner = self._owners.get((field, metrics))
        return owner
