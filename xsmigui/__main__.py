"""`xsmigui`, and `python -m xsmigui`: arguments lead to the command line or to the window."""

import sys

from xsmigui import cli


def main() -> int:
    """The exit status of product.md section 5 (docs/architecture.md, "Command line")."""
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
