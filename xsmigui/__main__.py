"""`xsmigui`, and `python -m xsmigui`: arguments lead to the command line or to the window."""

import argparse
import os
import sys

from xsmigui import cli
from xsmigui.console import BAD_ARGUMENTS, say
from xsmigui.core.text import _
from xsmigui.local.paths import NoHome


def main() -> int:
    """The exit status of docs/architecture.md, "Command line"."""
    if os.environ.get("HOME") == "":
        del os.environ["HOME"]  # the system's list of users knows better than an empty name
    try:
        options = cli.parse(sys.argv[1:])
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return _carry_out(options)
    except NoHome as none:
        text = _without_home(none)
        say(text)
        if options.command is None and sys.stderr is None:  # started from a menu: there is no other place to say it
            from xsmigui.app import tell_only

            tell_only(text)
        return BAD_ARGUMENTS


def _carry_out(options: argparse.Namespace) -> int:
    if options.command is not None:
        return cli.carry_out(options)
    if options.self_test:
        from xsmigui import selftest

        return selftest.run(options.lang)
    from xsmigui.app import Options, run

    return run(Options(options.demo, options.lang))


def _without_home(none: NoHome) -> str:
    reason = none.reason or _("the home of this user is not known")
    text = _(
        "Settings, trusted certificates and the journal cannot be kept in {folder}: {reason}. XSMIGUI_HOME names"
        " another folder."
    )
    return text.format(folder=none.folder, reason=reason)


if __name__ == "__main__":
    sys.exit(main())
