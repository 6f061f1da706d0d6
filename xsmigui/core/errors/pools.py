"""Pools as a whole: high availability, clusters, updates, workload balancing."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.text import N_

POOLS: Final[dict[str, Entry]] = {
    "HA_NOT_ENABLED": Entry(N_("High availability is off."), N_("Look at high availability of the pool.")),
    "HA_NO_PLAN": Entry(
        N_("High availability cannot find hosts for all protected VMs."), N_("Look at high availability of the pool.")
    ),
    "HA_HOST_IS_ARMED": Entry(N_("High availability watches {0}."), N_("Look at high availability of the pool.")),
    "HA_LOST_STATEFILE": Entry(
        N_("The host has lost the disk of high availability."), N_("Look at high availability of the pool.")
    ),
    "HA_HOST_CANNOT_SEE_PEERS": Entry(
        N_("{0} cannot see the other hosts of high availability."), N_("Look at high availability of the pool.")
    ),
    "HA_HOST_CANNOT_ACCESS_STATEFILE": Entry(
        N_("The host cannot reach the disk of high availability."), N_("Look at high availability of the pool.")
    ),
    "HA_FAILED_TO_FORM_LIVESET": Entry(
        N_("The hosts could not agree on high availability."), N_("Look at high availability of the pool.")
    ),
    "HA_TOO_FEW_HOSTS": Entry(N_("High availability needs more hosts."), N_("Look at high availability of the pool.")),
    "HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED": Entry(
        N_("The host is not part of high availability."), N_("Look at high availability of the pool.")
    ),
    "HA_SHOULD_BE_FENCED": Entry(
        N_("{0} should have been stopped by high availability."), N_("Look at high availability of the pool.")
    ),
    "HA_NOT_INSTALLED": Entry(N_("{0} has no high availability."), N_("Look at high availability of the pool.")),
    "HA_HEARTBEAT_DAEMON_STARTUP_FAILED": Entry(
        N_("The service of high availability did not start."), N_("Look at high availability of the pool.")
    ),
    "HA_ABORT_NEW_MASTER": Entry(
        N_("The host cannot become coordinator now: {0}"), N_("Look at high availability of the pool.")
    ),
    "CANNOT_CREATE_STATE_FILE": Entry(
        N_("No SR can hold the heartbeat disk of high availability."), N_("Look at high availability of the pool.")
    ),
    "INCOMPATIBLE_STATEFILE_SR": Entry(
        N_("The SR does not suit high availability: {0}"), N_("Look at high availability of the pool.")
    ),
    "INCOMPATIBLE_CLUSTER_STACK_ACTIVE": Entry(
        N_("Another kind of high availability is on: {0}"), N_("Look at high availability of the pool.")
    ),
    "HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE": Entry(
        N_("High availability keeps the management interface as it is."), N_("Look at high availability of the pool.")
    ),
    "REDO_LOG_IS_ENABLED": Entry(N_("The pool writes a redo log."), N_("Look at high availability of the pool.")),
    "CANNOT_ENABLE_REDO_LOG": Entry(
        N_("The redo log could not be started: {0}"), N_("Look at high availability of the pool.")
    ),
    "HA_ENABLE_IN_PROGRESS": Entry(
        N_("High availability is being turned on."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "HA_DISABLE_IN_PROGRESS": Entry(
        N_("High availability is being turned off."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "DESIGNATE_NEW_MASTER_IN_PROGRESS": Entry(
        N_("The pool is getting another coordinator."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "POOL_SECRET_ROTATION_PENDING": Entry(
        N_("The pool is changing its secret."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "TLS_VERIFICATION_ENABLE_IN_PROGRESS": Entry(
        N_("The pool's hosts are beginning to check each other's certificates."),
        N_("Wait until it has ended, then try again."),
        "R06",
    ),
    "CERT_REFRESH_IN_PROGRESS": Entry(
        N_("The pool is renewing its certificates."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "CLUSTER_CREATE_IN_PROGRESS": Entry(
        N_("The cluster of the hosts (GFS2) is being made."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "APPLY_UPDATES_IN_PROGRESS": Entry(
        N_("Updates are being applied."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "GET_UPDATES_IN_PROGRESS": Entry(
        N_("Updates are being looked for."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "SYNC_UPDATES_IN_PROGRESS": Entry(
        N_("Updates are being fetched."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "SYNC_BUNDLE_IN_PROGRESS": Entry(
        N_("Updates are being fetched."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "CONFIGURE_REPOSITORIES_IN_PROGRESS": Entry(
        N_("The sources of updates are being changed."), N_("Wait until it has ended, then try again."), "R06"
    ),
    "CLUSTERING_DISABLED": Entry(
        N_("The host is not part of the cluster (GFS2)."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTERING_ENABLED": Entry(
        N_("The host is part of a cluster (GFS2)."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTER_DOES_NOT_HAVE_ONE_NODE": Entry(
        N_("The cluster has {0} hosts instead of one."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTER_FORCE_DESTROY_FAILED": Entry(
        N_("The cluster could not be removed."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTER_HOST_IS_LAST": Entry(
        N_("This is the last host of the cluster."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTER_HOST_NOT_JOINED": Entry(
        N_("The host has not joined the cluster."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTER_ALREADY_EXISTS": Entry(
        N_("The pool has a cluster already."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "CLUSTER_STACK_IN_USE": Entry(
        N_("The cluster is used by an attached SR."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "INVALID_CLUSTER_STACK": Entry(
        N_("This kind of cluster is not supported: {0}"), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "NO_CLUSTER_HOSTS_REACHABLE": Entry(
        N_("No other host of the cluster can be reached."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "NO_COMPATIBLE_CLUSTER_HOST": Entry(
        N_("{0} is not part of the cluster (GFS2)."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "PIF_NOT_ATTACHED_TO_HOST": Entry(
        N_("This interface is not one of the host."), N_("Look at the clustering of the pool's hosts (GFS2).")
    ),
    "WLB_DISABLED": Entry(
        N_("Workload balancing is off."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_CONNECTION_REFUSED": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_CONNECTION_RESET": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_UNKNOWN_HOST": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_TIMEOUT": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_AUTHENTICATION_FAILED": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_MALFORMED_REQUEST": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_MALFORMED_RESPONSE": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_XENSERVER_CONNECTION_REFUSED": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_XENSERVER_UNKNOWN_HOST": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_XENSERVER_TIMEOUT": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_XENSERVER_AUTHENTICATION_FAILED": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_XENSERVER_MALFORMED_RESPONSE": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_INTERNAL_ERROR": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "WLB_URL_INVALID": Entry(
        N_("Workload balancing does not work."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS": Entry(
        N_("A host with shared SRs cannot join a pool."), N_("Detach them from it first.")
    ),
    "UPDATE_ALREADY_APPLIED": Entry(
        N_("This update has been applied already."), N_("Check the current state, then try again.")
    ),
}
