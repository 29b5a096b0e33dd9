"""The reference says what the program says of itself, in reStructuredText that cannot be misread."""

import sys
from pathlib import Path

import docutils.core
import pytest

from imprint import json_schemas, plugins, schema
from imprint.study import read_recipes

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))
import generated  # noqa: E402

REFERENCE = {"$ref": "#/$defs/Stop"}


def tree(lines):
    """Parse reStructuredText; what cannot be parsed is an error."""
    return docutils.core.publish_doctree("\n".join(lines), settings_overrides={"halt_level": 2, "report_level": 5})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": "boolean"}, "true or false"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "number above 0 and at most 1"),
        ({"type": "integer", "minimum": 3}, "integer at least 3"),
        ({"type": "string", "pattern": r"^\w+\.\w+$"}, "``probe.measure``"),
        ({"enum": ["min", "max"]}, "``min``, ``max``"),
        ({"const": "full"}, "``full``"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "object", "additionalProperties": True}, "keys and values"),
        ({"type": "object", "additionalProperties": REFERENCE}, "by name: :ref:`Stop <key-stop>`"),
        ({"type": "object", "patternProperties": {"^[a-z]": REFERENCE}}, "by name: :ref:`Stop <key-stop>`"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"anyOf": [{"const": "all"}, {"type": "array", "items": {"type": "string"}}]}, "``all`` or list of text"),
        ({"anyOf": [{"$ref": "#/$defs/ChangedByTask"}, {"type": "null"}]}, "change of the experiment"),
        ({"$ref": "#/$defs/ChangedStop"}, ":ref:`Stop <key-stop>`"),
    ],
)
def test_what_a_value_may_be_in_words(value, words):
    assert generated.kinds(value) == words


def test_every_model_that_is_referred_to_has_its_place():
    lines = list(generated.configuration())
    text = "\n".join(lines)
    for part in text.split("<key-")[1:]:
        place = lines.index(f".. _key-{part.partition('>')[0]}:")
        assert lines[place - 1] == "", "a label that follows a paragraph is a part of it"
    for key in schema.Claim.model_fields:
        assert f"   * - ``{key}``" in lines


def test_a_default_is_shown():
    part = json_schemas.of(schema.Search)
    assert "     - ``2``" in generated.keys(part) and "     - needed" in generated.keys(part)


@pytest.mark.parametrize("text", ["|w| * |v|", "a*b", "one_ and `two`", "x_i", r"back\slash"])
def test_a_plain_text_is_read_as_it_is(text):
    assert tree([generated.plain(text)]).astext() == text


def test_a_table_has_all_cells():
    found = tree(generated.table(("a", "b"), [("1", ""), ("", "2")]))
    assert [entry.astext() for entry in found.findall() if entry.tagname == "entry"] == ["a", "b", "1", "", "", "2"]


def test_the_help_is_that_of_the_command():
    assert generated.help_of("imprint.commands.plan").startswith("usage: imprint plan [-h]")


@pytest.mark.parametrize("kind", ["figures", "tasks", "models"])
def test_every_plugin_is_there(kind):
    text = "\n".join(getattr(generated, kind)())
    assert [name for name in plugins.catalogue(kind) if f"\n{name}\n" not in text] == []


def test_every_measure_is_there():
    lines = list(generated.probes())
    for probe in plugins.catalogue("probes"):
        assert probe in lines
        for measure in plugins.find("probes", probe).literals["MEASURES"]:
            assert f"   * - ``{measure}``" in lines


def test_every_recipe_is_there():
    lines = list(generated.recipes())
    assert [name for name in read_recipes(ROOT / "recipes.yaml") if f"   * - ``{name}``" not in lines] == []


def test_formulas_are_drawn_by_the_browser():
    import mathml
    from docutils import nodes

    class Writer:
        body: list = []

    with pytest.raises(nodes.SkipNode):
        mathml.inline(Writer, nodes.math(text=r"2 \sigma^2"))
    assert Writer.body[0].startswith("<math") and "σ" in Writer.body[0]
