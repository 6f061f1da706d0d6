import contextlib

import pytest

from xsmigui.core.failures import (
    WIRE_ERRORS,
    CertificateChanged,
    CertificateUnknown,
    NotSpeaking,
    ServerFailure,
    SessionLost,
    Unreachable,
)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (ServerFailure("VM_IS_TEMPLATE", ("r", "op"), "VM.x"), "VM_IS_TEMPLATE [r, op] (VM.x)"),
        (Unreachable("https://h", "refused"), "https://h: refused"),
        (Unreachable("https://h", "refused", "VM.x"), "https://h: refused (VM.x)"),
        (NotSpeaking("https://h", 404, "Not Found"), "https://h: HTTP 404 Not Found"),
        (CertificateUnknown("https://h", "AA"), "https://h: unknown certificate AA"),
        (CertificateChanged("https://h", "AA", "BB"), "https://h: certificate AA instead of BB"),
        (SessionLost("https://h"), "https://h: the session has ended"),
    ],
)
def test_failures_are_values_and_exceptions(failure: Exception, text: str) -> None:
    assert isinstance(failure, WIRE_ERRORS)
    assert str(failure) == text
    assert hash(failure) == hash(failure)

    @contextlib.contextmanager
    def manager():  # type: ignore[no-untyped-def]
        yield

    with pytest.raises(type(failure)), manager():
        raise failure


def test_raw() -> None:
    assert ServerFailure("TASK_CANCELLED").raw == "TASK_CANCELLED"
    assert ServerFailure("VDI_IN_USE", ("a", "b")).raw == "VDI_IN_USE(a, b)"
