"""Passwords: in a keyring or nowhere, and never in the log."""

import logging

import keyring as package
import keyring.backend
import pytest
from keyring.backends import fail, null

from xsmigui.core.ports import Address
from xsmigui.local.keyring import Keyring

ADDRESS = Address("https://10.0.0.1:443", "root")
OTHER = Address("https://10.0.0.1:443", "admin")
SECRET = "s3cret-of-the-pool"


class Fake:
    """A desktop's keyring in memory."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        self.kept[service, account] = password

    def delete_password(self, service: str, account: str) -> None:
        del self.kept[service, account]


class ClearText(Fake):
    """Like the stand-ins that write files in clear text."""

    priority = 0.5


class Broken(Fake):
    """A locked keyring, or one whose service has died; its errors tell what they should not."""

    def _fail(self) -> Exception:
        return RuntimeError(f"the collection is locked ({SECRET})")

    def get_password(self, service: str, account: str) -> str | None:
        raise self._fail()

    def set_password(self, service: str, account: str, password: str) -> None:
        raise self._fail()

    def delete_password(self, service: str, account: str) -> None:
        raise self._fail()


def use(monkeypatch: pytest.MonkeyPatch, backend: object) -> None:
    monkeypatch.setattr(package, "get_keyring", lambda: backend)


async def test_a_password_is_kept_by_server_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    use(monkeypatch, fake)
    keyring = Keyring()
    assert await keyring.available()
    assert await keyring.get(ADDRESS) is None
    assert await keyring.put(ADDRESS, SECRET)
    assert await keyring.put(OTHER, "other")
    assert await keyring.get(ADDRESS) == SECRET
    assert fake.kept == {
        ("xsmigui", "root@https://10.0.0.1:443"): SECRET,
        ("xsmigui", "admin@https://10.0.0.1:443"): "other",
    }
    await keyring.forget(ADDRESS)
    await keyring.forget(ADDRESS)
    assert await keyring.get(ADDRESS) is None
    assert await keyring.get(OTHER) == "other"


async def test_an_empty_password_is_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Fake())
    assert await Keyring().put(ADDRESS, "")
    assert await Keyring().get(ADDRESS) == ""


@pytest.mark.parametrize("backend", [fail.Keyring(), null.Keyring(), ClearText(), object()])
async def test_where_there_is_no_keyring_nothing_is_kept(backend: object, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, backend)
    keyring = Keyring()
    assert not await keyring.available()
    assert not await keyring.put(ADDRESS, SECRET)
    assert await keyring.get(ADDRESS) is None
    await keyring.forget(ADDRESS)
    assert not getattr(backend, "kept", None)


async def test_a_failing_keyring_is_no_keyring(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    use(monkeypatch, Broken())
    keyring = Keyring()
    assert not await keyring.put(ADDRESS, SECRET)
    assert await keyring.get(ADDRESS) is None
    await keyring.forget(ADDRESS)
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


async def test_a_keyring_that_cannot_be_found_out_about_is_no_keyring(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode() -> keyring.backend.KeyringBackend:
        raise RuntimeError("no session bus")

    monkeypatch.setattr(package, "get_keyring", explode)
    assert not await Keyring().available()
    assert not await Keyring().put(ADDRESS, SECRET)
    assert await Keyring().get(ADDRESS) is None
    assert "no keyring: RuntimeError" in caplog.text


async def test_passwords_are_not_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    use(monkeypatch, Fake())
    await Keyring().put(ADDRESS, SECRET)
    await Keyring().get(ADDRESS)
    await Keyring().forget(ADDRESS)
    assert SECRET not in caplog.text
