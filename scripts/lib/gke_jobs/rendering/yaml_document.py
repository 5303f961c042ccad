"""The YAML part of rendering: parses the text, puts the values into the document, and writes it for kubectl.

- A scalar that is one placeholder becomes the value itself, of any JSON type; inside longer or quoted text a value is
  text. Keys are always text. A null field is left out, as Kubernetes would read it.
- `command`, `args` and the `value` of `env` are text in Kubernetes, so numbers and booleans become text there. There
  Kubernetes also expands `$(NAME)` and reads `$$` as `$`. Text from values is escaped, text of the template is not: a
  container receives each value exactly, and a template can refer to variables.
- `$merge: {{ ... }}` in a mapping merges a value into the rest of that mapping, by the rules of merging.py.
- Plain words that YAML parsers read differently (NO, 1e3, 0o7, 1_000, 2026-01-01) are refused: quote them.
"""

from __future__ import annotations

import json
import re
import sys

import yaml

from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.templating import Rendered
from gke_jobs.rendering.values import MAX_DEPTH, NOT_TEXT, Json

Path = tuple[str | int, ...]

MOST_NODES = 100_000  # after expansion of aliases, far above any manifest
FLATTER = "use fewer levels, and no alias that contains itself"
MERGE = "$merge"
TAG = "tag:yaml.org,2002:"
# The permitted forms of each kind of plain scalar, on which PyYAML and the parsers of Kubernetes agree.
AGREED = {
    f"{TAG}null": re.compile(r"|~|null"),
    f"{TAG}bool": re.compile(r"true|false"),
    f"{TAG}int": re.compile(r"-?(0|[1-9][0-9]*)"),
    f"{TAG}float": re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+"),
    **dict.fromkeys((f"{TAG}timestamp", f"{TAG}value", f"{TAG}merge"), re.compile("(?!)")),
    f"{TAG}str": re.compile(
        r"(?![-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9]+)?$|0[box][0-9a-f_]+$|[yn]$)[^\n]*", re.IGNORECASE
    ),
}


def read_documents(rendered: Rendered) -> list[Json]:
    """Read the documents of `rendered` as read_documents_and_places does."""
    return read_documents_and_places(rendered)[0]


def read_documents_and_places(rendered: Rendered) -> tuple[list[Json], dict[Path, str]]:
    """Read the documents of `rendered`, with the values in them; empty ones are left out.

    Also return the place in the template of each field; a path begins with the number of the document.
    RenderError, with the line of the template, if it is no YAML that every parser reads in the same way.
    """
    documents: list[Json] = []
    places: dict[Path, str] = {}
    try:
        for node in list(yaml.compose_all(rendered.text, Loader=yaml.SafeLoader)):
            reader = _Reader(rendered)
            document = reader.read(node, ())
            if document is not None:
                places |= {(len(documents), *path): place for path, place in reader.places.items()}
                documents.append(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = rendered.place(mark.line if mark else 0)
        raise RenderError(BAD_INPUT, f"invalid YAML: {error.problem}", where=place, fix="correct it") from None
    except yaml.YAMLError as error:
        raise RenderError(BAD_INPUT, f"invalid YAML: {error}", where=rendered.place(0), fix="correct it") from None
    except RecursionError:
        what = f"nested more than {MAX_DEPTH} levels deep"
        raise RenderError(BAD_INPUT, what, where=rendered.place(0), fix=FLATTER) from None
    return documents, places


def write_document(document: dict[str, Json]) -> str:
    """Return `document` as ASCII YAML that every parser reads in the same way: each string is in double quotes."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=sys.maxsize)


class _Reader:
    def __init__(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.places: dict[Path, str] = {}
        self._nodes = 0

    def read(self, node: yaml.Node, path: Path) -> Json:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise self._error(f"more than {MOST_NODES} fields and items", node, "use fewer aliases")
        if len(path) > MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} levels deep", node, FLATTER)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in AGREED:
            return self._scalar(node, path)
        raise self._error(f"the YAML tag {node.tag} is not supported in manifests", node, "remove it")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Json]:
        seen: set[str] = set()
        result = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in seen:
                raise self._error(f"the key {key} occurs twice", key_node, "keep one")
            seen.add(key)
            if key_node.value == MERGE:
                continue
            here = (*path, key)
            self.places[here] = self._place(key_node)
            value = self.read(value_node, here)
            if value is not None:
                result[key] = value
        return self._merged(node, result, path)

    def _merged(self, node: yaml.MappingNode, result: dict[str, Json], path: Path) -> dict[str, Json]:
        """Merge the values of `$merge` in the mapping `result` into it."""
        part = next((value for key, value in node.value if key.value == MERGE), None)
        whole = part and self.rendered.placeholder.fullmatch(part.value if isinstance(part, yaml.ScalarNode) else "")
        if part is None:
            return result
        if not whole:
            fix = f"write {MERGE}: {{{{ values.NAME }}}} without other text"
            raise self._error(f"{MERGE} is not a value", part, fix)
        value, name = self.rendered.values[int(whole[1])], self.rendered.names[int(whole[1])]
        if value is None:
            return result
        if isinstance(value, dict):
            self.places |= {(*path, key): f"{name}.{key}, {self._place(part)}" for key in value if name}
        from gke_jobs.rendering.merging import MergeError, merge  # rarely needed

        try:
            return merge(result, _value(value, path, keeps_null=True))
        except MergeError as error:
            raise self._error(f"{name or 'a value'} cannot be merged: {error}", part, "correct the value") from None

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in AGREED or node.tag == f"{TAG}merge":
            raise self._error("a key is not plain text", node, "write it as text, without << and tags")
        return self._interpolate(node, ())

    def _item(self, node: yaml.Node, path: Path) -> Json:
        self.places[path] = self._place(node)
        value = self.read(node, path)
        if value is None:
            raise self._error("an item of a list is null", node, "give it a value or leave it out")
        return value

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Json:
        placeholder, text = self.rendered.placeholder, node.value
        if node.style is None and (whole := placeholder.fullmatch(text)) and node.tag == f"{TAG}str":
            return _value(self.rendered.values[int(whole[1])], path)
        if node.style is not None or placeholder.search(text):
            return self._interpolate(node, path)
        if not AGREED[node.tag].fullmatch(text):
            raise self._error(f"YAML parsers disagree about {text}", node, "put it in quotes")
        if node.tag == f"{TAG}null":
            return None
        return text if node.tag == f"{TAG}str" or _is_expanded(path) else json.loads(text)

    def _interpolate(self, node: yaml.ScalarNode, path: Path) -> str:
        if found := NOT_TEXT.search(node.value):
            what = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
            raise self._error(f"text contains {what}", node, "remove it: no container can receive it")
        parts = self.rendered.placeholder.split(node.value)
        if node.tag != f"{TAG}str" and (node.style is not None or len(parts) > 1):
            raise self._error(f"text has the YAML tag {node.tag}", node, "remove it")
        for position in range(1, len(parts), 2):
            value = self.rendered.values[int(parts[position])]
            if value is None or isinstance(value, list | dict):
                kind = "null" if value is None else "a mapping" if isinstance(value, dict) else "a list"
                raise self._error(f"{kind} is inside text", node, "use text or a number, or use the value alone")
            parts[position] = _as_text(value)
            if _is_expanded(path):
                parts[position] = _escape(parts[position])
                # A single dollar before the value would form a reference with it.
                parts[position - 1] = re.sub(r"(?<!\$)(\$\$)*\$\Z", r"\g<0>$", parts[position - 1])
        return "".join(parts)

    def _error(self, what: str, node: yaml.Node, fix: str) -> RenderError:
        return RenderError(BAD_INPUT, what, where=self._place(node), fix=fix)

    def _place(self, node: yaml.Node) -> str:
        return self.rendered.place(node.start_mark.line)


def _value(value: Json, path: Path, *, keeps_null: bool = False) -> Json:
    """Return a value that is a complete scalar at `path` of the document."""
    if isinstance(value, dict):
        return {
            key: _value(item, (*path, key), keeps_null=keeps_null)
            for key, item in value.items()
            if item is not None or keeps_null
        }
    if isinstance(value, list):
        return [_value(item, (*path, index), keeps_null=keeps_null) for index, item in enumerate(value)]
    return _escape(_as_text(value)) if value is not None and _is_expanded(path) else value


def _as_text(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _escape(text: str) -> str:
    return text.replace("$", "$$")


def _is_expanded(path: Path) -> bool:
    """Whether Kubernetes expands references to variables in the text at `path` of a Job."""
    match path:
        case ("spec", "template", "spec", "containers" | "initContainers", int(), "command" | "args", int()):
            return True
        case ("spec", "template", "spec", "containers" | "initContainers", int(), "env", int(), "value"):
            return True
    return False


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)  # indent lists as in the templates


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"{TAG}str", text, style='"')


def _represent_mapping(dumper: yaml.SafeDumper, mapping: dict[str, Json]) -> yaml.MappingNode:
    node = dumper.represent_dict(mapping)
    for key, _ in node.value:
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]+", key.value):
            key.style = None
    return node


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(dict, _represent_mapping)
