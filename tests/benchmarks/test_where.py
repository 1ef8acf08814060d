"""What perf and strace print, read."""

from __future__ import annotations

import pytest
from benchmarks.where import counted, grouped, sampled

PERF = """# To display the perf.data header info, please use --header/--header-only options.
#
# Samples: 3K of event 'cpu-clock:pppH'
#
# Overhead  Shared Object
# ........  ..............................
#
    50.25%  [kernel.kallsyms]
    30.00%  libpython3.13.so.1.0
    10.00%  python3.13
     5.00%  loop.cpython-313-x86_64-linux-gnu.so
     4.00%  head.cpython-313-x86_64-linux-gnu.so
     0.30%  libssl.so.3
"""

SYMBOLS = """
    12.50%  [k] _raw_spin_unlock_irqrestore
     8.00%  [.] _PyEval_EvalFrameDefault
     1.00%  [.] py::hello:/srv/app.py
"""

STRACE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.03    0.412345           4    100000           write
 30.00    0.202345           2    101000      1000 read
  8.97    0.060500          60      1000           epoll_pwait
------ ----------- ----------- --------- --------- ----------------
100.00    0.675190           3    202000      1000 total
"""


def test_shares_are_grouped_by_what_they_are() -> None:
    assert grouped(dict(sampled(PERF))) == {
        "kernel": pytest.approx(0.5025),
        "interpreter": pytest.approx(0.40),
        "uvloop": pytest.approx(0.05),
        "head": pytest.approx(0.04),
    }


def test_functions_keep_their_names() -> None:
    assert dict(sampled(SYMBOLS)) == {
        "_raw_spin_unlock_irqrestore": 0.125,
        "_PyEval_EvalFrameDefault": 0.08,
        "py::hello:/srv/app.py": 0.01,
    }


def test_system_calls_are_counted() -> None:
    assert counted(STRACE) == [("write", 100_000), ("read", 101_000), ("epoll_pwait", 1_000)]
