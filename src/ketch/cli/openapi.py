"""`ketch openapi`: the API's document, without a server."""

from __future__ import annotations

from pathlib import Path

import click

from ketch.cli.loading import PROBLEMS, Unloadable, app_argument, frozen, load, report
from ketch.cli.terminal import say, tell
from ketch.kernel.errors import SetupError


@click.command()
@app_argument
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@click.option("--check", "compare", is_flag=True, help="Write nothing; exit code 1 if the file differs.")
def openapi(app: str | None, output: Path | None, compare: bool) -> None:
    """Print the API's OpenAPI 3.1 document as JSON.

    \b
    Example:  ketch openapi --output openapi.json
              ketch openapi --check --output openapi.json     in CI: is the file up to date?
    """
    if compare and output is None:
        raise click.UsageError("--check needs --output: the file to compare with.")
    found = load(app, looking=True)
    frozen(found)
    text = _document(found.app)
    if output is None:
        tell(text)
    elif compare:
        if not output.exists() or output.read_text("utf-8").rstrip("\n") != text:
            say(f"{output} is not up to date:  ketch openapi --output {output}")
            raise click.exceptions.Exit(PROBLEMS)
    else:
        output.write_text(text + "\n", "utf-8")
        say(f"{output} is written.")


def _document(app: object) -> str:
    """Indented, in a stable order. Raises Unloadable for a document that cannot be made."""
    import msgspec

    from ketch.openapi import OpenAPI, build, operations_of
    from ketch.openapi.routes import info_of

    own = next((e for e in getattr(app, "extensions", ()) if isinstance(e, OpenAPI)), None)
    try:
        made = own.document() if own is not None else build(info_of(app), operations_of(app.runtime.routes))  # type: ignore[attr-defined]
    except SetupError as error:
        raise Unloadable(report(error)) from error
    return msgspec.json.format(msgspec.json.encode(made, enc_hook=str)).decode()
