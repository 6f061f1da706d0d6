"""Sessions, rights, calls that the server does not take, and errors of its own."""

from typing import Final

from xsmigui.core.errors.entry import Entry
from xsmigui.core.problems import Page
from xsmigui.core.text import N_

ACCESS: Final[dict[str, Entry]] = {
    "SESSION_AUTHENTICATION_FAILED": Entry(N_("The server does not accept this user name and password.")),
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
    "HANDLE_INVALID": Entry(N_("The {0} is gone from the server."), N_("Check what has happened to it.")),
    "UUID_INVALID": Entry(N_("The server knows no {0} {1}.")),
    "OPERATION_NOT_ALLOWED": Entry(N_("The server does not allow this: {0}"), "", "R05"),
    "OPERATION_BLOCKED": Entry(N_("Somebody has blocked this operation on {0}: “{1}”."), "", "R07", Page.destination),
    "OTHER_OPERATION_IN_PROGRESS": Entry(N_("{1} is busy: {2} is running."), N_("Wait until it has ended."), "R06"),
    "LICENCE_RESTRICTION": Entry(N_("The licence does not include {0}."), "", "R09", Page.destination),
    "TASK_CANCELLED": Entry(N_("It was cancelled.")),
    "SESSION_INVALID": Entry(N_("The session has ended."), N_("Connect again.")),
    "INVALID_VALUE": Entry(N_("The server does not accept {1} as {0}."), N_("Correct this setting of the VM.")),
    "VALUE_NOT_SUPPORTED": Entry(N_("The server does not accept {1} as {0}: {2}"), N_("Correct it in the VM.")),
    "XAPI_HOOK_FAILED": Entry(
        N_("A script of the host, {0}, refused: {2}"), N_("Ask whoever installed the script on the host.")
    ),
    "MAP_DUPLICATE_KEY": Entry(N_("{0}: the entry {3} is there already."), N_("Somebody else did the same just now.")),
    "MESSAGE_METHOD_UNKNOWN": Entry(N_("This server does not know {0}."), N_("It may be too old for this.")),
    "NOT_IMPLEMENTED": Entry(N_("This server cannot do {0}.")),
    "WLB_NOT_INITIALIZED": Entry(N_("Workload balancing is not configured.")),
    "INTERNAL_ERROR": Entry(
        N_("The server failed with an error of its own: {0}"),
        N_("Look at the log of the host, /var/log/xensource.log, before you try again."),
    ),
}
