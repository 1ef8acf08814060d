"""What one run found, kept in `results.json`; medians and ratios of it."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Sample


@dataclass
class Results:
    """Samples by peer and test, other figures by peer and name, versions by peer, and who is out with the reason."""

    python: str
    rounds: int
    seconds: int
    tests: list[str]
    machine: str = ""
    date: str = ""
    generator: str = "wrk -t1 -c64"
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)

    def cpu(self, peer: str, test: str) -> float | None:
        """Median CPU microseconds a request."""
        found = self.samples.get(peer, {}).get(test)
        return statistics.median(sample.cpu_us for sample in found) if found else None

    def best(self, test: str) -> str | None:
        """The peer with the lowest median of a test; Ketch in its own three forms is nobody's peer."""
        others = [name for name in self.samples if not name.startswith("ketch") and self.cpu(name, test)]
        return min(others, key=lambda name: self.cpu(name, test) or math.inf, default=None)

    def ratio(self, peer: str, test: str, other: str, base: str) -> tuple[float, float] | None:
        """How many times `other`'s `base` this costs: the median of the rounds, and best round against best round.

        Each round is compared with itself, because a slow minute of a shared machine makes both sides slow.
        """
        ours = [sample.cpu_us for sample in self.samples.get(peer, {}).get(test, ())]
        theirs = [sample.cpu_us for sample in self.samples.get(other, {}).get(base, ())]
        if not ours or not theirs:
            return None
        return statistics.median(a / b for a, b in zip(ours, theirs, strict=False)), min(ours) / min(theirs)

    def figure(self, peer: str, name: str) -> float | None:
        """Median of another figure."""
        found = self.figures.get(peer, {}).get(name)
        return statistics.median(found) if found else None

    def add_sample(self, peer: str, test: str, sample: Sample) -> None:
        self.samples.setdefault(peer, {}).setdefault(test, []).append(sample)

    def add_figures(self, peer: str, found: dict[str, float]) -> None:
        for name, value in found.items():
            self.figures.setdefault(peer, {}).setdefault(name, []).append(value)

    def leave_out(self, peer: str, reason: object) -> None:
        """Note why a peer is out of the table, and forget what it had."""
        self.out[peer] = str(reason)
        self.samples.pop(peer, None)
        self.figures.pop(peer, None)

    def as_json(self) -> str:
        """Every sample, for whoever wants to look closer."""
        return json.dumps(rounded(asdict(self)), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """What `as_json` wrote."""
        values = json.loads(text)
        samples = {
            peer: {test: [Sample(**sample) for sample in found] for test, found in tests.items()}
            for peer, tests in values.pop("samples").items()
        }
        return cls(samples=samples, **values)


def rounded(value: Any) -> Any:
    """Floats with the four digits that mean something."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def machine() -> str:
    """The processor and how many cores this run might use."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model[1].strip() if model else platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}"
