"""The Rust core alone over one capture, its rows dropped: what is left of `flowwatch flows` without Python and Parquet.

`python core.py CAPTURE THREADS [digest]`; imports nothing but the core.
"""

import sys

from flowwatch._native import read_capture  # noqa: TID251 - measured by itself

capture, threads, *digest = sys.argv[1:]
for _ in read_capture(capture, threads=int(threads), digest=bool(digest)):
    pass
