"""What the terminal says when the harbour has started: what runs, where to click, what to try."""

from __future__ import annotations

import os
import sys

from .loading import SOURCE


def base_url() -> str:
    """Where we are reached, as far as we can know."""
    return os.environ.get("KETCH_URL", "http://127.0.0.1:8000").rstrip("/")


def lines(airports: int, url: str, database: str) -> list[tuple[str, str]]:
    """Headings and what stands under them."""
    api = f"{url}/api"
    return [
        ("Look", f"{url}/      the catalogue, with the live board"),
        ("", f"{url}/docs  the API's page"),
        ("Try", f"curl '{api}/airports?q=zurich&limit=3'"),
        ("", f"curl '{api}/airports?country=NP&sort=-elevation'"),
        ("", f"curl '{api}/airports?limit=many&country=Peru'"),
        ("", f"curl -F photo=@picture.jpg {api}/airports/EGLL/photos"),
        ("Watch", f"curl -N {api}/changes   and meanwhile, in another terminal:"),
        ("", f"curl -X PATCH {api}/airports/EGLL --json '{{\"elevation\": 84}}'"),
        ("Data", f"{airports:,} airports from {SOURCE}"),
        ("", f"in {database}"),
    ]


def welcome(airports: int, database: str) -> None:
    """Print it to stderr, in colour on a terminal. `ketch dev` says where to click, and a reload needs no greeting."""
    if os.environ.get("KETCH_RELOADED"):
        return
    served_by_ketch = "KETCH_URL" in os.environ
    bold, dim, sea, off = ("\033[1m", "\033[2m", "\033[36m", "\033[0m") if sys.stderr.isatty() else ("",) * 4
    told = [f"\n  {bold}Harbour{off}  {dim}the airports of the world, on Ketch{off}"]
    for heading, text in lines(airports, base_url(), database)[2 if served_by_ketch else 0 :]:
        gap = "\n" if heading else ""
        told.append(f"{gap}  {sea}{heading:<7}{off}{text}")
    print("\n".join(told), end="\n\n", file=sys.stderr, flush=True)
