"""Texts in Spanish for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations

from xsmigui.core import text
from xsmigui.local.languages import catalogue
from xsmigui.local.paths import resources


@contextmanager
def in_spanish() -> Iterator[None]:
    """The program speaks Spanish inside."""
    text.use(catalogue("es", resources()))
    try:
        yield
    finally:
        text.use(NullTranslations())
