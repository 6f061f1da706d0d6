"""Build hook: compiles the translation catalogues, for wheels and for editable installs alike."""

import io
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        for po in sorted(Path(self.root, "resources", "locale").glob("*/LC_MESSAGES/*.po")):
            compiled, fresh = po.with_suffix(".mo"), io.BytesIO()
            with po.open("rb") as source:
                write_mo(fresh, read_po(source))
            if compiled.exists() and compiled.read_bytes() == fresh.getvalue():
                continue  # another build may be reading it at this moment
            try:
                compiled.write_bytes(fresh.getvalue())
            except OSError:  # PermissionError, or EROFS
                # A checkout that may not be written to: there the program compiles them when it starts.
                if version != "editable":
                    raise
