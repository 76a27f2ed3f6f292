"""The sample election night: recordings, policy and words, shipped inside the package.

Promises one door, `folder`. Reserved names and addresses only; made by `captures/election-night/make.py`.
"""

from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path


def folder() -> AbstractContextManager[Path]:
    """The folder of the sample while the context is open: `input/` with the recordings, `policy.toml`, `README.md`."""
    return as_file(files(__name__))
