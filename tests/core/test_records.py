import msgspec
import pytest

from xsmigui.core import records
from xsmigui.core.records import CLASSES, EVENT_CLASSES, Record
from xsmigui.core.refs import NULL


@pytest.mark.parametrize("cls", CLASSES)
def test_every_field_has_a_default(cls: str) -> None:
    """Old servers lack fields; an empty answer is a record all the same."""
    kind = CLASSES[cls]
    assert msgspec.json.decode(b"{}", type=kind) == kind()
    assert kind().uuid == ""


@pytest.mark.parametrize("cls", CLASSES)
def test_records_are_frozen(cls: str) -> None:
    with pytest.raises(AttributeError):
        CLASSES[cls]().uuid = "changed"  # type: ignore[misc]


def test_json_is_decoded_and_unknown_fields_are_skipped() -> None:
    text = b"""{"uuid": "u", "name_label": "web", "power_state": "Running", "VBDs": ["OpaqueRef:b"],
        "other_config": {"mac_seed": "s"}, "memory_dynamic_min": 2147483648,
        "a_field_of_the_future": [1, {"x": null}]}"""
    vm = msgspec.json.decode(text, type=records.VM)
    assert (vm.name_label, vm.power_state, vm.VBDs) == ("web", "Running", ["OpaqueRef:b"])
    assert vm.memory_dynamic_min == 2 << 30
    assert vm.resident_on == NULL


def test_xml_rpc_sends_numbers_as_text() -> None:
    row = {"virtual_size": "1073741824", "cbt_enabled": True, "sm_config": {}, "is_a_snapshot": False}
    vdi = msgspec.convert(row, records.VDI, strict=False)
    assert vdi.virtual_size == 1 << 30
    assert vdi.cbt_enabled is True
    assert msgspec.convert({"progress": 1}, records.Task, strict=False).progress == 1.0


def test_sm_formats_may_be_missing() -> None:
    assert records.SM().supported_image_formats is None
    assert msgspec.json.decode(b'{"supported_image_formats": []}', type=records.SM).supported_image_formats == []


def test_events_name_classes_in_lower_case() -> None:
    assert EVENT_CLASSES["vm_guest_metrics"] == "VM_guest_metrics"
    assert set(EVENT_CLASSES.values()) == set(CLASSES)
    assert all(issubclass(kind, Record) for kind in CLASSES.values())
