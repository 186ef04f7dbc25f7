"""Which names a policy may use: built-ins whose answer depends on what they are given and on nothing else, and the input.

A list of what may be used, because the next version of the engine may bring a built-in that looks outside. Left out, although
the engine has them, are `opa.runtime` (the process's environment), `time.*` and `io.jwt.*` (the clock), `rand.*` and
`uuid.*` (chance), `print`, `trace` and `internal.*` (they write).
"""

from __future__ import annotations

from typing import Any, Final

from pratique.values.facts import Facts

KEYWORDS: Final = frozenset(
    (
        "as",
        "contains",
        "default",
        "else",
        "every",
        "false",
        "if",
        "import",
        "in",
        "not",
        "null",
        "package",
        "some",
        "true",
        "with",
    )
)

_USABLE = """
abs ceil floor round numbers.range numbers.range_step bits.and bits.or bits.xor bits.negate bits.lsh bits.rsh
count max min product sort sum
array.concat array.reverse array.slice
intersection union
object.filter object.get object.keys object.remove object.subset object.union object.union_n
concat contains endswith format_int indexof indexof_n lower replace split sprintf startswith strings.any_prefix_match
strings.any_suffix_match strings.count strings.replace_n strings.reverse substring trim trim_left trim_prefix trim_right
trim_space trim_suffix upper
regex.find_all_string_submatch_n regex.find_n regex.is_valid regex.match regex.replace regex.split
glob.match glob.quote_meta
units.parse units.parse_bytes
is_array is_boolean is_null is_number is_object is_set is_string type_name to_number
base64.decode base64.encode base64.is_valid base64url.decode base64url.encode hex.decode hex.encode
urlquery.decode urlquery.decode_object urlquery.encode urlquery.encode_object
json.filter json.is_valid json.marshal json.remove json.unmarshal yaml.is_valid yaml.marshal yaml.unmarshal
crypto.md5 crypto.sha1 crypto.sha256 crypto.hmac.sha256 crypto.hmac.sha512
graph.reachable graph.reachable_paths walk
semver.compare semver.is_valid
"""
BUILTINS: Final = frozenset(_USABLE.split())

OUTSIDE: Final = frozenset(
    ("opa", "http", "net", "rand", "uuid", "time", "io", "internal", "print", "trace", "rego", "providers")
)
"""Names that lead out of the input."""

_SCHEMA: dict[str, Any] = Facts.model_json_schema()


def unknown_field(path: tuple[str, ...]) -> str:
    """The first name after `input` that no input document ever has; empty where all may be there."""
    node: dict[str, Any] = _SCHEMA
    for name in path:
        fields = _fields(node)
        if fields is None:
            return ""
        if name not in fields:
            return name
        node = fields[name]
    return ""


def _fields(node: dict[str, Any]) -> dict[str, Any] | None:
    """What an object of this schema may have; None where that is anything, or where it is no object."""
    choices = [one for one in node.get("anyOf", [node]) if one.get("type") != "null"]
    if len(choices) != 1:
        return None
    (only,) = choices
    if "$ref" in only:
        only = _SCHEMA["$defs"][only["$ref"].rpartition("/")[2]]
    found: dict[str, Any] | None = only.get("properties")
    return found
