"""Downloads against a real server on this machine: the right bytes, whole, or nothing."""

import hashlib
import http.server
import re
import threading

import pytest

from isoloss.corpus.addresses import address_problem
from isoloss.corpus.download import download
from isoloss.errors import UserError

TEXT = b"To be, or not to be, that is the question.\n" * 20_000  # several chunks
SHA256 = hashlib.sha256(TEXT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Counts what it is asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one text well and in every broken way."""

    def do_GET(self):
        self.server.asked.append(self.path)
        times = self.server.asked.count(self.path)
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/busy-once" and times == 1:
            self.send_error(503)
        elif self.path == "/half" or (self.path == "/half-once" and times == 1):
            self.answer(TEXT[:400_000], announce=len(TEXT))
        elif self.path == "/half-in-chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"186A0\r\n" + TEXT[:50_000])  # 100,000 promised
        elif self.path == "/silent":
            self.answer(TEXT[:10], announce=len(TEXT))
            self.server.released.wait(10)
        elif self.path == "/endless":
            self.answer(TEXT, announce=None)
        else:
            self.answer(TEXT, announce=len(TEXT))

    def answer(self, body, announce):
        self.send_response(200)
        if announce is not None:
            self.send_header("Content-Length", str(announce))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        running.released = threading.Event()
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def fetch(url, folder, **settings):
    """A download with quick retries."""
    settings = {"sha256": SHA256, "max_bytes": 10**6, "wait_s": 0.001} | settings
    return download(url, target=folder / "deep" / "text", **settings)


def refusal(url, folder, **settings):
    """The message of a download that must fail and leave nothing behind."""
    with pytest.raises(UserError) as caught:
        fetch(url, folder, **settings)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert caught.value.where == url
    [problem] = caught.value.problems
    return problem


def test_a_download_is_the_file_that_was_served(server, tmp_path):
    path = fetch(f"{server.url}/text", tmp_path)
    assert path == tmp_path / "deep" / "text"
    assert path.read_bytes() == TEXT


def test_a_file_that_is_there_and_right_is_not_fetched_again(server, tmp_path):
    for _ in range(2):
        fetch(f"{server.url}/text", tmp_path, sha256=SHA256.upper())
    assert server.asked == ["/text"]


def test_a_file_that_is_there_and_wrong_is_replaced_only_by_the_right_one(server, tmp_path):
    target = tmp_path / "text"
    target.write_text("old")
    settings = {"target": target, "sha256": SHA256, "max_bytes": 10**6, "wait_s": 0.001}
    with pytest.raises(UserError):
        download(f"{server.url}/half", **settings)
    assert target.read_text() == "old"
    download(f"{server.url}/text", **settings)
    assert target.read_bytes() == TEXT


def test_a_download_that_breaks_half_way_leaves_nothing_and_says_so(server, tmp_path):
    problem = refusal(f"{server.url}/half", tmp_path)
    assert problem == "broke off after 400,000 of 860,000 bytes (tried 3 times); nothing was kept"
    assert server.asked == ["/half"] * 3


def test_a_chunked_download_that_breaks_half_way_leaves_nothing_and_says_so(server, tmp_path):
    problem = refusal(f"{server.url}/half-in-chunks", tmp_path, attempts=1)
    expected = (
        r"broke off after [\d,]+ bytes: IncompleteRead\(.*\) \(tried 1 time\); nothing was kept"
    )
    assert re.fullmatch(expected, problem)


@pytest.mark.parametrize("path", ["/half-once", "/busy-once"])
def test_a_passing_failure_is_tried_again_from_the_start(server, tmp_path, path):
    assert fetch(f"{server.url}{path}", tmp_path).read_bytes() == TEXT
    assert server.asked == [path, path]


def test_a_silent_server_is_not_waited_for_forever(server, tmp_path):
    problem = refusal(f"{server.url}/silent", tmp_path, timeout_s=0.2, attempts=1)
    expected = "broke off after 0 bytes: the server was silent for too long"
    assert problem == f"{expected} (tried 1 time); nothing was kept"


def test_a_server_that_is_not_there_is_named_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as closed:
        url = closed.url
    problem = refusal(url, tmp_path, attempts=2)
    expected = "could not be reached: Connection refused (tried 2 times); nothing was kept"
    assert problem == expected


def test_another_content_is_refused_with_both_checksums(server, tmp_path):
    wrong = "0" * 64
    problem = refusal(f"{server.url}/text", tmp_path, sha256=wrong)
    assert problem == f"has SHA-256 {SHA256}, but {wrong} was promised; nothing was kept"
    assert server.asked == ["/text"]


def test_a_file_announced_as_too_large_is_refused_at_once(server, tmp_path):
    problem = refusal(f"{server.url}/text", tmp_path, max_bytes=859_999)
    assert problem == "is 860,000 bytes, more than the 859,999 allowed; nothing was kept"


def test_a_file_that_turns_out_too_large_is_refused(server, tmp_path):
    problem = refusal(f"{server.url}/endless", tmp_path, max_bytes=859_999)
    assert problem == "is longer than the 859,999 bytes allowed; nothing was kept"


def test_a_missing_page_is_not_asked_for_again(server, tmp_path):
    problem = refusal(f"{server.url}/missing", tmp_path)
    assert problem == "the server answered 404 Not Found; nothing was kept"
    assert server.asked == ["/missing"]


def test_a_redirect_is_followed(server, tmp_path):
    assert fetch(f"{server.url}/to?/text", tmp_path).read_bytes() == TEXT


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://127.0.0.1/text", "data:text/plain,hello"]
)
def test_a_redirect_out_of_the_web_is_refused(server, tmp_path, place):
    problem = refusal(f"{server.url}/to?{place}", tmp_path)
    assert problem == (
        "the server sends on to another address, which must be an http or https address,"
        f" got {place!r}; nothing was kept"
    )


def test_a_redirect_out_of_this_machine_over_http_is_refused_where_https_is_asked_for(
    server, tmp_path
):
    problem = refusal(f"{server.url}/to?http://192.0.2.1/text", tmp_path, https_only=True)
    assert problem == (
        "the server sends on to another address, which must be https (http only to this machine),"
        " got 'http://192.0.2.1/text'; nothing was kept"
    )


def test_redirects_in_a_circle_end(server, tmp_path):
    circle = f"{server.url}/to?/to?/to?"
    server.RequestHandlerClass = type(
        "Circle", (Handler,), {"do_GET": lambda self: circle_answer(self, circle)}
    )
    assert "the server answered 302" in refusal(circle, tmp_path)


def circle_answer(handler, place):
    handler.send_response(302)
    handler.send_header("Location", place)
    handler.end_headers()


def test_a_target_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "deep").write_text("a file where a folder is needed")
    with pytest.raises(UserError) as caught:
        fetch(f"{server.url}/text", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'deep' / 'text'}: 1 problem\n  - could not be written: File exists"
    )


@pytest.mark.parametrize("sha256", [None, "", "abc", "g" * 64, 7])
def test_nothing_is_fetched_without_a_checksum(server, tmp_path, sha256):
    problem = refusal(f"{server.url}/text", tmp_path, sha256=sha256)
    digits = "must be the 64 hexadecimal digits that `sha256sum` prints"
    assert problem == f"sha256: {digits}, got {sha256!r}"
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://a.org/x", "a.org/x", "http://", "http://a.org:x/"),
        *("http://[::1", "https://ä.org/x", "https://a.org/two words", "", None, 3),
    ],
)
def test_only_addresses_of_the_web_pass(url):
    assert address_problem(url).startswith(f"must be an http or https address, got {url!r}")


def test_an_address_with_a_password_is_refused_without_repeating_it():
    problem = address_problem("https://me:secret@example.org/text")
    assert problem == "must not hold a user name or a password"


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("https://example.org/x", True),
        ("http://127.0.0.1:80/x", True),
        ("http://127.9.9.9/x", True),
        ("http://[::1]:8000/x", True),
        ("http://localhost/x", True),
        ("http://example.org/x", False),
        ("http://10.0.0.1/x", False),
        ("http://localhost.example.org/x", False),
    ],
)
def test_https_only_means_https_or_this_machine(url, passes):
    problem = address_problem(url, https_only=True)
    assert problem == (
        None if passes else f"must be https (http only to this machine), got {url!r}"
    )
    assert address_problem(url) is None
