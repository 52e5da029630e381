"""Compressed files and archives, read in memory and under a cap."""

import gzip
import lzma
import zipfile

import pytest

from isoloss.corpus.archives import read_members, read_text
from isoloss.errors import UserError

TEXT = "Größe\n".encode() * 1000  # 8,000 bytes


def message(function, *arguments, **settings):
    with pytest.raises(UserError) as caught:
        function(*arguments, **settings)
    [problem] = caught.value.problems
    return problem


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("top/b.md", "top/a.md", "top/README", "../outside.md", "/etc/passwd"):
            file.writestr(name, name.encode() * 10)
        file.writestr("top/folder/", b"")
    return path


@pytest.mark.parametrize(
    "write", [lambda text: text, gzip.compress, lzma.compress], ids=["plain", "gz", "xz"]
)
def test_a_file_is_read_by_its_content_and_not_by_its_name(tmp_path, write):
    path = tmp_path / "some.dat"
    path.write_bytes(write(TEXT))
    assert read_text(path, max_bytes=8000) == TEXT
    assert read_members(path, (), max_bytes=8000) == [("", TEXT)]
    problem = message(read_text, path, max_bytes=7999)
    assert problem == "holds more than the 7,999 bytes allowed (max_bytes)"


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, compress):
    path = tmp_path / "cut"
    path.write_bytes(compress(TEXT)[:-20])
    assert message(read_text, path, max_bytes=10**6).startswith("is cut off or corrupt: ")


@pytest.mark.parametrize("place", [10, 20, -6], ids=["start", "middle", "checksum"])
def test_a_compressed_file_with_a_wrong_byte_is_refused(tmp_path, place):
    whole = bytearray(gzip.compress(TEXT))
    whole[place] ^= 255
    (tmp_path / "bad").write_bytes(whole)
    assert message(read_text, tmp_path / "bad", max_bytes=10**6).startswith("is cut off or corrupt")


def test_a_missing_file_is_named(tmp_path):
    problem = message(read_text, tmp_path / "no", max_bytes=10)
    assert problem == "could not be read: No such file or directory"


def test_only_the_named_members_are_read_sorted_by_name(archive):
    found = read_members(archive, ("top/b.md", "top/a*"), max_bytes=160)
    assert found == [("top/a.md", b"top/a.md" * 10), ("top/b.md", b"top/b.md" * 10)]


def test_the_cap_is_on_all_members_together(archive):
    problem = message(read_members, archive, ("top/?.md",), max_bytes=159)
    assert problem == "its members hold more than the 159 bytes allowed (max_bytes)"


def test_a_small_archive_that_unpacks_to_much_is_not_unpacked_whole(tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10**7))
    taken = []
    read = zipfile.ZipExtFile.read
    monkeypatch.setattr(
        zipfile.ZipExtFile, "read", lambda self, n=-1: taken.append(read(self, n)) or taken[-1]
    )
    message(read_members, path, ("zeros",), max_bytes=1000)
    assert sum(map(len, taken)) == 1001


def test_nothing_in_an_archive_is_ever_written(archive, tmp_path):
    before = sorted(tmp_path.parent.rglob("*"))
    assert len(read_members(archive, ("*",), max_bytes=10**6)) == 5
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_an_archive_needs_the_names_of_its_members(archive):
    problem = message(read_members, archive, (), max_bytes=10**6)
    assert problem == (
        "members: must name the files of the archive to read"
        " (there: ../outside.md, /etc/passwd, top/README, top/a.md, top/b.md)"
    )


def test_every_name_must_be_found(archive):
    problem = message(read_members, archive, ("top/a.md", "top/c.md"), max_bytes=10**6)
    assert problem == "members: no file in the archive is 'top/c.md'"


def test_members_of_a_file_that_is_no_archive_are_refused(tmp_path):
    (tmp_path / "plain").write_bytes(TEXT)
    problem = message(read_members, tmp_path / "plain", ("a",), max_bytes=10**6)
    assert problem == "members: given, but the file is not a zip archive"


def test_an_archive_that_is_cut_off_is_refused(archive):
    archive.write_bytes(archive.read_bytes()[:-30])
    problem = message(read_members, archive, ("*",), max_bytes=10**6)
    assert problem == "is cut off or corrupt: File is not a zip file"


def test_a_member_with_another_checksum_is_refused(archive):
    content = bytearray(archive.read_bytes())
    content[14] ^= 1  # the CRC in the first member's own header
    central = content.rfind(b"PK\x01\x02")
    content[content.find(b"PK\x01\x02") + 16] ^= 1  # and in the central directory
    assert central > 0
    archive.write_bytes(content)
    problem = message(read_members, archive, ("*",), max_bytes=10**6)
    assert problem == "is cut off or corrupt: Bad CRC-32 for file 'top/b.md'"
