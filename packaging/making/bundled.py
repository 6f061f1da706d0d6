"""What is bundled: its licences, and the bill of materials (CycloneDX 1.5)."""

import email
import json
import re
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final

from making.common import CannotMake, moment, version

LICENCE_FILE: Final = re.compile(r"(?i)^(licen[cs]e|copying|notice|authors)")
COMMON: Final = Path("/usr/share/common-licenses")
"""Debian's; the wheels of Qt hold no texts of their licences."""
BY_NAME: Final = {"pyside6_essentials": ("LGPL-3", "GPL-3"), "shiboken6": ("LGPL-3", "GPL-3")}


@dataclass(frozen=True)
class Part:
    """A part that is bundled."""

    name: str
    version: str
    licence: str
    purl: str


def python_parts(site: Path, licences: Path, wanted: Iterable[str]) -> list[Part]:
    """The wanted distributions of a folder of wheels; the texts of their licences are copied to `licences`."""
    parts = []
    names = {_normal(name) for name in wanted}
    for info in sorted(site.glob("*.dist-info")):
        metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
        name = str(metadata["Name"])
        if _normal(name) not in names:
            continue
        found = [path for path in info.rglob("*") if path.is_file() and LICENCE_FILE.match(path.name)]
        folder = licences / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in found:
            shutil.copy(path, folder / path.name)
        for common in BY_NAME.get(name.lower().replace("-", "_"), ()):
            if not (COMMON / common).is_file():
                raise CannotMake(f"{COMMON / common} is needed: packages of Qt must carry the text of its licence")
            shutil.copy(COMMON / common, folder / f"{common}.txt")
        licence = _licence(metadata)
        if not any(folder.iterdir()):
            text = f"{name} {metadata['Version']} comes without a text of its licence. Its metadata say: {licence}.\n"
            (folder / "LICENSE.txt").write_text(text, encoding="utf-8")
        parts.append(Part(name, str(metadata["Version"]), licence, f"pkg:pypi/{_normal(name)}@{metadata['Version']}"))
    return parts


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(metadata: Message) -> str:
    declared = metadata["License-Expression"] or metadata["License"]
    if declared and "\n" not in declared:
        return str(declared)
    classifiers = [c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    return ", ".join(classifiers) or "see the text"


def write_bill(path: Path, parts: Iterable[Part], digests: Mapping[str, str]) -> None:
    """The bill of materials of a package; `digests` are those of its files."""
    name = f"xsmigui-{version()}"
    components: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": part.purl,
            "name": part.name,
            "version": part.version,
            "purl": part.purl,
            "licenses": [{"license": {"name": part.licence}}],
        }
        for part in sorted(set(parts), key=lambda part: part.purl)
    ]
    files = [
        {"type": "file", "bom-ref": f"file:{file}", "name": file, "hashes": [{"alg": "SHA-256", "content": content}]}
        for file, content in sorted(digests.items())
    ]
    root = {"type": "application", "bom-ref": name, "name": "xsmigui", "version": version()}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, path.name + json.dumps(components))}",
        "version": 1,
        "metadata": {
            "timestamp": moment().isoformat(),
            "component": {**root, "licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": [*components, *files],
        "dependencies": [{"ref": name, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
