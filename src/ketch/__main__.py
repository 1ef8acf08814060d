"""`python -m ketch` is `ketch`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from ketch.cli import main

    sys.exit(main())
