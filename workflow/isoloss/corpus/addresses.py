"""Checks of the addresses and SHA-256 checksums of downloads."""

import ipaddress
import re
from urllib.parse import urlsplit


def address_problem(url: object, *, https_only: bool = False) -> str | None:
    """The problem with an address to download from, or None."""
    if not isinstance(url, str):
        return f"must be an http or https address, got {url!r}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises if the port is not a number
    except ValueError as error:
        return f"must be an http or https address, got {url!r} ({error})"
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or " " in url:
        return f"must be an http or https address, got {url!r}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password"
    if https_only and parts.scheme == "http" and not _is_loopback(host):
        return f"must be https (http only to this machine), got {url!r}"
    return None


def sha256_problem(digits: object) -> str | None:
    """The problem with a SHA-256, or None."""
    if isinstance(digits, str) and re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        return None
    return f"must be the 64 hexadecimal digits that `sha256sum` prints, got {digits!r}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
