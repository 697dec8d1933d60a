"""`contracts export`: the published schemas, AsyncAPI document and examples, made from the models."""

import typer

app = typer.Typer(no_args_is_help=True, help="The messages, as files for any language.")
