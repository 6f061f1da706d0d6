"""Build hook: compiles the translation catalogues, for wheels and for editable installs alike."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        for po in sorted(Path(self.root, "resources", "locale").glob("*/LC_MESSAGES/*.po")):
            try:
                with po.open("rb") as source, po.with_suffix(".mo").open("wb") as target:
                    write_mo(target, read_po(source))
            except OSError:  # PermissionError, or EROFS
                # A checkout that may not be written to: there the program compiles them when it starts.
                if version != "editable":
                    raise
