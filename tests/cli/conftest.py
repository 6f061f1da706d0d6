from tests.test_cli import as_it_was, run, shared_site, site

__all__ = ["as_it_was", "run", "shared_site", "site"]
