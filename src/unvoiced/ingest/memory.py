"""The heap of a worker process: what a batch has freed stays with it for the next.

The C library would give it back to the system, and take it again page by page: about 65 page faults
a recording, a microsecond or more each on a virtual machine. What is kept is at most what a batch
takes, which `batch_bytes` bounds. A musl or macOS C library does as it likes.
"""

import ctypes

# malloc.h of glibc. Setting the first ends the adjusting of the second, hence both.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 2**30  # bytes free at the heap's end before it is cut
_OWN_PAGES = 32 * 2**20  # the most that glibc takes: larger pieces come from the system each time


def keep_freed_memory() -> None:
    """Have this process keep what it frees, from now on."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES)
