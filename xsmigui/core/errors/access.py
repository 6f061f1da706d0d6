"""Sessions, rights, licences, certificates, calls that the server does not take, and errors of its own."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

ACCESS: Final[dict[str, Entry]] = {
    "SESSION_AUTHENTICATION_FAILED": Entry(
        N_("The server does not accept this user name and password."), N_("Check the user name and the password.")
    ),
    "SESSION_AUTHORIZATION_FAILED": Entry(
        N_("The user name and password are right, but {0} may not log in to this pool: {1}"),
        N_("Ask an administrator of the pool to give this user, or a group of it, a role."),
    ),
    "AUTH_SERVICE_ERROR": Entry(
        N_("The server cannot ask its directory service (Active Directory) about this user: {0}"),
        N_("Log in as root, or check that the pool is joined to its domain and reaches it."),
    ),
    "AUTH_IS_DISABLED": Entry(
        N_("External authentication is off on this server."), N_("Log in as root, or join the pool to a domain.")
    ),
    "HOST_UNKNOWN_TO_MASTER": Entry(
        N_("The pool's coordinator does not know this host any more."), N_("Connect to the coordinator itself.")
    ),
    "RBAC_PERMISSION_DENIED": Entry(
        N_("Your role does not allow {0}."), N_("Log in as a user with one of these roles: {1}"), "R08"
    ),
    "HANDLE_INVALID": Entry(N_("The {0} no longer exists on the server."), N_("Check what has happened to it.")),
    "UUID_INVALID": Entry(N_("The server knows no {0} {1}."), N_("Check the current state, then try again.")),
    "OPERATION_NOT_ALLOWED": Entry(
        N_("The server does not allow this: {0}"), N_("Look at the VM, its host and its disks, then try again."), "R05"
    ),
    "OPERATION_BLOCKED": Entry(
        N_("Somebody has blocked this operation on {0}: “{1}”."),
        N_("Ask whoever set the block, or remove it if it is no longer needed."),
        "R07",
        Page.destination,
    ),
    "OTHER_OPERATION_IN_PROGRESS": Entry(N_("{1} is busy: {2} is running."), N_("Wait until it has ended."), "R06"),
    "LICENCE_RESTRICTION": Entry(
        N_("The licence does not include {0}."),
        N_("Look at the licences of the pool's hosts, or do without it."),
        "R09",
        Page.destination,
    ),
    "TASK_CANCELLED": Entry(N_("It was cancelled."), N_("Start it again if it is still needed.")),
    "SESSION_INVALID": Entry(N_("The session has ended."), N_("Connect again.")),
    "INVALID_VALUE": Entry(N_("The server does not accept {1} as {0}."), N_("Correct this setting of the VM.")),
    "VALUE_NOT_SUPPORTED": Entry(N_("The server does not accept {1} as {0}: {2}"), N_("Correct it in the VM.")),
    "XAPI_HOOK_FAILED": Entry(
        N_("A script of the host, {0}, refused: {2}"), N_("Ask whoever installed the script on the host.")
    ),
    "MAP_DUPLICATE_KEY": Entry(N_("{0}: the entry {3} is there already."), N_("Somebody else has just done the same.")),
    "MESSAGE_METHOD_UNKNOWN": Entry(N_("This server does not know {0}."), N_("It may be too old for this.")),
    "NOT_IMPLEMENTED": Entry(N_("This server cannot do {0}."), N_("It may be too old for this.")),
    "WLB_NOT_INITIALIZED": Entry(
        N_("Workload balancing is not configured."), N_("Check workload balancing, or choose the hosts yourself.")
    ),
    "INTERNAL_ERROR": Entry(
        N_("The server failed with an error of its own: {0}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
    "SUBJECT_CANNOT_BE_RESOLVED": Entry(
        N_("The pool's directory service does not know this user."),
        N_("Check the connection of the pool to its directory service, or log in as root."),
    ),
    "USER_IS_NOT_LOCAL_SUPERUSER": Entry(N_("Only root is allowed to do this: {0}"), N_("Log in as root.")),
    "CHANGE_PASSWORD_REJECTED": Entry(N_("The server did not accept the new password: {0}"), N_("Choose another one.")),
    "PERMISSION_DENIED": Entry(N_("The server does not permit this: {0}"), N_("Ask whoever administers the pool.")),
    "SESSION_NOT_REGISTERED": Entry(N_("The session receives no events."), N_("Connect again.")),
    "EVENTS_LOST": Entry(N_("Changes of the pool were missed."), N_("Connect again; everything is then read afresh.")),
    "EVENT_FROM_TOKEN_PARSE_FAILURE": Entry(
        N_("The server has lost track of which events were read."),
        N_("Connect again; everything is then read afresh."),
    ),
    "EVENT_SUBSCRIPTION_PARSE_FAILURE": Entry(
        N_("The server did not understand which changes were asked for: {0}"),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "MESSAGE_DEPRECATED": Entry(
        N_("This server no longer wants this call."),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "MESSAGE_REMOVED": Entry(
        N_("This server no longer has this call."),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "MESSAGE_PARAMETER_COUNT_MISMATCH": Entry(
        N_("The server expects {1} parameters for {0}, but got {2}."),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "FIELD_TYPE_ERROR": Entry(
        N_("The server expects another type of value for {0}."),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "XMLRPC_UNMARSHAL_FAILURE": Entry(
        N_("The server did not understand a call: it expected {0}."),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "CLIENT_ERROR": Entry(
        N_("The server did not understand a call: {0}"),
        N_("Please report this to the developers of this program, with the raw error."),
    ),
    "DB_UNIQUENESS_CONSTRAINT_VIOLATION": Entry(
        N_("The server's database has this already: {1} “{2}” of {0}."),
        N_("Check the current state, then try again."),
    ),
    "OBJECT_NOLONGER_EXISTS": Entry(
        N_("It no longer exists on the server."), N_("Check the current state, then try again.")
    ),
    "TOO_MANY_PENDING_TASKS": Entry(N_("The server is overloaded."), N_("Try again in a moment.")),
    "TOO_BUSY": Entry(N_("The server is overloaded."), N_("Try again in a moment.")),
    "LICENSE_EXPIRED": Entry(
        N_("The licence has expired."), N_("Look at the licences of the pool's hosts."), "R09", Page.destination
    ),
    "LICENSE_PROCESSING_ERROR": Entry(
        N_("The licence could not be read."), N_("Look at the licences of the pool's hosts.")
    ),
    "LICENSE_HOST_POOL_MISMATCH": Entry(
        N_("The licences of the host and of the pool are not compatible."),
        N_("Look at the licences of the pool's hosts."),
    ),
    "LICENSE_CHECKOUT_ERROR": Entry(
        N_("The licence server gave no licence: {1}"), N_("Look at the licences of the pool's hosts.")
    ),
    "V6D_FAILURE": Entry(
        N_("The licence service of the host failed."), N_("Look at the licences of the pool's hosts.")
    ),
    "FEATURE_RESTRICTED": Entry(
        N_("The licence does not include this."),
        N_("Look at the licences of the pool's hosts, or do without it."),
        "R09",
        Page.destination,
    ),
    "SSL_VERIFY_ERROR": Entry(
        N_("A host does not trust the certificate of the other one: {0}"),
        N_("Run host.refresh_server_certificate for every host of the pool, then try again."),
        "R84",
        Page.storage_network,
    ),
    "TLS_VERIFICATION_NOT_ENABLED_IN_POOL": Entry(
        N_("The pool's hosts do not check each other's certificates yet."),
        N_("Run pool.enable_tls_verification once, or wait until it is done."),
    ),
    "SERVER_CERTIFICATE_EXPIRED": Entry(
        N_("The host's certificate has expired."),
        N_("Run host.refresh_server_certificate for every host of the pool, then try again."),
    ),
    "SERVER_CERTIFICATE_NOT_VALID_YET": Entry(
        N_("The host's certificate is not valid yet."),
        N_("Run host.refresh_server_certificate for every host of the pool, then try again."),
    ),
    "CERTIFICATE_CORRUPT": Entry(
        N_("The certificate {0} on the host cannot be read."),
        N_("Run host.refresh_server_certificate for every host of the pool, then try again."),
    ),
    "CERTIFICATE_LIBRARY_CORRUPT": Entry(
        N_("The certificates on the host cannot be read."),
        N_("Run host.refresh_server_certificate for every host of the pool, then try again."),
    ),
    "CERTIFICATE_DOES_NOT_EXIST": Entry(
        N_("The host has no certificate {0}."),
        N_("Run host.refresh_server_certificate for every host of the pool, then try again."),
    ),
    "XENAPI_MISSING_PLUGIN": Entry(N_("The host has no plug-in {0}."), N_("Ask whoever administers the pool.")),
    "XENAPI_PLUGIN_FAILURE": Entry(
        N_("A script of the host failed: {0}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
    "EXTENSION_PROTOCOL_FAILURE": Entry(
        N_("An extension of the host failed: {0}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
    "OUT_OF_SPACE": Entry(
        N_("The host's own disk is full: {0}"), N_("Free some space there (old logs, updates), then try again.")
    ),
    "ILLEGAL_IN_FIPS_MODE": Entry(
        N_("The pool runs in FIPS mode, which does not allow this."), N_("Ask whoever administers the pool.")
    ),
    "NOT_IN_EMERGENCY_MODE": Entry(
        N_("The host is not in emergency mode."), N_("Check the current state, then try again.")
    ),
    "INVALID_IP_ADDRESS_SPECIFIED": Entry(N_("{0} is not an IP address."), N_("Correct it.")),
}
