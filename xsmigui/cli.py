"""The command line: the engine without a window."""

import argparse

from xsmigui import __version__


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(prog="xsmigui")
    top.add_argument("--version", action="version", version=f"xsmigui {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    simulate = commands.add_parser("simulate")
    source = simulate.add_mutually_exclusive_group()
    source.add_argument("--scenario", default="two-pools")
    source.add_argument("--database", action="append", default=[], metavar="FILE.xml")
    simulate.add_argument("--vms", type=int, default=1000)
    simulate.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    simulate.add_argument("--http", action="store_true")
    simulate.add_argument("--user", default="root")
    simulate.add_argument("--password", default="")
    simulate.add_argument("--speed", type=float, default=1.0)
    simulate.add_argument("--seed", type=int, default=0)
    return top


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if options.command == "simulate":
        from xsmigui.simulator.command import Options, run

        return run(
            Options(
                scenario=options.scenario,
                databases=tuple(options.database),
                vms=options.vms,
                listen=options.listen,
                http=options.http,
                user=options.user,
                password=options.password,
                speed=options.speed,
                seed=options.seed,
            )
        )
    return 2
