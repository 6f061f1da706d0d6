"""Where the installed program begins on Windows: `xsmigui.exe` and `xsmigui-cli.exe` run this module."""

import sys

# The launcher is the whole program: called again with other arguments, it does something else (the demo's simulator).
sys.frozen = True  # type: ignore[attr-defined]

from xsmigui.__main__ import main  # noqa: E402

sys.exit(main())
