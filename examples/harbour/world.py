"""The world as dots: every airport on a map, drawn by ourselves as one small SVG.

Natural Earth projection (T. Patterson, B. Šavrič and others, 2011): x and y are polynomials of the latitude. The map is
1000 units wide; dots stand on a grid of 4 units, in three sizes by how many airports share a place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

WIDTH, HEIGHT = 1000.0, 520.0
GRID = 4
_SCALE = WIDTH / (2 * 2.7354)
_SIZES = ((1, 1.6), (3, 2.2), (9, 2.9))  # from this many airports on, dots of this width


def project(latitude: float, longitude: float) -> tuple[float, float]:
    """Degrees to units of the map; (0, 0) is its upper left corner."""
    phi, lam = math.radians(latitude), math.radians(longitude)
    p2 = phi * phi
    p4 = p2 * p2
    x = lam * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4)))
    y = phi * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4)))
    return WIDTH / 2 + x * _SCALE, HEIGHT / 2 - y * _SCALE


def draw(places: Iterable[tuple[float, float, int]]) -> str:
    """Latitudes, longitudes and how many airports are there, as an SVG of black dots: a mask, coloured by the page."""
    cells: Counter[tuple[int, int]] = Counter()
    for latitude, longitude, count in places:
        x, y = project(latitude, longitude)
        cells[round(y / GRID), round(x / GRID)] += count
    paths = []
    for number, (least, size) in enumerate(_SIZES):
        most = _SIZES[number + 1][0] if number + 1 < len(_SIZES) else math.inf
        dots = sorted(cell for cell, count in cells.items() if least <= count < most)
        if dots:
            paths.append(f'<path stroke-width="{size}" d="{_steps(dots)}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'fill="none" stroke="#000" stroke-linecap="round">{"".join(paths)}</svg>'
    )


def dots(places: Iterable[tuple[float, float]]) -> str:
    """The `d` of an SVG path that is a dot at each place, on the map's grid."""
    cells = {(round(y / GRID), round(x / GRID)) for x, y in (project(*place) for place in places)}
    return _steps(sorted(cells))


def _steps(cells: list[tuple[int, int]]) -> str:
    """A line of no length with a round end is a dot."""
    return "".join(f"M{x * GRID} {y * GRID}h0" for y, x in cells)
