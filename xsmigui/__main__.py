"""`xsmigui`, and `python -m xsmigui`: arguments lead to the command line or to the window."""

import sys

from xsmigui import cli


def main() -> int:
    """The exit status of docs/architecture.md, "Command line"."""
    try:
        options = cli.parse(sys.argv[1:])
    except SystemExit as end:
        return int(end.code or 0)
    if options.command is not None:
        return cli.carry_out(options)
    if options.self_test:
        from xsmigui import selftest

        return selftest.run(options.lang)
    from xsmigui.app import Options, run

    return run(Options(options.demo, options.lang))


if __name__ == "__main__":
    sys.exit(main())
