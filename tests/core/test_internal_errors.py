"""INTERNAL_ERROR: the texts of public reports and of the toolstack's sources, in every spelling, are sentences with a
remedy; and every code of the schema is one."""

import json
import re
from collections.abc import Iterator
from gettext import NullTranslations
from pathlib import Path

import pytest

import xsmigui
from tests.core.site import PoolBuilder
from xsmigui.core import text
from xsmigui.core.catalogue import ENTRIES, entry_for, problem, sentence
from xsmigui.core.errors import backend
from xsmigui.core.errors.exceptions import KNOWN
from xsmigui.core.errors.reading import read
from xsmigui.core.failures import ServerFailure
from xsmigui.core.problems import Page, Subject
from xsmigui.core.units import GiB
from xsmigui.local import languages

RESOURCES = Path(xsmigui.__file__).parent.parent / "resources"
WEB = "57834556-e984-1eed-9ca5-57834556e984"
MOVING = "57834556-e984-1eed-9ca5-000000000000"
OWN = "The server failed with an error of its own"

RAW: frozenset[str] = frozenset()
"""Codes of the schema that may come raw: none."""


def told(inside: str, call: str = "") -> tuple[str, str]:
    return sentence(ServerFailure("INTERNAL_ERROR", (inside,), call))


def xenopsd(inside: str) -> str:
    return f"Xenops_interface.Xenopsd_error({inside})"


REPORTED = [
    (xenopsd(f"[S(Vms_failed_to_cooperate);[S({MOVING});S({MOVING})]]"), "These guests did not release memory in time"),
    (xenopsd("[S(Cannot_free_this_much_memory);[I(17320378368);I(2319851520)]]"), "2.2 GiB of free memory; 16.1 GiB"),
    ('xenopsd internal error: Domain.Emu_manager_failure("Received error from emu-manager: xenguest Invalid argument")',
     "memory could not be sent"),
    (f"Storage_interface.Storage_error ([S(Sr_not_attached);S({WEB})])", "is not attached"),
    (xenopsd("S(Failed_to_acknowledge_suspend_request)"), "did not respond when it was asked to suspend"),
    (xenopsd(f"[S(Failed_to_suspend);[S({WEB});F(1200)]]"), "did not pause within 1200 seconds"),
    (xenopsd("S(Domain_not_built)"), "had not built the VM yet"),
    ('Unix.Unix_error(Unix.ECONNREFUSED, "connect", "")', "refused the connection of another"),
    (xenopsd(r'[S(Internal_error);S(Unix.Unix_error(Unix.EHOSTUNREACH, \"connect\", \"\"))]'), "no network route"),
    (xenopsd(r'[S(Internal_error);S(Sys_error(\"Connection reset by peer\"))]'), "connection between the hosts broke"),
    ('Stunnel.Stunnel_verify_error("Pre-verification error: certificate has expired")', "certificate has expired"),
    (xenopsd(f"[S(Does_not_exist);[S(VM);S({WEB})]]"), "no longer knows"),
    ('Storage_error ([S(Migration_preparation_failure);S(Server_error(SR_BACKEND_FAILURE_44, [ ; full;  ]))])',
     "not have enough space"),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "words"), REPORTED, ids=[words for _inside, words in REPORTED])
def test_what_operators_have_reported(inside: str, words: str) -> None:
    message, hint = told(inside)
    assert words in message
    assert hint.endswith(".")
    assert "Xenopsd_error" not in message + hint


OTHERS = [
    ("Xenops_interface.Vms_failed_to_cooperate(_)", "did not release memory"),
    ("Xenops_interface.Cannot_free_this_much_memory(_, _)", "not have enough free memory"),
    ("xenopsd internal error: there was not enough memory (needed 4294967296 bytes)", "4.0 GiB is needed"),
    (xenopsd("[S(Not_enough_memory);I(4294967296)]"), "4.0 GiB is needed"),
    ("Xenops_interface.Failed_to_suspend(_, _)", "did not pause in time"),
    (xenopsd(f'["Failed_to_shutdown", ["{WEB}", 60.0]]'), "did not shut down within 60"),
    ("domain has not been built", "had not built the VM yet"),
    (xenopsd(f"[S(Failed_to_start_emulator);[S({WEB});S(qemu-dm);S(Daemon exited unexpectedly)]]"),
     "did not start on the host (qemu-dm): Daemon exited unexpectedly"),
    (xenopsd('[S(Hook_failed);[S(/etc/xapi.d/vm-pre-migrate/01);S(exit);S(no way);S(1)]]'), "refused: no way"),
    (xenopsd("[S(Failed_to_contact_remote_service);S(10.0.0.9)]"), "could not reach the destination"),
    (xenopsd("S(Ballooning_timeout_before_migration)"), "did not release memory"),
    (xenopsd("[S(Bad_power_state);[S(Halted);S(Running)]]"), "The VM is halted; this needs one that is running"),
    (xenopsd("[S(Cancelled);S(12)]"), "It was cancelled"),
    (xenopsd("[S(Internal_error);S(End_of_file)]"), "closed the connection in the middle"),
    (xenopsd("S(IO_error)"), "could not be read or written"),
    (xenopsd("S(PCIBack_not_loaded)"), "cannot give PCI devices"),
    (xenopsd("[S(Storage_backend_error);[S(SR_BACKEND_FAILURE_46);[S();S(The VDI is not available);S()]]]"),
     "The driver of the SR failed: The VDI is not available"),
    (f"Object with type VM and id {WEB} does not exist in xenopsd", "no longer knows"),
    (f"Object with type VM and id {WEB} already exists in xenopsd", "still has"),
    ("(Unix.Unix_error \"Connection refused\" connect \"\")", "refused the connection of another"),
    ("Connection failed: connection refused.", "refused the connection of another"),
    ("Connection failed: no route to host.", "no network route between"),
    ("Connection failed: no host resolved.", "does not know the name"),
    ("Xmlrpc_client.Stunnel_connection_failed", "refused the connection of another"),
    ("Xmlrpc_client.Connection_reset", "connection between the hosts broke"),
    ('Unix.Unix_error(Unix.ENETUNREACH, "connect", "")', "no network route between"),
    ('Unix.Unix_error(Unix.ETIMEDOUT, "connect", "")', "no answer from the other one in time"),
    ('Unix.Unix_error(Unix.EPIPE, "write", "")', "connection between the hosts broke"),
    ('(Sys_error "Connection reset by peer")', "connection between the hosts broke"),
    ('Unix.Unix_error(Unix.ENOSPC, "write", "")', "not have enough space"),
    ('Sys_error("No space left on device")', "not have enough space"),
    ('Sys_error("/dev/sm/backend/x: No such file or directory")', "does not find a file or a device"),
    ('Unix.Unix_error(Unix.EIO, "read", "")', "could not be read or written"),
    ('Unix.Unix_error(Unix.ENOMEM, "fork", "")', "short of memory"),
    ('Http_client.Http_error("500", "Internal Server Error")', "did not accept the request"),
    ("SSL routines::certificate verify failed", "does not trust the certificate"),
    ("Certificate verification errors: CERT: Subject checks failed", "Subject checks failed"),
    ('Stunnel.Stunnel_verify_error("")', "does not trust the certificate of the other one."),
    ("Storage_error ([S(Does_not_exist);[S(mirror);S(a/b)]])", "mirror of a disk is gone"),
    ("Storage_interface.Does_not_exist(_)", "no longer knows the VM"),
    (f"Storage_error ([S(Vdi_does_not_exist);S({WEB})])", "does not show the disk"),
    (f"Storage_error ([S(Activated_on_another_host);S({WEB})])", "in use on another host"),
    ("Storage_error ([S(Illegal_transition);[[S(Attached);S(RW)];[S(Activated);S(RO)]]])", "in the wrong state"),
    ("Storage_error ([S(No_storage_plugin_for_sr);S(x)])", "is not attached"),
    ("Storage_interface.Backend_error_with_backtrace(_)", "The driver of the SR failed."),
    (f"Storage_error ([S(Migration_mirror_snapshot_failure);S(SR_SOURCE_SPACE_INSUFFICIENT:{WEB})])",
     "enough space for the temporary snapshot"),
    ('Storage_error ([S(Migration_mirror_copy_failure);S(Unix.Unix_error(Unix.ECONNREFUSED, "connect", ""))])',
     "could not be copied: A host refused the connection"),
    ('Storage_error ([S(Migration_mirror_failure);S(Failure("the tapdisk went away"))])',
     "no longer be mirrored: The process that carries"),
    ("Storage_error ([S(Migration_mirror_fd_failure);S(x)])", "did not accept the connection"),
    ('Failure("Internal error transferring fd to tapdisk")', "did not accept the connection"),
    ('Failure("SR UUID matches on destination but VDI does not exist")', "in both pools"),
    ('Failure("VM metadata import failed: VIF_NOT_IN_MAP OpaqueRef:1")', "no network at the destination"),
    ('Failure("VM metadata import failed: SOME_NEW thing")', "could not take the VM: SOME_NEW thing"),
    ("evacuate: 3 VMs are still resident on OpaqueRef:1", "VMs that are still on it is 3"),
    ('Failure("Expected string, got \'N\'")', "did not understand a call: Expected string"),
    ("Domain.Domain_restore_failed", "could not receive the VM's memory"),
    ("Domain.Suspend_image_failure", "memory image"),
    ('Domain.Xenguest_failure("error from xenguesthelper")', "memory could not be sent"),
    ("Hotplug.Device_timeout(_)", "could not be attached or detached"),
    ('Device.Ioemu_failed("qemu", "exited")', "QEMU"),
    ("Watch.Timeout(1200.)", "Xen on the host"),
    ('Xenops_migrate.Remote_failed("error from remote: no")', "gave up: error from remote: no"),
    ("Subprocess exited with unexpected code 1; stdout = [ x ]; stderr = [ no such vg ]", "program on the host failed"),
    ("Unknown error returned from xenopsd", "for an unknown reason"),
    ("Xapi_vm_migrate.Migration_mirror_failed", "could no longer be mirrored"),
    ("Stunnel.Stunnel_initialisation_failed", "encrypted connection"),
    ('Unix.Unix_error(Unix.EHOSTDOWN, "connect", "")', "no network route between"),
    ('Unix.Unix_error(Unix.EAGAIN, "read", "")', "too busy"),
    ('Unix.Unix_error(Unix.EINTR, "select", "")', "too busy"),
    ("Out_of_memory", "short of memory"),
    ("tapdisk experienced an error", "carries a disk"),
    ("nbd: export not found", "carries a disk"),
    ("lvm: vgs failed", "tool of the SR's driver"),
    ("LVMException", "tool of the SR's driver"),
    ('Db_exn.DBCache_NotFound("missing row";"VM";"OpaqueRef:1")', "no longer in the pool's database"),
    ('Db_exn.Read_missing_uuid("VDI","","x")', "no longer in the pool's database"),
    ("Storage_interface.Storage_error ([S(Internal_error);S(Jsonrpc.Parse_error)])", "storage layer of the host"),
    ("Memory_interface.MemoryError([S(Internal_error);S(timeout)])", "shares the host's memory"),
    ("Not_found", "ran into a bug of its own (Not_found)"),
    ('Invalid_argument("index out of bounds")', "ran into a bug of its own (Invalid_argument)"),
    ('(Failure "int_of_string")', "ran into a bug of its own (int_of_string)"),
    ("Stack overflow", "ran into a bug of its own"),
    ("Assert_failure ocaml/xapi/x.ml:1", "ran into a bug of its own"),
    ('Unix.Unix_error(Unix.ESTALE, "open", "/var/run/sr-mount/x")', "has lost the storage"),
    ('Sys_error("Stale file handle")', "has lost the storage"),
    ('Unix.Unix_error(Unix.EINVAL, "ioctl", "")', "operating system of the host reported an error: EINVAL"),
    ('Sys_error("Value too large for defined data type")', "reported an error: Value too large"),
    ("Message_switch_failure", "services of the host did not reach each other"),
    ("Message_switch_core.Protocol_unix.Timeout", "services of the host did not reach each other"),
    ("Storage_error ([S(Redirect);[S(10.0.0.9)]])", "services of the host did not reach each other"),
    ("Storage_error ([S(Duplicated_key);S(x)])", "in use by something else"),
    ('Rpc.Runtime_error("S(x)", None)', "did not understand each other"),
    ('Idl.MarshalError("x")', "did not understand each other"),
    ("Memory_client.Domains_refused_to_cooperate", "did not release memory"),
    ("xenopsd internal error: Domain.Domain_not_found", "no longer runs on the host"),
    ("xenopsd internal error: Vgpu.VGPU_mapping", "virtual GPU"),
    ("Network_interface.Network_error([S(Interface_does_not_exist);S(eth9)])", "network of the host"),
    ("Forkhelpers.Fork_exec_error(_)", "program on the host failed"),
    ('Failure("hd")', "ran into a bug of its own"),
    ("Fun.Timed_out", "took too long"),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "words"), OTHERS)
def test_every_spelling_of_what_the_toolstack_raises(inside: str, words: str) -> None:
    message, hint = told(inside)
    assert words in message
    assert hint.endswith(".")
    assert "–" not in message


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.words[:30])
def test_every_exception_is_found_by_its_name_alone(known: object) -> None:
    """As older releases print it, `Name(_)`, and in any case of its letters."""
    words = known.words  # type: ignore[attr-defined]
    name = re.split(r"\W", words.replace("(?:", "").replace("\\b", ""))[0]
    if "_" not in name:
        return  # told by a phrase, above
    for inside in (f"Xenops_interface.{name}(_)", name, f"xenopsd internal error: {name.lower()}"):
        found = read(inside)
        assert found is not None, inside
        message, hint = told(inside)
        assert OWN not in message
        assert "–" not in message
        assert hint


def test_what_nobody_knows_is_shown_whole_with_a_next_step() -> None:
    message, hint = told("Something.Else(12)")
    assert message == f"{OWN}: Something.Else(12)"
    assert "xensource.log" in hint
    message, hint = sentence(ServerFailure("SOMETHING_NEW"))
    assert message == "The server refused: SOMETHING_NEW"
    assert "xensource.log" in hint


def test_a_broken_connection_names_the_pool_s_certificates() -> None:
    """Public report: after an upgrade to XCP-ng 8.3 the file of the pool's certificates is empty."""
    for call in ("Async.VDI.pool_migrate", "Async.VM.migrate_send", ""):
        _message, hint = told(xenopsd('[S(Internal_error);S(Sys_error("Connection reset by peer"))]'), call)
        assert "host.refresh_server_certificate for every host" in hint


def test_uuids_in_texts_become_names() -> None:
    pool = PoolBuilder()
    pool.host("m1")
    vm, other = pool.vm("web"), pool.vm("mail")
    pool.set(vm, uuid=WEB)
    inventory = pool.inventory()
    failure = ServerFailure("INTERNAL_ERROR", (xenopsd(f"[S(Does_not_exist);[S(VM);S({WEB})]]"),))
    assert sentence(failure, inventory)[0].startswith("The host no longer knows web (VM)")
    both = xenopsd(f"[S(Vms_failed_to_cooperate);[S({MOVING});S({pool.uuid(other)});S({MOVING})]]")
    message = sentence(ServerFailure("INTERNAL_ERROR", (both,)), inventory)[0]
    assert message == "These guests did not release memory in time: web, mail."


def test_a_code_inside_has_its_own_rule_and_page() -> None:
    inside = "Storage_error ([S(Migration_preparation_failure);S(Server_error(SR_BACKEND_FAILURE_44, [ ; x;  ]))])"
    found = problem(ServerFailure("INTERNAL_ERROR", (inside,)), Subject("VM", "u", "web"))
    assert (found.rule, found.page) == ("R50", Page.storage)
    assert found.raw.startswith("INTERNAL_ERROR(Storage_error")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (("VM", "OpaqueRef:vm", "clean_shutdown", "OpaqueRef:task"), "web is busy: clean_shutdown is running."),
        (("VM", "OpaqueRef:vm", "{snapshot,clone}", "{a,b}"), "web is busy: snapshot, clone is running."),
        (("VM.clean_shutdown", "OpaqueRef:vm"), "web is busy: clean_shutdown is running."),
        (("VM.{snapshot,clone}", "OpaqueRef:vm"), "web is busy: snapshot, clone is running."),
        (("host", "OpaqueRef:host", "evacuate"), "m1 is busy: evacuate is running."),
        (("SR", "OpaqueRef:sr", "scan"), "nfs is busy: scan is running."),
        (("VDI", "OpaqueRef:vdi"), "data is busy with another operation."),
        (("pool", "OpaqueRef:pool"), "Madrid is busy with another operation."),
        ((), "– is busy with another operation."),
    ],
)
def test_another_operation_in_both_forms(params: tuple[str, ...], words: str) -> None:
    pool = PoolBuilder("Madrid")
    host, vm = pool.host("m1"), pool.vm("web")
    sr = pool.sr("nfs")
    disk = pool.disk(sr, name="data")
    inventory = pool.inventory()
    names = {"vm": vm, "host": host, "sr": sr, "vdi": disk, "pool": inventory.pool_ref}
    real = tuple(names.get(p.removeprefix("OpaqueRef:"), p) if p.startswith("OpaqueRef:") else p for p in params)
    message, hint = sentence(ServerFailure("OTHER_OPERATION_IN_PROGRESS", real), inventory)
    assert (message, hint) == (words, "Wait until it has ended.")


@pytest.mark.parametrize(
    ("code", "params", "words"),
    [
        ("SR_DOES_NOT_SUPPORT_MIGRATION", ("nfs",), "nfs does not support storage migration."),
        ("SR_DOES_NOT_SUPPORT_MIGRATION", ("nfs", "SNAPSHOT;MIRROR"), "its driver lacks SNAPSHOT, MIRROR."),
        ("NO_HOSTS_AVAILABLE", (), "No host is available for this."),
        ("NO_HOSTS_AVAILABLE", ("web",), "No host is available for this."),
        ("XEN_INCOMPATIBLE", (), "updated but not rebooted"),
        ("SR_UNHEALTHY", ("nfs", "Unavailable", "try reboot"), "nfs is unhealthy (Unavailable): try reboot"),
        ("SR_UNHEALTHY", ("nfs", "Recovering", ""), "nfs is unhealthy (Recovering)."),
        ("OPERATION_NOT_ALLOWED", (), "The server does not allow this."),
        ("XENAPI_PLUGIN_FAILURE", ("1", "", "no such vg"), "A script of the host failed: 1 no such vg"),
        ("XENAPI_PLUGIN_FAILURE", ("non-zero exit", " ", ""), "A script of the host failed: non-zero exit"),
        ("SR_SUSPEND_SPACE_INSUFFICIENT", ("nfs",), "nfs has no room for the VM's memory image."),
        ("BALLOONING_TIMEOUT_BEFORE_MIGRATION", ("web",), "The guest of web did not release memory in time."),
        ("BOOT_DEVICE_PASSTHROUGH_DISALLOWED", ("0000:00:1f.2",), "boots from the device 0000:00:1f.2"),
        ("NETWORK_INCOMPATIBLE_WITH_TRUNKS", ("lan",), "lan cannot carry an interface with VLAN trunks."),
        ("HOST_DISABLED_INDEFINITELY", ("m1",), "m1 was disabled, and stays disabled after a reboot."),
        ("VM_BAD_POWER_STATE", ("web", "halted;suspended", "Running"), "web is running; this needs a VM that is"),
        ("VM_BAD_POWER_STATE", ("web", "paused, running", "halted"), "web is halted; this needs a VM that is paused"),
        ("HOST_NOT_ENOUGH_FREE_MEMORY", (str(4 * GiB), str(GiB)), "1.0 GiB of free memory; 4.0 GiB is needed"),
        ("CANNOT_EVACUATE_HOST", ("VM_LACKS_FEATURE,web|HOST_NOT_ENOUGH_FREE_MEMORY,mail",),
         "VM Tools are not running in web. No host has enough free memory for mail."),
    ],
)  # fmt: skip
def test_parameters_of_every_release(code: str, params: tuple[str, ...], words: str) -> None:
    message, hint = sentence(ServerFailure(code, params))
    assert words in message
    assert hint.endswith(".")


@pytest.mark.parametrize("code", ENTRIES)
def test_every_code_has_a_remedy(code: str) -> None:
    assert re.search(r"[.}]$", ENTRIES[code].hint), code


@pytest.mark.parametrize("number", sorted(backend.HINTS))
def test_every_number_of_the_storage_drivers_has_a_remedy(number: int) -> None:
    message, hint = sentence(ServerFailure(f"SR_BACKEND_FAILURE_{number}", ("", "what the driver says", "")))
    assert message
    assert hint.endswith(".")
    assert len([n for numbers in backend.NUMBERS.values() for n in numbers if n == number]) == 1


def test_a_number_that_nobody_knows_has_one_too() -> None:
    message, hint = sentence(ServerFailure("SR_BACKEND_FAILURE_9999", ("", "odd", "")))
    assert (message, hint) == ("The driver of the SR failed: odd", "Check the SR and its storage, then try again.")


def codes() -> set[str]:
    """Every code that the program's own copy of the schema names, and those of the data beside the checkout."""
    found = set(json.loads((Path(__file__).parent / "error_codes.json").read_bytes()))
    for path in (Path(__file__).parents[3] / "shared" / "data").glob("xenapi*.json"):
        for cls in json.loads(path.read_bytes()):
            found |= {error["name"] for message in cls["messages"] for error in message["errors"]}
    return found


@pytest.fixture
def spanish() -> Iterator[None]:
    text.use(languages.catalogue("es", RESOURCES))
    yield
    text.use(NullTranslations())


def test_every_code_of_the_schema_is_a_sentence() -> None:
    assert {code for code in codes() if entry_for(ServerFailure(code)) is None} == RAW


@pytest.mark.usefixtures("spanish")
def test_every_code_of_the_schema_is_a_sentence_in_spanish() -> None:
    for code in sorted(codes() - RAW):
        message, hint = sentence(ServerFailure(code, ("a", "b", "c", "d")))
        assert message not in ("", ENTRIES[code].message.format("a", "b", "c", "d")), code
        assert hint not in ("", ENTRIES[code].hint.format("a", "b", "c", "d")), code


def test_texts_of_a_server_are_bounded_and_plain() -> None:
    message, _hint = told("\x1b[31mboom\x1b[0m " + "x" * 100_000)
    assert "\x1b" not in message
    assert len(message) < 3000
    for nasty in (
        "Remote_failed(" * 1100,
        "Migration_mirror_failure (Failure (" * 400,
        "_" * 16_000,
        "SR_" * 5000,
        ("VM metadata import failed: " * 600),
        "[" * 5000,
        "S(" * 5000,
        '"' * 5000,
        "Xenopsd_error(" * 2000 + "Does_not_exist",
        "\\" * 5000,
    ):
        assert told(nasty)[0]
