"""What a module that may be compiled sees as `cython` while Python runs it as it is; Cython itself is never imported.

    if TYPE_CHECKING:
        import cython
    else:
        from ketch.kernel.uncompiled import cython

Cython takes the first import to be its own name and decides `if cython.compiled:` while it compiles.
"""

from __future__ import annotations

__all__ = ["cython"]


class cython:
    """Stands in for the module of this name."""

    compiled = False
