"""flowwatch: where did result data go, and was each of those places approved?"""

__version__ = "0.1.0"
