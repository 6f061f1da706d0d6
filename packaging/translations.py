"""The translation catalogues: `python packaging/translations.py update` after messages changed, `check` to see whether
that was done. A new message stands untranslated in the catalogue, never guessed from a similar one."""

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "resources" / "locale"
TEMPLATE = LOCALE / "xsmigui.pot"
KEYWORDS = {"_": None, "N_": None, "n_": (1, 2), "m_": None, "mn_": (1, 2)}
"""The functions of `core.text` and `core.messages` that mark a text."""
HEADER = "# Messages of xsmigui."
NOISE = (
    "Project-Id-Version",
    "Report-Msgid-Bugs-To",
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Last-Translator",
    "Generated-By",
)
"""Lines of a catalogue's head that say nothing here."""


def extracted() -> Catalog:
    """Every message of the sources."""
    catalog = Catalog(project="xsmigui", charset="utf-8", header_comment=HEADER, fuzzy=False)
    for _file, _line, message, _comments, context in extract_from_dir(
        ROOT / "xsmigui", method_map=[("**.py", "python")], keywords=KEYWORDS
    ):
        catalog.add(message, context=context)
    return catalog


def catalogues() -> Iterator[Path]:
    """The catalogue of each language."""
    yield from sorted(LOCALE.glob("*/LC_MESSAGES/xsmigui.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name)


def merged(path: Path, template: Catalog) -> Catalog:
    """The catalogue of a language with the messages of today: translations kept, the rest empty, none stale."""
    catalog = read(path)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def written(catalog: Catalog) -> bytes:
    """The file of a catalogue: sorted, without line numbers and dates, so that it changes only with its messages."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=120, no_location=True, sort_output=True, ignore_obsolete=True)
    noise = tuple(f'"{name}:'.encode() for name in NOISE)
    return b"".join(line for line in buffer.getvalue().splitlines(keepends=True) if not line.startswith(noise))


def outdated() -> Iterator[tuple[Path, bytes]]:
    """The files that `update` would change, with what it would write."""
    template = extracted()
    files = {TEMPLATE: written(template)}
    files |= {path: written(merged(path, template)) for path in catalogues()}
    for path, data in files.items():
        if not path.exists() or path.read_bytes() != data:
            yield path, data


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep the translation catalogues in step with the sources.")
    parser.add_argument("what", choices=["update", "check"])
    what = parser.parse_args().what
    late = list(outdated())
    for path, data in late:
        if what == "update":
            path.write_bytes(data)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {'updated' if what == 'update' else 'out of date'}\n")
    missing = 0
    for path in catalogues():
        empty = [m for m in read(path) if m.id and (m.fuzzy or not all(_forms(m.string)))]
        missing += len(empty)
        for message in empty:
            sys.stdout.write(f"{path.relative_to(ROOT)}: not translated: {message.id!r}\n")
    return int(bool(missing or (late and what == "check")))


def _forms(string: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (string or "",) if not isinstance(string, (list, tuple)) else tuple(string)


if __name__ == "__main__":
    sys.exit(main())
