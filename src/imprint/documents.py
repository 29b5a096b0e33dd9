"""Reads YAML strictly: no duplicate keys, numbers as people write them, errors with file and line."""

import re
from collections.abc import Hashable
from pathlib import Path

import yaml

from imprint.errors import StudyError

FLOAT = r"^[-+]?(\d[\d_]*(\.\d*)?|\.\d+)([eE][-+]?\d+)$"


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key is a plain value", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(FLOAT), list("-+.0123456789"))


def load(path: Path) -> dict:
    """Return the mapping that a YAML file holds.

    Raises:
        StudyError: if the file is missing, is not YAML, is no mapping, or gives a key twice.
    """
    if not path.is_file():
        raise StudyError(f"{path}: no such file")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise StudyError(f"{path}: a mapping of keys to values is expected, found {type(content).__name__}")
    return content


def merge(base: dict, change: dict) -> dict:
    """Return ``base`` with ``change`` laid over it: mappings key by key, everything else replaced."""
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
