"""This computer: settings, trusted certificates, the keyring, paths, logs, languages. Implements `core.ports`."""
