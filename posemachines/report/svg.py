"""Matplotlib figures as SVG for the body of a page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from html import escape

from .._utils.figures import GRID, INK, QUIET, SERIES_COLOURS

__all__ = ["figure_to_svg"]

_UNNEEDED = (r"<metadata>.*?</metadata>", r"<style.*?</style>", r'\sxmlns(:xlink)?="[^"]*"', r"<!--.*?-->")
_VARIABLES = {INK: "--ink", QUIET: "--quiet", GRID: "--grid"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES_COLOURS)
}


def figure_to_svg(figure, name: str, titles: Mapping[str, str] | None = None):
    """SVG whose text stays text and whose colours are variables of the page's style sheet, so that both themes work.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Prefix of the ids, unique in the page.
    titles : dict of str to str, optional
        Tooltips of artists, by group id.

    Returns
    -------
    markupsafe.Markup
        The same for the same figure.
    """
    import matplotlib
    from markupsafe import Markup

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    for unneeded in _UNNEEDED:
        svg = re.sub(unneeded, "", svg, flags=re.DOTALL)
    svg = re.sub(r"(\d\.\d\d)\d+", r"\1", svg)
    for gid, title in (titles or {}).items():
        svg = svg.replace(f'<g id="{gid}">', f'<g id="{gid}"><title>{escape(title)}</title>')
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*|\"DejaVu Sans\"[^;]*", "var(--font)", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return Markup(svg)
