"""Figures inside a page: short SVG with ids of its own and the page's ink, and their data in few bytes."""

import base64
import gzip
import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from imprint.figures.style import FAINT, INK

GONE = {"metadata", "style", "title"}
PLACED = ("d", "x", "y", "x1", "y1", "x2", "y2", "points", "transform", "width", "height")
"""Attributes with numbers in points."""
FACTOR = re.compile(r"scale|matrix")
DIGITS = 1
"""Decimals of a place; what is drawn once and used often, a marker, has one more."""
NUMBER = re.compile(r"-?(?:\d*\.\d+(?:e-?\d+)?|\d+e-?\d+|0\b)")
USED = re.compile(r"(?:url\(#|^#)([\w.-]+)")
"""How an attribute refers to an id: as a paint or a path, or as the whole of an address."""


def inline(svg: str, prefix: str, says: str = "") -> str:
    """The `<svg>` element for an HTML page.

    The element has the prefix as its id, and what it refers to ids that begin so. The two neutral colours become the
    page's `--ink` and `--faint`. It is one image, named by what it says. What a page must not have twice or does not
    need goes: prolog, metadata, name spaces, groups without attributes. Styles that repeat become classes, valid within
    this figure alone.
    """
    root = ElementTree.fromstring(svg)
    _bare(root)
    ids = {old: f"{prefix}-{place}" for place, old in enumerate(sorted(_referred(root)))}
    for element in root.iter():
        _rename(element, ids)
    _shorten(root, DIGITS)
    _unwrap(root)
    root.set("id", prefix)
    if says:
        root.attrib |= {"role": "img", "aria-label": says}
    sheet = _classes(root)
    if sheet:
        style = Element("style")
        style.text = "".join(f"#{prefix} .{name}{{{text}}}" for text, name in sheet.items())
        root.insert(0, style)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    for colour, name in ((INK, "ink"), (FAINT, "faint")):
        text = text.replace(colour, f"var(--{name})")
    return text


def width(svg: str) -> int:
    """Width of a figure in CSS pixels, from its size in points."""
    found = re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"', svg)
    return round(float(found.group(1)) * 4 / 3) if found else 720


def packed(path: str | Path) -> str:
    """A file as base64 of its gzip, the same bytes at any time.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = Path(file.name).write_text("a,b")
    ...     gzip.decompress(base64.b64decode(packed(file.name)))
    b'a,b'
    """
    return base64.b64encode(gzip.compress(Path(path).read_bytes(), mtime=0)).decode()


def _bare(element: Element) -> None:
    """Take name spaces off, and what is not drawn out."""
    element.tag = element.tag.rpartition("}")[2]
    for name in list(element.attrib):
        element.attrib[name.rpartition("}")[2]] = element.attrib.pop(name)
    element.attrib.pop("version", None)
    for child in list(element):
        child.tag = child.tag.rpartition("}")[2]
        if child.tag in GONE:
            element.remove(child)
        else:
            _bare(child)


def _references(element: Element) -> dict[str, str]:
    """Attributes that can refer to an id; others hold colours too, which begin alike."""
    return {name: value for name, value in element.attrib.items() if name == "href" or "url(#" in value}


def _referred(root: Element) -> set[str]:
    """Ids that something refers to."""
    values = [value for element in root.iter() for value in _references(element).values()]
    return {name for value in values for name in USED.findall(value)}


def _rename(element: Element, ids: dict[str, str]) -> None:
    for name, value in _references(element).items():
        element.set(name, USED.sub(lambda found: found.group().replace(found.group(1), ids[found.group(1)]), value))
    if name := element.attrib.pop("id", None):
        element.attrib |= {"id": ids[name]} if name in ids else {}


def _shorten(element: Element, digits: int) -> None:
    """Round places, and leave turns by nothing out."""
    digits += element.tag == "defs"
    for name in PLACED:
        if name in element.attrib and not FACTOR.search(element.get(name)):
            rounded = NUMBER.sub(lambda found: _rounded(found.group(), digits), element.get(name))
            element.set(name, " ".join(rounded.split()))
    if element.get("transform", "").startswith("rotate(0 "):
        del element.attrib["transform"]
    for child in element:
        _shorten(child, digits)


def _rounded(number: str, digits: int) -> str:
    text = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _unwrap(element: Element) -> None:
    """Put the content of groups that say nothing in their place; empty groups and definitions go."""
    for child in list(element):
        _unwrap(child)
        if child.tag == "defs" and not len(child):
            element.remove(child)
        elif child.tag == "g" and not child.attrib:
            place = list(element).index(child)
            element.remove(child)
            for inner in reversed(list(child)):
                element.insert(place, inner)
    if element.tag not in ("text", "tspan", "style"):
        element.text = None
    for child in element:
        child.tail = child.tail if element.tag in ("text", "tspan") else None


def _classes(root: Element) -> dict[str, str]:
    """Replace every style that occurs twice by a class; return the classes by their text."""
    styles = [element.get("style") for element in root.iter() if element.get("style")]
    twice = [text for text in dict.fromkeys(styles) if styles.count(text) > 1]
    names = {text: f"s{place}" for place, text in enumerate(twice)}
    for element in root.iter():
        if element.get("style") in names:
            element.set("class", names[element.attrib.pop("style")])
    return names
