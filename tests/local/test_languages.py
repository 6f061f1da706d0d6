"""Which language is spoken, and its catalogue."""

import builtins
import gettext
import locale
import os
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from xsmigui.core import text
from xsmigui.local import languages, paths

NAMES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that asks for nothing."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: (None, None))
    return monkeypatch


@pytest.mark.parametrize(
    ("wishes", "environment", "expected"),
    [
        ((), {}, "en"),
        (("es",), {"LANG": "en_US.UTF-8"}, "es"),
        (("en",), {"LANG": "es_ES.UTF-8"}, "en"),
        (("", "es"), {}, "es"),
        (("de", "es-MX"), {}, "es"),
        (("de",), {"LANG": "de_DE.UTF-8"}, "en"),
        ((), {"LANG": "es_ES.UTF-8"}, "es"),
        ((), {"LANG": "es"}, "es"),
        ((), {"LANG": "en_GB.UTF-8", "LANGUAGE": "fr:es:en"}, "es"),
        ((), {"LANG": "es_ES.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ((), {"LANG": "en_US.UTF-8", "LC_ALL": "es_AR.UTF-8"}, "es"),
        ((), {"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, "en"),
        ((), {"LANG": "C.UTF-8", "LANGUAGE": "es"}, "en"),
        (("es",), {"LC_ALL": "C"}, "es"),
    ],
)
def test_the_language_follows_the_wishes_and_then_the_environment(
    wishes: tuple[str, ...], environment: dict[str, str], expected: str, bare: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        bare.setenv(name, value)
    assert languages.preferred(*wishes) == expected


@pytest.mark.parametrize(("name", "expected"), [("es_ES", "es"), ("Spanish_Mexico", "es"), ("German_Germany", "en")])
def test_without_an_environment_the_system_decides(name: str, expected: str, bare: pytest.MonkeyPatch) -> None:
    bare.setattr(locale, "getlocale", lambda: (name, "1252"))
    assert languages.preferred() == expected


def test_a_locale_that_python_does_not_know_is_english(bare: pytest.MonkeyPatch) -> None:
    def unknown() -> tuple[str, str]:
        raise ValueError("unknown locale")

    bare.setattr(locale, "getlocale", unknown)
    assert languages.preferred() == "en"


def test_english_needs_no_catalogue(tmp_path: Path) -> None:
    assert languages.catalogue("en", tmp_path).gettext("Cancel") == "Cancel"


def test_a_language_without_a_catalogue_reads_as_english(tmp_path: Path) -> None:
    assert languages.catalogue("es", tmp_path).gettext("Cancel") == "Cancel"


def po(word: str) -> str:
    return f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Cancel"\nmsgstr "{word}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "locale" / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "xsmigui.po").write_text(po("Cancelar"), encoding="utf-8")
    return folder


def compile_(folder: Path) -> None:
    """What the build hook does."""
    with (folder / "xsmigui.po").open("rb") as source, (folder / "xsmigui.mo").open("wb") as target:
        write_mo(target, read_po(source))


def test_an_installed_catalogue_is_read(folder: Path, tmp_path: Path) -> None:
    compile_(folder)
    (folder / "xsmigui.po").unlink()
    assert languages.catalogue("es", tmp_path).gettext("Cancel") == "Cancelar"


def test_in_a_checkout_that_was_never_installed_it_is_compiled(folder: Path, tmp_path: Path) -> None:
    assert languages.catalogue("es", tmp_path).gettext("Cancel") == "Cancelar"
    assert not (folder / "xsmigui.mo").exists()


def test_a_source_that_changed_since_the_install_is_compiled(folder: Path, tmp_path: Path) -> None:
    compile_(folder)
    (folder / "xsmigui.po").write_text(po("Anular"), encoding="utf-8")
    os.utime(folder / "xsmigui.mo", (1_000_000_000, 1_000_000_000))
    assert languages.catalogue("es", tmp_path).gettext("Cancel") == "Anular"


def without_babel(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("babel"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_without_babel_the_installed_catalogue_serves(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_(folder)
    os.utime(folder / "xsmigui.mo", (1_000_000_000, 1_000_000_000))
    without_babel(monkeypatch)
    assert languages.catalogue("es", tmp_path).gettext("Cancel") == "Cancelar"


def test_without_babel_and_catalogue_it_reads_as_english(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_babel(monkeypatch)
    assert languages.catalogue("es", tmp_path).gettext("Cancel") == "Cancel"


def test_the_programs_own_spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    text.use(languages.catalogue("es", paths.resources()))
    try:
        assert text._("Cancel") == "Cancelar"
        assert text._("{vm} is on {host}.", vm="web-01", host="host-02") == "web-01 está en host-02."
        assert text.n_("{n} VM", "{n} VMs", 2) == "2 máquinas virtuales"
        assert text.joined(["a", "b", "c"]) == "a, b y c"
    finally:
        text.use(gettext.NullTranslations())
    assert text._("Cancel") == "Cancel"
