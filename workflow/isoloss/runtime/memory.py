"""Memory of the jobs: how glibc gets it from the system, so that it takes few page faults.

A page fault costs as much time as a thousand multiply-adds. A result does not depend on where its
arrays lie. Where there is another C library than glibc, nothing here does anything.
"""

import ctypes
import functools
import mmap
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of glibc's malloc.h
KEPT_BYTES = 2**30
# Arrays above this size are mapped for themselves. A glibc before 2.35 refuses a higher one, and
# would then map every array of more than 128 KiB.
MAPPED_BYTES = 32 * 2**20
HUGE_PAGE_BYTES = 2 * 2**20
LARGE_BYTES = MAPPED_BYTES - HUGE_PAGE_BYTES  # a large block that is not mapped for itself
GAPS_BYTES = [2**k for k in range(23, 4, -1)]
HEAD_BYTES = 64  # more than what malloc keeps of a block beside it
MOST_GAPS = 100_000  # a process with all libraries has 1,200


def keep_freed_memory() -> None:
    """In a job: keep up to a gigabyte that is freed, and get new memory in huge pages.

    glibc would give large arrays back at once, and get them again at the next step by page faults:
    a third of the time of an evaluation by PyTorch, nine tenths of all faults of a fit.
    """
    if glibc := _glibc():
        glibc.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        glibc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        _grow_in_huge_pages(glibc)


def fill_gaps() -> None:
    """In a process that forks jobs: take what its heap holds free, and never use it.

    A job copies each page that it shares with this process and writes to. Without gaps between
    older objects, its new memory is in huge pages of its own.
    """
    glibc = _glibc()
    if glibc is None:
        return
    glibc.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
    end = glibc.malloc(LARGE_BYTES)  # behind all that the heap holds, where no gap is as large
    glibc.free(end)
    if not end or end > glibc.sbrk(0):
        return  # memory is short, or this block was mapped for itself
    left = MOST_GAPS
    for size in GAPS_BYTES:
        while left and (block := glibc.malloc(size)) and block < end:
            left -= 1
        glibc.free(block)


def _grow_in_huge_pages(glibc: ctypes.CDLL) -> None:
    """Let the heap grow once, by addresses alone, and begin new memory at a huge page.

    A huge page takes one page fault instead of 512. Linux gives them where its transparent huge
    pages are on, as they are by default.
    """
    before = glibc.sbrk(0)
    begin = -(-before // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
    glibc.mallopt(M_TOP_PAD, MAPPED_BYTES)
    block = glibc.malloc(LARGE_BYTES)
    glibc.free(block)
    grown = glibc.sbrk(0) - begin
    if block and block + HEAD_BYTES < begin < block + LARGE_BYTES and grown > 0:
        glibc.madvise(begin, grown, mmap.MADV_HUGEPAGE)
        glibc.malloc(begin - block - HEAD_BYTES)  # never used: what lies before the huge pages


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """The C library with the functions that are called here; None if it is another one."""
    if sys.platform != "linux":
        return None
    try:
        glibc = ctypes.CDLL(None)
        glibc.malloc.restype = glibc.sbrk.restype = ctypes.c_void_p
        glibc.malloc.argtypes, glibc.sbrk.argtypes = [ctypes.c_size_t], [ctypes.c_ssize_t]
        glibc.free.argtypes = [ctypes.c_void_p]
        glibc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        glibc.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    except (OSError, AttributeError):
        return None
    return glibc
