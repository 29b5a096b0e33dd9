"""SVG figures inside a page: unique ids, the page's own ink, nothing fetched."""

import base64
import re
from pathlib import Path

from imprint.figures.style import FAINT, INK


def inline(svg: str, prefix: str) -> str:
    """The `<svg>` element for an HTML page.

    Every id gets the prefix, the two neutral colours become the page's `--ink` and `--faint`, and what a page
    must not have twice or not at all goes: prolog, metadata, a style sheet for everything, name spaces.
    """
    element = svg[svg.index("<svg") :].strip()
    element = re.sub(r"<metadata>.*?</metadata>|<style\b.*?</style>|<!--.*?-->", "", element, flags=re.DOTALL)
    element = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", element)
    element = element.replace("xlink:href=", "href=")
    element = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', element)
    element = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', element)
    element = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", element)
    for colour, name in ((INK, "ink"), (FAINT, "faint")):
        element = element.replace(colour, f"var(--{name})")
    element = re.sub(r"<defs>\s*</defs>", "", element)
    return re.sub(r">\s+<", "><", element)


def width(svg: str) -> int:
    """Width of a figure in CSS pixels, from its size in points."""
    found = re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"', svg)
    return round(float(found.group(1)) * 4 / 3) if found else 720


def data_uri(path: str | Path, kind: str) -> str:
    """A file as a `data:` address, for a download link that needs no server."""
    return f"data:{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"
