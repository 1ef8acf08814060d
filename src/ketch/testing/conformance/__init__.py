"""Conformance kits: does a replacement keep the promises of its seam?

    from ketch.testing import conformance
    def test_my_codec() -> None:
        conformance.codec(lambda: MyCodec())

Each kit takes a function that makes a fresh object and raises AssertionError with the broken promise in words. A kit
runs an event loop of its own, so it is called from a plain function.
"""

from ketch.testing.conformance.codec import codec
from ketch.testing.conformance.extension import extension
from ketch.testing.conformance.sessions import sessions
from ketch.testing.conformance.templates import templates

__all__ = ["codec", "extension", "sessions", "templates"]
