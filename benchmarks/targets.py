"""What Ketch must reach, and the aim beyond it; each judged by one run's own figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.results import Results

CUSHION = 1e-9


@dataclass(frozen=True)
class Verdict:
    """A target as a sentence with what was found, and whether it was reached."""

    text: str
    reached: bool


@dataclass(frozen=True)
class Ratio:
    """`peer`'s `test` may cost at most `most` times `other`'s `base`, in CPU time per request."""

    test: str
    other: str
    base: str
    most: float
    aim: float = 0.0
    peer: str = "ketch"

    def judge(self, results: Results) -> Verdict | None:
        found = results.ratio(self.peer, self.test, self.other, self.base)
        if found is None:
            return None
        middle, best = found
        aim = f", aim {self.aim:.2f}" if self.aim else ""
        ours = self.test if self.peer == "ketch" else f"{self.peer}'s {self.test}"
        bounds = f"best rounds {best:.2f}; at most {self.most:.2f}{aim}"
        return Verdict(f"{ours} is {middle:.2f} x {self.other}'s {self.base} ({bounds})", middle <= self.most + CUSHION)


@dataclass(frozen=True)
class Figure:
    """Ketch's figure of this name may be at most `most`."""

    name: str
    most: float

    def judge(self, results: Results) -> Verdict | None:
        found = results.figure("ketch", self.name)
        if found is None:
            return None
        return Verdict(f"{self.name}: {found:.3g} (at most {self.most:g})", found <= self.most)


@dataclass(frozen=True)
class FigureRatio:
    """Ketch's figure over another figure: at most, or at least, so many times as much."""

    name: str
    other: str
    other_name: str
    limit: float
    at_least: bool = False

    def judge(self, results: Results) -> Verdict | None:
        ours, theirs = results.figure("ketch", self.name), results.figure(self.other, self.other_name)
        if ours is None or not theirs:
            return None
        found = ours / theirs
        reached = found >= self.limit if self.at_least else found <= self.limit
        whose = "" if self.other == "ketch" else f"{self.other}'s "
        bound = "at least" if self.at_least else "at most"
        return Verdict(f"{self.name} is {found:.2f} x {whose}{self.other_name} ({bound} {self.limit:.2f})", reached)


TESTS = ("T1", "T2", "T3", "T4", "T5")

TARGETS: tuple[Ratio | Figure | FigureRatio, ...] = (
    Ratio("T1", "nginx", "T1", 1.5, 1.25),
    Ratio("T1+headers", "nginx", "T1+headers", 1.8, 1.5),
    *(Ratio(test, "django-bolt", test, *((1.0, 0.85) if test == "T2" else (0.85, 0.7))) for test in TESTS),
    *(Ratio(test, "fastapi", test, 0.17 if test == "T5" else 0.1) for test in TESTS),
    *(Ratio(f"{test}+await", "ketch", test, 1.35) for test in TESTS),
    *(Ratio(f"{test}+await", "django-bolt", f"{test}+await", 0.75) for test in TESTS),
    *(Ratio(f"{test}+inline", "falcon-wsgi", test, 1.0) for test in ("T3", "T4")),
    *(Ratio(f"{test}+def", "fastapi", f"{test}+def", 0.5) for test in ("T3", "T4")),
    *(Ratio(test, "ketch", test, 2.2, peer="ketch-pure") for test in TESTS),
    Ratio("T1", "uvicorn", "T1", 1.0, peer="ketch-pure"),
    *(Ratio(t, "uvicorn", "T1", most, peer="ketch-uvicorn") for t, most in (("T1", 1.35), ("T3", 1.35), ("T4", 1.6))),
    FigureRatio("2 ms of work, 2 workers rps", "ketch", "2 ms of work, 1 workers rps", 1.8, at_least=True),
    FigureRatio("T1, 2 workers us", "ketch", "T1, 1 workers us", 1.1),
    FigureRatio("half load p99 ms", "nginx", "half load p99 ms", 3.0),
    Figure("start ms", 200),
    Figure("import ms", 80),
    Figure("start RSS MiB", 40),
    Figure("1,000 routes s", 0.5),
    Figure("idle connection KiB", 12),
    Figure("idle WebSocket KiB", 24),
    Figure("ping p99 ms", 5),
)


def verdicts(results: Results) -> Iterator[Verdict]:
    """Each target that this run can judge."""
    for target in TARGETS:
        verdict = target.judge(results)
        if verdict is not None:
            yield verdict
