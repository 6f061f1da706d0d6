"""The command line: the engine without a window.

What is printed on stdout under `--json` is one document and nothing else; everything said to a person goes to stderr.
The exit statuses are those of docs/architecture.md, "Command line".
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress

from xsmigui.cli.aftermath import forget
from xsmigui.cli.answering import no_job, refused
from xsmigui.cli.carrying_on import take_over
from xsmigui.cli.journal import show_jobs
from xsmigui.cli.options import WITH_SERVERS, parser
from xsmigui.cli.parsing import WrongArguments
from xsmigui.cli.running import run
from xsmigui.console import BAD_ARGUMENTS, FAILED, INTERRUPTED, BadArguments
from xsmigui.core.redaction import redacted
from xsmigui.core.text import _, one_line, use
from xsmigui.local import languages, logs, paths, streams
from xsmigui.local.unhurried import Loop

log = logging.getLogger(__name__)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments, in the language that they ask for. Raises `SystemExit` as argparse does."""
    language = _asked_language(arguments)
    use(languages.catalogue(languages.preferred(language), paths.resources()))
    try:
        return parser().parse_args(arguments)
    except WrongArguments as wrong:
        no_job(argparse.Namespace(json=_wants_json(arguments)), BAD_ARGUMENTS, wrong.text)
        raise


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
            return _finished(options, forget(options))
        if options.command == "jobs" and options.carry_on and options.handed_over:
            return _finished(options, take_over(options))
        if options.command == "jobs" and not any(getattr(options, name) for name in (*WITH_SERVERS, "carry_on")):
            return _finished(options, show_jobs(options))
        return _finished(options, run(options))
    except BadArguments as error:
        return refused(options, BAD_ARGUMENTS, str(error))
    except paths.NoHome:
        raise
    except Exception as error:
        log.exception("%s", options.command)
        text = _(
            "An internal error occurred: {error}. Operations already started continue on the servers. "
            "Details are in {file}."
        )
        said = one_line(redacted(f"{type(error).__name__}: {error}"), 300)
        return refused(options, FAILED, text.format(error=said, file=paths.home() / logs.FILE))


def _wants_json(arguments: list[str]) -> bool:
    """The arguments cannot be read; this much of them can. Options may be shortened."""
    return any(len(argument) > len("--") and "--json".startswith(argument) for argument in arguments)


def _finished(options: argparse.Namespace, work: Coroutine[None, None, int]) -> int:
    """The exit status of a command."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(_until_interrupted(options, work))


def _asked_language(arguments: list[str]) -> str:
    """The language is needed before the arguments can be read: their help is in it. Whatever is wrong with the
    arguments is left to the parser that reads them all."""
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--lang", nargs="?", default="", const="")
    return str(early.parse_known_args(arguments)[0].lang)


async def _until_interrupted(options: argparse.Namespace, work: Coroutine[None, None, int]) -> int:
    """Run; SIGINT and SIGTERM cancel the work, which then says what goes on."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: KeyboardInterrupt instead
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return no_job(options, INTERRUPTED)
