"""`dist/SHA256SUMS`, signed where a key is given."""

import tempfile

from making.common import DIST, Options, digest, run, say


def write(options: Options) -> None:
    """A line for each file that is released."""
    target = DIST / "SHA256SUMS"
    for old in DIST.glob("SHA256SUMS*"):
        old.unlink()
    files = sorted(path for path in DIST.iterdir() if path.is_file())
    target.write_text("".join(f"{digest(path)}  {path.name}\n" for path in files))
    if options.sign_gpg:
        say("signature of SHA256SUMS")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # the key is kept nowhere
            run("gpg", "--homedir", home, "--batch", "--import", options.sign_gpg)
            run("gpg", "--homedir", home, "--batch", "--armor", "--detach-sign", target)
            run("gpgconf", "--homedir", home, "--kill", "all")
