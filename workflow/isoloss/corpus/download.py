"""Download a file whose SHA-256 is known in advance: whole and checked, or not at all.

The SHA-256 is compulsory, so a changed file is refused over http as over https. `https_only` adds
privacy: http is then allowed to this machine alone.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

from isoloss.corpus.addresses import address_problem, sha256_problem
from isoloss.errors import UserError
from isoloss.files import sha256 as sha256_of
from isoloss.files import whole

CHUNK_BYTES = 1 << 18


class _Broken(Exception):
    """A failure that another attempt may resolve."""


class _Refused(Exception):
    """A failure that no further attempt can resolve."""


def download(
    url: str,
    *,
    sha256: str,
    max_bytes: int,
    target: str | Path,
    timeout_s: float = 30,
    attempts: int = 3,
    wait_s: float = 1.0,
    https_only: bool = False,
    digest: Callable[[Path], str] = sha256_of,
) -> Path:
    """Download `url` to `target`, if the file has the given SHA-256.

    If `target` already has this SHA-256, nothing is downloaded. Otherwise the file arrives under a
    temporary name beside `target`. It is renamed once its length and SHA-256 are checked; after a
    failure, `target` is as before.

    Parameters
    ----------
    url : str
        An http or https address without user name and password.
    sha256 : str
        64 hexadecimal digits.
    max_bytes : int
        A larger file is refused, at the announced length or at the first byte above it.
    target : path
        The file to write; folders are made as needed.
    timeout_s : float
        The longest wait for a silent server.
    attempts : int
        The most attempts after a broken connection, a silent server, or a status 429 or 5xx. Each
        attempt starts from the first byte, `wait_s` seconds after the last; the wait doubles.
    https_only : bool
        Refuse http, except to this machine (localhost, 127.0.0.0/8, ::1).
    digest : function
        Path -> the SHA-256 to compare with `sha256`: the file's own, or that of its content.

    Raises
    ------
    UserError
        The address is refused, the server cannot be reached or breaks off, the file is too large
        or has another SHA-256, or `target` cannot be written.
    """
    problems = [
        f"{name}: {problem}"
        for name, problem in (
            ("address", address_problem(url, https_only=https_only)),
            ("sha256", sha256_problem(sha256)),
        )
        if problem
    ]
    if problems:
        raise UserError(str(url), problems)
    target = Path(target)
    if target.is_file() and _is_right(target, sha256, digest):
        return target
    opener = _opener(https_only)
    with whole(target) as partial:
        for attempt in range(1, attempts + 1):
            try:
                _fetch(opener, url, partial, max_bytes, timeout_s)
            except _Refused as error:
                raise UserError(url, [f"{error}; nothing was kept"]) from None
            except _Broken as error:
                if attempt == attempts:
                    tried = f"tried {attempts} time{'s' if attempts > 1 else ''}"
                    raise UserError(url, [f"{error} ({tried}); nothing was kept"]) from None
                time.sleep(wait_s * 2 ** (attempt - 1))
            else:
                break
        if (found := digest(partial)) != sha256.lower():
            problem = f"has SHA-256 {found}, but {sha256.lower()} was promised; nothing was kept"
            raise UserError(url, [problem])
    return target


def _is_right(path: Path, sha256: str, digest: Callable[[Path], str]) -> bool:
    """Whether a file that is here already is the one that is wanted."""
    try:
        return digest(path) == sha256.lower()
    except UserError:  # its content cannot be read
        return False


def _opener(https_only: bool) -> urllib.request.OpenerDirector:
    """An opener for http and https only: no file:, ftp: or data: addresses."""

    class Redirects(urllib.request.HTTPRedirectHandler):
        def http_error_302(self, req, fp, code, msg, headers):
            newurl = urljoin(req.full_url, headers.get("location", ""))
            if problem := address_problem(newurl, https_only=https_only):
                fp.close()
                raise _Refused(f"the server sends on to another address, which {problem}")
            return super().http_error_302(req, fp, code, msg, headers)

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirects(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "isoloss"), ("Accept-Encoding", "identity")]
    return opener


def _fetch(opener, url: str, partial: Path, max_bytes: int, timeout_s: float) -> None:
    """Write one response to `partial`, from its start."""
    try:
        response = opener.open(url, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        kind = _Broken if error.code == 429 or error.code >= 500 else _Refused
        raise kind(f"the server answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"could not be reached: {_reason(error)}") from None
    received = 0
    with response, partial.open("wb") as file:
        announced = response.length  # None if the server sends no length
        if announced is not None and announced > max_bytes:
            raise _Refused(f"is {announced:,} bytes, more than the {max_bytes:,} allowed")
        while True:
            try:
                chunk = response.read(CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _Broken(f"broke off after {received:,} bytes: {_reason(error)}") from None
            if not chunk:
                break
            received += len(chunk)
            if received > max_bytes:
                raise _Refused(f"is longer than the {max_bytes:,} bytes allowed")
            file.write(chunk)
    if announced is not None and received < announced:
        raise _Broken(f"broke off after {received:,} of {announced:,} bytes")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "the server was silent for too long"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
