"""Digests that name units, and what a file says of itself by them."""

import hashlib
import json
import re

SPEC_VERSION = 1
NAMED = re.compile(r"-([0-9a-f]{10})\.")


def unit_name(file: str) -> str:
    """Return a unit's name from the name of one of its files: what comes before the suffix."""
    return re.sub(r"\.(zarr\.zip|jsonl|json|csv|svg|png|html|md|seal|log)$", "", file)


def plain(value: object) -> object:
    """Return a value as JSON knows it; a whole float equals the integer."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def canonical(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no spaces."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return ten hex digits of a value's canonical text."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:10]


def of(stage: str, spec: dict, inputs: dict[str, list[str]]) -> str:
    """Return the digest of a unit from its spec and the digests of its inputs by role."""
    return digest({"version": SPEC_VERSION, "stage": stage, "spec": spec, "inputs": inputs})


def is_named_by(name: str, provenance: dict) -> bool:
    """Whether a file's name is that of what it was made from, as it says itself; true if name or file say nothing."""
    found = NAMED.search(name)
    if not found or not {"stage", "spec", "made_from"} <= provenance.keys():
        return True
    made_from = json.loads(provenance["made_from"]).items()
    inputs = {role: [NAMED.search(file) for file in files] for role, files in made_from}
    if not all(match for matches in inputs.values() for match in matches):
        return True
    digests = {role: [match[1] for match in matches] for role, matches in inputs.items()}
    return found[1] == of(provenance["stage"], json.loads(provenance["spec"]), digests)


def sealed(content: dict) -> dict:
    """Return JSON content with a digest of itself."""
    return {**content, "seal": digest(content)}


def is_sealed(content: object) -> bool:
    """Whether JSON content holds the digest of the rest."""
    if not isinstance(content, dict):
        return False
    return content.get("seal") == digest({key: value for key, value in content.items() if key != "seal"})
