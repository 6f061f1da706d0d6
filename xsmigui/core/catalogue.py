"""The server's error codes as sentences: what is wrong with which object, what to do, and which rule it belongs to.

Parameters are references, uuids or free text, and their shapes vary between releases (from XenServer 7.1 to xapi
26.17); they are resolved to names where a known object stands behind them. Codes that are not listed are shown whole.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from xsmigui.core.connecting import explained
from xsmigui.core.errors import ENTRIES, backend
from xsmigui.core.errors.entry import Entry
from xsmigui.core.errors.reading import UUID, Reading, read
from xsmigui.core.failures import ServerFailure
from xsmigui.core.inventory import Inventory
from xsmigui.core.messages import Size, Text, Value, coded, listed, m_, render, sentences, with_texts
from xsmigui.core.problems import Page, Problem, Severity, Subject
from xsmigui.core.redaction import redacted
from xsmigui.core.text import LINE, N_, middle, one_line
from xsmigui.core.units import whole

INSIDE: Final = (
    ("SR_SOURCE_SPACE_INSUFFICIENT", "SR_SOURCE_SPACE_INSUFFICIENT"),
    ("SR_BACKEND_FAILURE_44", "SR_BACKEND_FAILURE_44"),
    ("No space left on device", "SR_BACKEND_FAILURE_44"),
)
"""Storage errors that xapi since 25.17 wraps in the text of INTERNAL_ERROR, and their codes."""

SOURCE_FULL: Final = Entry(
    N_("The source SR does not have enough space for the temporary snapshot."),
    N_("Free some space there, then start the move again."),
    "R51",
    Page.storage,
)
"""SR_SOURCE_SPACE_INSUFFICIENT without its SR."""

NO_ROOM: Final = Entry(
    N_("No host has enough free memory for {0}."),
    N_("Free memory on a host, or shut a VM down."),
    "R40",
    Page.home_server,
)
"""HOST_NOT_ENOUGH_FREE_MEMORY of an evacuation names the VM (xapi 26.17, xapi_host.ml, compute_evacuation_plan)."""

LACKING: Final = Entry(
    N_("{0} does not support storage migration: its driver lacks {1}."),
    ENTRIES["SR_DOES_NOT_SUPPORT_MIGRATION"].hint,
    "R52",
    Page.storage,
)
"""Since xapi 26.1 the second parameter names what is missing, with semicolons."""

HELD: Final = Entry(
    N_("The SR cannot attach the disk: a host still holds it."),
    N_("Start its VM and shut it down again, or free the disk on the host."),
    "R69",
    Page.storage,
)
"""SR_BACKEND_FAILURE_46 has several causes; this is a lock, of which the driver's words tell (sm, blktap2.py)."""

BUSY: Final = Entry(N_("{0} is busy: {1} is running."), N_("Wait until it has ended."), "R06")
OCCUPIED: Final = Entry(N_("{0} is busy with another operation."), N_("Wait until it has ended."), "R06")
"""OTHER_OPERATION_IN_PROGRESS, with and without the operation."""

FORMAT: Final = Entry(N_("{0}."), N_("Choose another SR."), "R62", Page.storage)
"""VDI_INCOMPATIBLE_TYPE with a single parameter is free text about an image format (xapi_vm_migrate.ml,
assert_vdi_format_is_supported)."""

VENDOR: Final = Entry(
    N_("The VM was started on a processor of another vendor than that of {1}."),
    N_("Shut it down and start it there."),
    "R30",
    Page.home_server,
)

LONGEST_TEXT_CHARS: Final = 16_000
"""Characters of a text of INTERNAL_ERROR that are read: more is a log, and no error."""

WORDS: Final = 600
"""Characters of a server's text within our sentence."""

UNKNOWN: Final = N_("Look at the log of the host, /var/log/xensource.log, before you try again.")
"""What to do about a code that nobody here knows."""

CLASSES: Final = ("VM", "host", "SR", "VDI", "network", "VIF", "PIF", "task", "pool")
MOVING: Final = ("000000000000", "000000000001")

ROLES: Final = re.compile(r"Roles with this permission: ([^)]*)")


def entry_for(failure: ServerFailure) -> Entry | None:
    """The code's entry, also where it hides inside INTERNAL_ERROR."""
    reading = understood(failure)
    return reading.entry if reading is not None else None


def understood(failure: ServerFailure) -> Reading | None:
    """What is known of an error: its entry, and the parameters of its sentence in one form, whatever the release; None
    if the code is not known."""
    code, params = failure.code, failure.params
    if code == "INTERNAL_ERROR":
        found = read(middle(" ".join(params), LONGEST_TEXT_CHARS))
        if found is None:
            return Reading(ENTRIES[code], (" ".join(params),), code)
        if not found.code:
            return found
        code, params = found.code, found.params
    match code:
        case "VM_INCOMPATIBLE_WITH_THIS_HOST" if "different vendor" in " ".join(params):
            return Reading(VENDOR, params, code)
        case "VDI_INCOMPATIBLE_TYPE" if len(params) == 1:
            return Reading(FORMAT, params, code)
        case "HOST_NOT_ENOUGH_FREE_MEMORY" if len(params) < 2:
            return Reading(NO_ROOM, params, code)
        case "SR_SOURCE_SPACE_INSUFFICIENT" if not params:
            return Reading(SOURCE_FULL, params, code)
        case "SR_DOES_NOT_SUPPORT_MIGRATION" if len(params) > 1:
            return Reading(LACKING, (params[0], ", ".join(params[1].split(";"))), code)
        case "SR_BACKEND_FAILURE_46" if "already attached" in " ".join(params):
            return Reading(HELD, params, code)
        case "XENAPI_PLUGIN_FAILURE":  # what it printed comes after its status, and may be empty
            return Reading(ENTRIES[code], (" ".join(filter(None, map(str.strip, params))),), code)
        case "OTHER_OPERATION_IN_PROGRESS":
            return _busy(params)
    if code in ENTRIES:
        return Reading(ENTRIES[code], params, code)
    return Reading(backend.entry(code), params, code) if code.startswith("SR_BACKEND_FAILURE") else None


def _busy(params: tuple[str, ...]) -> Reading:
    """OTHER_OPERATION_IN_PROGRESS: since xapi 25.27 class, object, operation and task; before, of VMs
    ``VM.<operation>`` and the VM, of hosts and SRs class, object and operation, of disks and pools class and object."""
    cls, subject, *more = [*params, "", ""][: max(2, len(params))]
    operation = more[0] if more and more[0] else cls.partition(".")[2]
    if not operation:
        return Reading(OCCUPIED, (subject or "–",), "OTHER_OPERATION_IN_PROGRESS")
    return Reading(BUSY, (subject, ", ".join(operation.strip("{}").split(","))), "OTHER_OPERATION_IN_PROGRESS")


def named(params: Sequence[Value], inventories: Sequence[Inventory]) -> list[Value]:
    """Parameters with references and uuids replaced by the names of what they stand for."""
    return [_named(param, inventories) if isinstance(param, str) else param for param in params]


def _named(param: str, inventories: Sequence[Inventory]) -> Text:
    for inventory in inventories:
        for cls in CLASSES:
            if param in inventory.tables[cls]:
                return one_line(inventory.name_of(cls, param), WORDS)
    if param.startswith("OpaqueRef:") and " " not in param:
        return m_("an unknown object")
    text = redacted(param, _known(inventories))
    return one_line(UUID.sub(lambda found: _by_uuid(found.group(), inventories), text), WORDS)


def _known(inventories: Sequence[Inventory]) -> Callable[[str], bool]:
    return lambda reference: any(reference in table for i in inventories for table in i.tables.values())


def raw(failure: Exception, *inventories: Inventory) -> str:
    """The error as the API spells it, for the reader who wants it: without references that stand for nothing that is
    known, since they may be sessions, and without other secrets that the server repeats."""
    text = failure.raw if isinstance(failure, ServerFailure) else str(failure)
    return one_line(redacted(middle(text, 4 * LINE), _known(inventories)))


def _by_uuid(uuid: str, inventories: Sequence[Inventory]) -> str:
    """The name of what has a uuid. While a VM moves, xenopsd knows it by its uuid with other last digits (xapi
    26.17, xenopsd/lib/xenops_server.ml)."""
    moving = uuid[:24] if uuid[24:] in MOVING else ""
    for inventory in inventories:
        for cls in CLASSES:
            for ref, record in inventory.tables[cls].items():
                if record.uuid == uuid or (moving and cls == "VM" and record.uuid.startswith(moving)):
                    return inventory.name_of(cls, ref)
    return uuid


def sentence(failure: Exception, *inventories: Inventory) -> tuple[str, str]:
    """What went wrong and what to do, in the reader's language of this moment."""
    finding, advice = stated(failure, *inventories)
    return render(finding), render(advice)


def stated(failure: Exception, *inventories: Inventory) -> tuple[Text, Text]:
    """What went wrong and what to do, as values."""
    match failure:
        case ServerFailure():
            reading = understood(failure)
            if reading is None:
                return m_("The server refused: {raw}", raw=raw(failure, *inventories)), m_(UNKNOWN)
            return _said(reading, inventories)
        case _:
            message, hint = explained(failure) or (one_line(str(failure)) or type(failure).__name__, "")
            return with_texts(message, redacted), hint


def _said(reading: Reading, inventories: Sequence[Inventory]) -> tuple[Text, Text]:
    """Sentence and remedy of what was understood."""
    entry, told = reading.entry, list(reading.params)
    params: list[Value] = list(told)
    if entry.holds == "sizes":
        params = [p if (number := whole(p)) is None else Size(number) for p in told]
    if entry.holds == "states":
        params = [_states(p) for p in told]
    if entry is ENTRIES["RBAC_PERMISSION_DENIED"]:
        params = [told[0], *ROLES.findall(" ".join(told[1:]))] if told else []
    if entry is ENTRIES["CANNOT_EVACUATE_HOST"] and told:
        params = [_of_each(told[0], inventories)]
    params = named(params, inventories)
    if reading.inner is not None:
        message, hint = _said(reading.inner, inventories)
        return coded(entry.message, *params[:-1], message), hint
    return coded(entry.message, *params), coded(entry.hint, *params)


def _states(text: str) -> Text:
    """``halted, suspended``: power states as messages; servers join them in several ways."""
    words = {"halted": m_("halted"), "suspended": m_("suspended"), "paused": m_("paused"), "running": m_("running")}
    parts = [part.strip().casefold() for part in re.split("[,;]", text)]
    return listed([words[part] for part in parts], mark=", ") if set(parts) <= words.keys() else text


def _of_each(text: str, inventories: Sequence[Inventory]) -> Text:
    """What CANNOT_EVACUATE_HOST says of each VM: ``CODE,parameter,…`` with bars between the VMs."""
    found: list[Text] = []
    for part in text.split("|"):
        code, *params = part.split(",")
        found.append(stated(ServerFailure(code, tuple(params)), *inventories)[0] if code in ENTRIES else part)
    return sentences(*dict.fromkeys(found))


def problem(failure: Exception, subject: Subject, *inventories: Inventory, page: Page | None = None) -> Problem:
    """A server's refusal (or silence) as a problem about `subject`."""
    finding, advice = stated(failure, *inventories)
    entry = entry_for(failure) if isinstance(failure, ServerFailure) else None
    return Problem(
        rule=(entry.rule if entry else "") or "R05",
        severity=Severity.block,
        subject=subject,
        finding=finding,
        advice=advice,
        source="server",
        page=page or (entry.page if entry else Page.summary),
        raw=raw(failure, *inventories),
    )
