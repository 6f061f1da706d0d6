"""The command line: the engine without a window.

What is printed on stdout under `--json` is one document and nothing else; everything said to a person goes to stderr.
The exit statuses are those of docs/architecture.md, "Command line".
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable
from contextlib import suppress

from xsmigui.cli.aftermath import forget
from xsmigui.cli.carrying_on import take_over
from xsmigui.cli.journal import show_jobs
from xsmigui.cli.options import WITH_SERVERS, parser
from xsmigui.cli.running import run
from xsmigui.console import BAD_ARGUMENTS, FAILED, INTERRUPTED, BadArguments, say
from xsmigui.core.redaction import redacted
from xsmigui.core.text import _, one_line, use
from xsmigui.local import languages, logs, paths, streams

log = logging.getLogger(__name__)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments, in the language that they ask for. Raises `SystemExit` as argparse does."""
    language = _asked_language(arguments)
    use(languages.catalogue(languages.preferred(language), paths.resources()))
    return parser().parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Carry out a command; the answer is the exit status."""
    try:
        options = parse(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return carry_out(options)


def carry_out(options: argparse.Namespace) -> int:
    """Carry out a command that has been parsed; without one there is nothing to do."""
    if options.command is None:
        parser().print_usage(sys.stderr)
        return BAD_ARGUMENTS
    if options.command == "simulate":
        from xsmigui.simulator import command

        names = set(command.Options.__slots__) - {"databases", "seed", "same_identity"}
        fields = {name: getattr(options, name) for name in names}
        fields |= {"seed": options.seed or 0, "same_identity": options.seed is not None}
        served = command.Options(databases=tuple(options.database), **fields)
        return command.run(served, lambda: not streams.reader_has_left(sys.stdout))
    logs.start(paths.home())
    try:
        if options.command == "jobs" and options.forget:
            return asyncio.run(_until_interrupted(forget(options)))
        if options.command == "jobs" and options.carry_on and options.handed_over:
            return asyncio.run(_until_interrupted(take_over(options)))
        if options.command == "jobs" and not any(getattr(options, name) for name in (*WITH_SERVERS, "carry_on")):
            return asyncio.run(_until_interrupted(show_jobs(options)))
        return asyncio.run(_until_interrupted(run(options)))
    except BadArguments as error:
        say(str(error))
        return BAD_ARGUMENTS
    except paths.NoHome:
        raise
    except Exception as error:
        log.exception("%s", options.command)
        text = _(
            "An internal error occurred: {error}. Operations already started continue on the servers. "
            "Details are in {file}."
        )
        said = one_line(redacted(f"{type(error).__name__}: {error}"), 300)
        say(text.format(error=said, file=paths.home() / logs.FILE))
        return FAILED


def _asked_language(arguments: list[str]) -> str:
    """The language is needed before the arguments can be read: their help is in it. Whatever is wrong with the
    arguments is left to the parser that reads them all."""
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--lang", nargs="?", default="", const="")
    return str(early.parse_known_args(arguments)[0].lang)


async def _until_interrupted(work: Awaitable[int]) -> int:
    """Run; SIGINT and SIGTERM cancel the work, which then says what goes on."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: KeyboardInterrupt instead
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED
