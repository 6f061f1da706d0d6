"""The server's error codes as sentences: what is wrong with which object, what to do, and which rule it belongs to.

Parameters are references, uuids or free text, and their shapes vary between releases (xapi 7.1 to 26); they are
resolved to names where a known object stands behind them. Codes that are not listed are shown whole.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from xsmigui.core.connecting import explained
from xsmigui.core.errors import ENTRIES
from xsmigui.core.errors.entry import Entry
from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.redaction import redacted
from xsmigui.core.text import LINE, N_, _, middle, one_line
from xsmigui.core.units import size, whole

INSIDE: Final = (
    ("SR_SOURCE_SPACE_INSUFFICIENT", "SR_SOURCE_SPACE_INSUFFICIENT"),
    ("SR_BACKEND_FAILURE_44", "SR_BACKEND_FAILURE_44"),
    ("No space left on device", "SR_BACKEND_FAILURE_44"),
)
"""Storage errors that xapi since 25.17 wraps in the text of INTERNAL_ERROR."""

SOURCE_FULL: Final = Entry(
    N_("The SR that the disks come from has no room for the temporary snapshot."),
    N_("Free some space there, then start the move again."),
    "R51",
    Page.storage,
)


REFUSED: Final = Entry(
    N_("A host refused the connection of another, so nothing was sent."),
    N_("Check the network between them; servers before xapi 22.32 send disks over port 80, which may be closed."),
    "R17",
    Page.storage_network,
)

BACKEND: Final = Entry(
    N_("The driver of the SR failed: {1}"), N_("Check the SR and its storage, then try again."), "", Page.storage
)
"""Any SR_BACKEND_FAILURE: a number in the code, then what, why and more."""

FORMAT: Final = Entry(N_("{0}."), N_("Choose another SR."), "R62", Page.storage)
"""VDI_INCOMPATIBLE_TYPE with a single parameter is free text about an image format (xapi 11)."""

VENDOR: Final = Entry(
    N_("The VM was started on a processor of another vendor than that of {1}."),
    N_("Shut it down and start it there."),
    "R30",
    Page.home_server,
)

WORDS: Final = 600
"""Characters of a server's text within our sentence."""

ROLES: Final = re.compile(r"Roles with this permission: ([^)]*)")


def entry_for(failure: ServerFailure) -> Entry | None:
    """The code's entry, also where it hides inside INTERNAL_ERROR."""
    if failure.code == "INTERNAL_ERROR":
        text = " ".join(failure.params)
        if "ECONNREFUSED" in text:
            return REFUSED
        for mark, code in INSIDE:
            if mark in text:
                return SOURCE_FULL if code == "SR_SOURCE_SPACE_INSUFFICIENT" else ENTRIES[code]
    if failure.code == "VM_INCOMPATIBLE_WITH_THIS_HOST" and "different vendor" in " ".join(failure.params):
        return VENDOR
    if failure.code.startswith("SR_BACKEND_FAILURE") and failure.code not in ENTRIES:
        return BACKEND
    if failure.code == "VDI_INCOMPATIBLE_TYPE" and len(failure.params) == 1:
        return FORMAT
    if failure.code == "HOST_NOT_ENOUGH_FREE_MEMORY" and len(failure.params) < 2:
        return Entry(N_("No host has enough free memory for {0}."), "", "R40", Page.home_server)
    return ENTRIES.get(failure.code)


def named(params: Sequence[str], inventories: Sequence[Inventory]) -> list[str]:
    """Parameters with references and uuids replaced by the names of what they stand for."""
    return [_named(param, inventories) for param in params]


def _named(param: str, inventories: Sequence[Inventory]) -> str:
    for inventory in inventories:
        for cls in ("VM", "host", "SR", "VDI", "network", "VIF", "PIF", "task", "pool"):
            if param in inventory.tables[cls]:
                return one_line(inventory.name_of(cls, param), WORDS)
    if param.startswith("OpaqueRef:") and " " not in param:
        return _("an unknown object")
    return one_line(redacted(param, _known(inventories)), WORDS)


def _known(inventories: Sequence[Inventory]) -> Callable[[str], bool]:
    return lambda reference: any(reference in table for i in inventories for table in i.tables.values())


def raw(failure: Exception, *inventories: Inventory) -> str:
    """The error as the API spells it, for the reader who wants it: without references that stand for nothing that is
    known, since they may be sessions, and without other secrets that the server repeats."""
    text = failure.raw if isinstance(failure, ServerFailure) else str(failure)
    return one_line(redacted(middle(text, 4 * LINE), _known(inventories)))


def _fill(text: str, params: Sequence[str]) -> str:
    """The sentence with its parameters; parameters that the server left out read as a dash."""
    if not text:
        return ""
    return _(text).format(*params, *["–"] * 6)


def sentence(failure: Exception, *inventories: Inventory) -> tuple[str, str]:
    """What went wrong and what to do, for a reader."""
    match failure:
        case ServerFailure():
            entry = entry_for(failure)
            if entry is None:
                return _("The server refused: {raw}", raw=raw(failure, *inventories)), ""
            params = named(failure.params, inventories)
            if failure.code in ("HOST_NOT_ENOUGH_FREE_MEMORY", "SR_FULL"):
                params = [p if (number := whole(p)) is None else size(number) for p in params]
            if failure.code == "RBAC_PERMISSION_DENIED":
                params = [params[0], *ROLES.findall(" ".join(params[1:]))] if params else []
            return _fill(entry.message, params), _fill(entry.hint, params)
        case _:
            message, hint = explained(failure) or (one_line(str(failure)) or type(failure).__name__, "")
            return redacted(message), hint


def problem(failure: Exception, subject: Subject, *inventories: Inventory, page: Page | None = None) -> Problem:
    """A server's refusal (or silence) as a problem about `subject`."""
    message, hint = sentence(failure, *inventories)
    entry = entry_for(failure) if isinstance(failure, ServerFailure) else None
    return Problem(
        rule=(entry.rule if entry else "") or "R05",
        severity=Severity.block,
        subject=subject,
        message=message,
        hint=hint,
        source="server",
        page=page or (entry.page if entry else Page.summary),
        raw=raw(failure, *inventories),
    )
