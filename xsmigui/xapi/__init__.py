"""The wire: connections to servers, calls, the event feed, TLS trust. Implements `core.ports`; knows no Qt."""
