"""What columns of millions of rows give back is kept for the next ones, rather than returned to the system.

A column of ten million rows lives for an instant. The GNU C library asks the system anew for the memory of each, which
must be cleared before: a tenth of the time of judging that many. Kept is what lies free at the end of the heap, one GiB
at the most. Refuses nothing: another C library does as it likes.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of `malloc.h` (mallopt(3))."""
_KEPT = 1 << 30


def keep_freed() -> None:
    """From now on in this process."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for threshold in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
        mallopt(threshold, _KEPT)
