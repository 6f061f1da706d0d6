"""Addresses of servers as people type them."""

from urllib.parse import urlsplit


def normal_url(text: str) -> str:
    """A server's address as typed, as a url: https unless it says otherwise, no path; empty text stays empty."""
    text = text.strip().rstrip("/")
    if not text:
        return ""
    if "://" not in text:
        text = f"https://{text}"
    parts = urlsplit(text)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port and parts.port != {"https": 443, "http": 80}.get(parts.scheme) else ""
    return f"{parts.scheme}://{host}{port}"
