"""`xsmigui`, and `python -m xsmigui`: arguments lead to the command line or to the window.

What takes time is imported when it is needed, so that Ctrl+C ends the program quietly at its start already.
"""

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xsmigui.local.paths import NoHome

# Exit statuses beside those of the commands; the first two are those of `sysexits.h`.
UNAVAILABLE = 69
"""No window can be shown here: there is no screen, or a library of the system is missing."""
LOST = 74
"""All went well, but what was to be printed could not be written."""
INTERRUPTED = 130


def main() -> int:
    """The exit status of docs/architecture.md, "Command line"."""
    gc.disable()  # until `memory.collect`: imports leave no rubbish, and looking for it takes a quarter of their time
    try:
        from xsmigui.local import streams

        streams.prepare()
        status = _start(sys.argv[1:])
        failure = streams.finish()
    except KeyboardInterrupt:
        return INTERRUPTED
    if failure is None:
        return status
    from xsmigui.console import say
    from xsmigui.core.text import _

    say(_("The output could not be written: {reason}.", reason=failure.strerror))
    return status or LOST


def _start(arguments: list[str]) -> int:
    from xsmigui import cli
    from xsmigui.cli.answering import refused
    from xsmigui.console import BAD_ARGUMENTS
    from xsmigui.local import streams
    from xsmigui.local.paths import NoHome

    if os.environ.get("HOME") == "":
        del os.environ["HOME"]  # the system's list of users knows better than an empty name
    try:
        options = cli.parse(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return _carry_out(options)
    except NoHome as none:
        text = _without_home(none)
        status = refused(options, BAD_ARGUMENTS, text)
        if options.command is None and not streams.is_given(sys.stderr):  # there is no other place to say it
            from xsmigui.app import tell_only

            tell_only(text)
        return status


def _carry_out(options: argparse.Namespace) -> int:
    from xsmigui.local import memory

    if options.command is not None:
        from xsmigui import cli

        memory.collect()
        return cli.carry_out(options)
    if options.self_test:
        from xsmigui import selftest

        memory.collect()
        return selftest.run(options.lang)
    if options.support_bundle:
        return _write_bundle(Path(options.support_bundle), options.lang)
    return _open_window(options)


def _write_bundle(file: Path, language: str) -> int:
    """The self-test, and what it and this computer have to say as one file for whoever looks for a fault."""
    import asyncio

    from xsmigui import selftest
    from xsmigui.console import BAD_ARGUMENTS, DONE, say
    from xsmigui.core.text import _
    from xsmigui.local import memory, paths, support
    from xsmigui.local.clock import SystemClock

    memory.collect()
    home = paths.home()
    report = selftest.Report(home)
    try:
        with file.open("xb") as bundle:
            selftest.examine(report, language)
            bundle.write(asyncio.run(support.bundle(home, SystemClock().now(), "\n".join(report.lines) + "\n")))
    except OSError as error:
        say(_("{file} cannot be written: {reason}", file=file, reason=error.strerror or error))
        return BAD_ARGUMENTS
    say(
        _(
            "{file} was written. It contains no passwords, but names of servers and VMs: check it before you send it."
        ).format(file=file)
    )
    return DONE


def _open_window(options: argparse.Namespace) -> int:
    from xsmigui.console import say
    from xsmigui.core.text import _
    from xsmigui.local.screen import why_no_window

    if reason := why_no_window():
        say(reason + " " + _("The commands work without one: xsmigui --help."))
        return UNAVAILABLE
    try:
        from xsmigui.app import Options, run
    except ImportError as error:  # the wheels of Qt leave some libraries to the system
        say(_("The window cannot be opened: {reason}. xsmigui --self-test says more.", reason=error))
        return UNAVAILABLE
    picture = os.environ.get("XSMIGUI_PICTURE")
    return run(Options(options.demo, options.lang, picture=Path(picture) if picture else None))


def _without_home(none: "NoHome") -> str:
    from xsmigui.core.text import _

    reason = none.reason or _("the home of this user is not known")
    text = _(
        "Settings, trusted certificates and the journal cannot be kept in {folder}: {reason}. XSMIGUI_HOME names"
        " another folder."
    )
    return text.format(folder=none.folder, reason=reason)


if __name__ == "__main__":
    sys.exit(main())
