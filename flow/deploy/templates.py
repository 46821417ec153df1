"""The templates of what goes into a package."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from flow.paths import PACKAGE_DIR


def template(name: str) -> Template:
    """Return a template of text that is no HTML: Markdown, shell, C, YAML."""
    environment = Environment(
        loader=FileSystemLoader(PACKAGE_DIR / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # no HTML
    )
    return environment.get_template(name)
