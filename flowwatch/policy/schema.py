"""`json_schema()`: the layout of a policy as JSON Schema 2020-12, for editors.

Promises: made from the same structs that `load` reads by, so the two cannot differ in keys; instants are strings of
format `date-time`, as TOML editors see them. Says less than `load`: that ids resolve is not its business.
"""

import ast
import functools
import inspect
import json
from types import ModuleType
from typing import Any, Final

import msgspec

from flowwatch.policy import document, inline, terms
from flowwatch.policy.decode import is_derived
from flowwatch.policy.match import Cidr, Clock, NamePattern, PortRange, Span

_Schema = dict[str, Any]
_TABLES: Final = (terms, inline, document)
"""The modules whose tables a file can write."""


def json_schema() -> _Schema:
    """The JSON Schema of a policy file, ready for `json.dumps`."""
    _, parts = msgspec.json.schema_components([document.Document], ref_template="#/$defs/{name}")
    defs = {name: _TEXTS.get(name) or _table(name, part) for name, part in parts.items()}
    top = defs.pop(document.Document.__name__)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": _reached(top, defs)}
    plain: _Schema = json.loads(json.dumps(schema))
    return plain


def _reached(top: _Schema, defs: dict[str, _Schema]) -> dict[str, _Schema]:
    """The definitions that a file can come to: those of what `load` fills in are none of its business."""
    reached: set[str] = set()
    open_ = [top]
    while open_:
        found = {name for name in defs if f'"#/$defs/{name}"' in json.dumps(open_[-1])} - reached
        reached |= found
        open_[-1:] = [defs[name] for name in found]
    return {name: part for name, part in defs.items() if name in reached}


def _table(name: str, part: _Schema) -> _Schema:
    """The table without what `load` fills in, its keys with their docstrings."""
    kind = _struct(name)
    if kind is None:
        return part
    described = msgspec.inspect.type_info(kind)
    fields = {field.encode_name: field for field in getattr(described, "fields", ())}
    said = {key: text for one in kind.__mro__ for key, text in _said().get(one.__name__, {}).items()}
    keys = {}
    for key, inner in part["properties"].items():
        if not is_derived(fields[key]):
            text = said.get(fields[key].name)
            keys[key] = {**_written(inner), **({"description": text} if text else {})}
    return {**part, "properties": keys, "required": [key for key in part.get("required", []) if key in keys]}


def _struct(name: str) -> Any:  # noqa: ANN401 - a struct class
    found = next((getattr(module, name) for module in _TABLES if hasattr(module, name)), None)
    return found if isinstance(found, type) and issubclass(found, msgspec.Struct) else None


def _written(key: _Schema) -> _Schema:
    """The key as TOML can write it: no null, and no default that is a parsed value or null."""
    key = {**key, "type": "string"} if key.get("format") == "date-time" else dict(key)
    if isinstance(key.get("items"), dict):
        key["items"] = _written(key["items"])
    if "anyOf" in key:
        choices = [one for one in key.pop("anyOf") if one != {"type": "null"}]
        key |= _written(choices[0]) if len(choices) == 1 else {"anyOf": [_written(one) for one in choices]}
    if key.get("default", 0) is None or isinstance(key.get("default"), dict):
        del key["default"]
    return key


@functools.cache
def _said() -> dict[str, dict[str, str]]:
    """The docstrings under the fields of every struct, by class and attribute."""
    return {name: texts for module in _TABLES for name, texts in _said_in(module).items()}


def _said_in(module: ModuleType) -> dict[str, dict[str, str]]:
    classes = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_texts(node)) for node in classes}


def _texts(node: ast.ClassDef) -> list[tuple[str, str]]:
    pairs = zip(node.body, node.body[1:], strict=False)
    return [
        (field.target.id, inspect.cleandoc(text.value.value))
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    ]


_TEXTS: Final[dict[str, _Schema]] = {
    Cidr.__name__: {"type": "string", "description": "A network, as in 192.0.2.0/24, or one address."},
    NamePattern.__name__: {"type": "string", "description": inspect.getdoc(NamePattern)},
    PortRange.__name__: {
        "description": 'A port, or a range as in "50000-50100".',
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 65535},
            {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$"},
        ],
    },
    Span.__name__: {
        "type": "string",
        "pattern": "^[0-9]{1,9}(ms|s|m|h|d)$",
        "description": "A length of time, as in 200ms, 5s, 5m, 24h, 7d.",
    },
    Clock.__name__: {
        "type": "string",
        "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
        "description": inspect.getdoc(Clock),
    },
}
"""What `match` parses from text, as the text it is written as."""
