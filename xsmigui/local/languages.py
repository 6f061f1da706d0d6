"""The catalogues of the interface's languages."""

import gettext
import locale
import os
from pathlib import Path
from typing import Final

LANGUAGES: Final = {"en": "English", "es": "Español"}


def preferred(*wishes: str) -> str:
    """The first wish that we speak; else what the environment asks for; else English."""
    try:
        system = locale.getlocale()[0] or ""
    except ValueError:
        system = ""
    asked = [os.environ.get(name, "") for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")]
    for wish in (*wishes, *asked, system):
        for one in wish.split(":"):
            code = one.replace("-", "_").split("_")[0].split(".")[0].lower()
            if code in LANGUAGES:
                return code
    return "en"


def catalogue(language: str, resources: Path) -> gettext.NullTranslations:
    """The catalogue of a language; English needs none. A language without a catalogue reads as English."""
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("xsmigui", resources / "locale", [language], fallback=True)
