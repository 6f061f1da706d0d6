"""Pinned certificates."""

from pathlib import Path

import pytest

from xsmigui.local import trust
from xsmigui.local.trust import FILE, GivenTrust, TrustFile, is_fingerprint

URL = "https://10.0.0.1:443"
PRINT = ":".join(["cd"] * 32)


def test_nobody_is_trusted_at_first(tmp_path: Path) -> None:
    assert TrustFile(tmp_path).trusted(URL) is None
    assert list(tmp_path.iterdir()) == []


def test_a_pin_is_kept_and_replaced(tmp_path: Path) -> None:
    file = TrustFile(tmp_path)
    file.trust(URL, "old")
    file.trust(URL, PRINT)
    assert file.trusted(URL) == PRINT
    assert TrustFile(tmp_path).trusted(URL) == PRINT
    assert TrustFile(tmp_path).trusted("https://10.0.0.1:8443") is None


@pytest.mark.parametrize("spoiled", [b"", b"{", b"[]", b'{"https://10.0.0.1:443": 1}', b'{"a": "\xff"}'])
def test_a_spoiled_file_trusts_nobody(spoiled: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(spoiled)
    file = TrustFile(tmp_path)
    assert file.trusted(URL) is None
    assert "no certificate is trusted" in caplog.text
    file.trust(URL, PRINT)
    assert TrustFile(tmp_path).trusted(URL) == PRINT


def test_an_unreadable_file_trusts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).mkdir()
    assert TrustFile(tmp_path).trusted(URL) is None
    assert "no certificate is trusted" in caplog.text


def test_pins_of_another_process_stay(tmp_path: Path) -> None:
    one, other = TrustFile(tmp_path), TrustFile(tmp_path)
    other.trust("https://b:443", "b")
    one.trust("https://a:443", "a")
    last = TrustFile(tmp_path)
    assert (last.trusted("https://a:443"), last.trusted("https://b:443")) == ("a", "b")


def test_a_pin_that_cannot_be_written_holds_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    file = TrustFile(tmp_path)
    monkeypatch.setattr(trust, "write_atomically", refuse)
    file.trust(URL, PRINT)
    assert file.trusted(URL) == PRINT
    assert "cannot be kept" in caplog.text
    assert TrustFile(tmp_path).trusted(URL) is None


def test_given_fingerprints_are_compared_however_they_are_spelled(tmp_path: Path) -> None:
    given = GivenTrust(TrustFile(tmp_path), ["ab:CD:ef", "1234"], first_use=False)
    assert given.accepts("ABCDEF")
    assert given.accepts("12:34")
    assert not given.accepts("AB:CD")
    assert not given.accepts("")
    assert not GivenTrust(TrustFile(tmp_path), [], first_use=False).accepts("ABCDEF")


def test_an_empty_fingerprint_given_accepts_nothing(tmp_path: Path) -> None:
    assert not GivenTrust(TrustFile(tmp_path), [""], first_use=False).accepts("")


def test_what_is_given_stands_before_the_file(tmp_path: Path) -> None:
    """A server that shows another certificate than a given one is refused, whatever was trusted before."""
    file = TrustFile(tmp_path)
    file.trust(URL, PRINT)
    given = GivenTrust(file, ["ab" * 32], first_use=False)
    assert given.trusted(URL, PRINT) == "ab" * 32
    assert given.trusted("https://new", PRINT) == "ab" * 32
    openssl = GivenTrust(file, ["sha256 Fingerprint=" + ":".join(["AB"] * 32)], first_use=False)
    assert openssl.trusted(URL, PRINT) == ":".join(["AB"] * 32)  # as it was given, and nothing around it
    both = GivenTrust(file, ["ab" * 32, PRINT.upper()], first_use=False)
    assert both.trusted(URL, PRINT) == PRINT
    assert both.trusted("https://new", PRINT) is None  # asked for, and then accepted
    assert both.accepts(PRINT)
    assert GivenTrust(file, [], first_use=True).trusted(URL, PRINT) == PRINT


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ab" * 32, True),
        (":".join(["AB"] * 32), True),
        ("sha256 Fingerprint=" + ":".join(["AB"] * 32), True),
        ("SHA-256: " + ":".join(["AB"] * 32), True),
        ("SHA256:" + "ab" * 32, True),
        ("SHA256 " + ":".join(["AB"] * 32), True),
        ("0x" + "ab" * 32, True),
        ("\t" + ":".join(["ab"] * 32) + "\r\n", True),
        ("SHA256 SHA256 " + "ab" * 32, False),
        ("SHA1 Fingerprint=" + ":".join(["AB"] * 20), False),
        (" ".join(["ab cd"] * 16), True),
        ("ab" * 20, False),
        ("ab" * 31 + "zz", False),
        ("", False),
        ("ab" * 33, False),
    ],
)
def test_what_is_a_fingerprint(tmp_path: Path, text: str, is_one: bool) -> None:
    assert is_fingerprint(text) is is_one
    if is_one:
        bare = ("ab" * 32) if "cd" not in text else ("abcd" * 16)
        assert GivenTrust(TrustFile(tmp_path), [text], first_use=False).accepts(bare)


def test_what_is_trusted_on_first_use_is_kept_in_the_file(tmp_path: Path) -> None:
    given = GivenTrust(TrustFile(tmp_path), [], first_use=True)
    given.trust(URL, PRINT)
    assert given.trusted(URL) == PRINT
    assert TrustFile(tmp_path).trusted(URL) == PRINT
