"""The Jinja part of rendering: renders a template to YAML text with placeholders for values.

The YAML parser never gets values. The result of `{{ ... }}` is stored, and an unpredictable plain word is written in
its place; yaml_document.py puts the value into the parsed document. The only exception is text that a macro returns: it
comes from the template, and contains placeholders itself.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import cast

import jinja2
from jinja2 import nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gke_jobs.rendering.render_error import BAD_INPUT, NO_TEMPLATE, RenderError
from gke_jobs.rendering.values import Json

SUFFIX = ".yaml.j2"


@dataclass(frozen=True)
class Rendered:
    """YAML text; `placeholder` matches one placeholder, its group is an index of `values` and `names`.

    `names` has the name in the template of each value that is a mapping, '' for others. `places` has the template and
    line of each line of the text.
    """

    text: str
    placeholder: re.Pattern[str]
    values: list[Json]
    names: list[str]
    places: list[str]

    def place(self, line: int) -> str:
        """Return the origin of line `line` (from 0) of the text, e.g. `batch-job.yaml.j2 line 12`."""
        return self.places[min(line, len(self.places) - 1)]


class Named(dict[str, Json]):
    """A mapping that knows its name in the template, so that an error can say `values.env.HOME is undefined`."""

    def __init__(self, path: str, items: dict[str, Json]) -> None:
        super().__init__({key: named(f"{path}.{key}", item) for key, item in items.items()})
        self.path = path


class TemplateText(str):
    """Text of the template itself, from a macro. It is passed on unchanged if the renderer created this object."""


class _Compiler(CodeGenerator):
    """Marks the line of the template from which each text comes; refuses templates that would mix text with values."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 # Jinja's name
        for block in node.find_all((nodes.FilterBlock, nodes.AssignBlock, nodes.ScopedEvalContextModifier)):
            self.fail("filter, set and autoescape blocks are not supported in manifests", block.lineno)
        mark = cast("Renderer", self.environment).mark
        for text in node.find_all(nodes.TemplateData):
            lines = text.data.split("\n")
            text.data = "\n".join(f"{line}{mark(self.name, text.lineno + n)}" for n, line in enumerate(lines))
        super().visit_Template(node, frame)


class Renderer(ImmutableSandboxedEnvironment):
    """Renders templates, with includes and imports from `folders`."""

    code_generator_class = _Compiler

    def __init__(self, *folders: Path) -> None:
        super().__init__(
            loader=jinja2.FileSystemLoader([str(folder) for folder in folders]),
            undefined=jinja2.StrictUndefined,
            finalize=pass_context(lambda _context, value: self._finalize(value)),  # with the context: never a constant
            optimized=False,  # for two renderings it costs more than it saves
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.filters["indent"] = self._indent
        self.filters["number"] = self._number
        self.filters["tojson"] = lambda value: json.dumps(self._plain(value))  # Jinja's own filter escapes for HTML
        self._folders = {str(folder) for folder in folders}
        self._nonce = secrets.token_hex(8)
        self._values: list[Json] = []
        self._names: list[str] = []
        self._places: list[str] = []
        self._texts: dict[int, TemplateText] = {}

    def render(self, name: str, context: dict[str, dict[str, Json]]) -> Rendered:
        """Render the template `name`; RenderError, with its line, if the template or a value is invalid."""
        self._values, self._names, self._texts = [], [], {}
        try:
            text = self.get_template(name).render({key: named(key, value) for key, value in context.items()})
        except jinja2.TemplateNotFound as error:
            fix = f"import and include read files in the directory of {name}"
            raise RenderError(NO_TEMPLATE, f"template {error.name} not found", fix=fix) from None
        except jinja2.TemplateSyntaxError as error:
            place = f"{error.name or name} line {error.lineno}"
            what = str(error.message).removesuffix(".")
            raise RenderError(BAD_INPUT, what, where=place, fix="correct the template") from None
        except Exception as error:
            what, fix = str(error).removesuffix(".") or type(error).__name__, "correct the template or its values"
            if isinstance(error, jinja2.UndefinedError):
                fix = "give a value or, in the template, a default"
            if isinstance(error, UnicodeDecodeError):
                fix = "save the template as UTF-8"
            raise RenderError(BAD_INPUT, what, where=self._find_line(error, name), fix=fix) from None
        return self._rendered(text, name)

    def mark(self, template: str | None, line: int) -> str:
        """Return a word that marks the line of the text before it; it is removed after rendering."""
        self._places.append(f"{template} line {line}")
        return f"m{self._nonce}n{len(self._places) - 1}z"

    def call(self, context: Context, called: object, /, *args: object, **kwargs: object) -> object:
        """Call a function from a template, as the sandbox allows; mark the text that a macro returns."""
        result = super().call(context, called, *args, **kwargs)
        return self._keep_text(result) if isinstance(called, Macro | LoopContext | BlockReference) else result

    def getattr(self, obj: object, attribute: str) -> object:
        """Look up `values.items`: the value with that name, never a method of dict."""
        return self.getitem(obj, attribute) if isinstance(obj, Named) else super().getattr(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """Look up `values["x"]`; a missing value is undefined with its full name."""
        if isinstance(obj, Named) and argument not in obj:
            return self.undefined(f"{obj.path}.{argument} is undefined")
        return super().getitem(obj, argument)

    def _keep_text(self, text: str) -> TemplateText:
        kept = TemplateText(text)
        self._texts[id(kept)] = kept
        return kept

    def _indent(self, text: str, width: int = 4) -> str:
        indented = str.replace(text, "\n", "\n" + " " * width)
        return self._keep_text(indented) if self._is_ours(text) else indented

    def _number(self, value: object) -> Json:
        """Return an integer, which Airflow's Jinja may have changed to text; null stays null."""
        plain = self._plain(value)
        if isinstance(plain, str) and re.fullmatch("-?[0-9]+", plain):
            return int(plain)
        if plain is not None and type(plain) is not int:
            raise TypeError(f"{plain!r} is not an integer")
        return plain

    def _is_ours(self, value: object) -> bool:
        return id(value) in self._texts  # _texts keeps them alive, so no other object has the id

    def _finalize(self, value: object) -> str:
        if self._is_ours(value):
            return cast("str", value)
        self._values.append(self._plain(value))
        self._names.append(value.path if isinstance(value, Named) else "")
        return f"v{self._nonce}n{len(self._values) - 1}z"

    def _plain(self, value: object) -> Json:
        """Copy `value` as plain JSON."""
        if isinstance(value, str):
            if self._nonce in value:
                raise TypeError("the text of a macro is not a value")
            return str(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise TypeError(f"{value} is not a JSON number")
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        if isinstance(value, dict):
            return {self._key(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises the error that names the value
        if isinstance(value, Iterator):
            raise TypeError("filters such as map and select do not return a list: add `| list`")
        raise TypeError(f"a {type(value).__name__} is not a JSON value")

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} is not a string")
        return cast("str", self._plain(key))

    def _find_line(self, error: Exception, name: str) -> str:
        for frame in reversed(extract_tb(error.__traceback__)):
            file = Path(frame.filename)
            if str(file.parent) in self._folders:
                return f"{file.name} line {frame.lineno}"
        return name

    def _rendered(self, text: str, name: str) -> Rendered:
        mark = re.compile(f"m{self._nonce}n([0-9]+)z")
        places = [f"{name} line 1"]
        for line in text.split("\n"):
            marks = mark.findall(line)
            places.append(self._places[int(marks[-1])] if marks else places[-1])
        return Rendered(
            text=mark.sub("", text),
            placeholder=re.compile(f"v{self._nonce}n([0-9]+)z"),
            values=self._values,
            names=self._names,
            places=places[1:],
        )


def named(path: str, value: Json) -> Json:
    """Return `value` with every mapping in it Named."""
    if isinstance(value, dict):
        return Named(path, value)
    if isinstance(value, list):
        return [named(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return value


def find_template(name_or_path: str, folder: Path) -> Path:
    """Find the template `name_or_path` in `folder`, or as a path if it has a slash; RenderError if there is none."""
    template = Path(name_or_path) if "/" in name_or_path else folder / f"{name_or_path}{SUFFIX}"
    if os.path.isfile(template):  # unlike Path.is_file, also false for an impossible name
        return template.resolve()
    known = ", ".join(sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"[!_]*{SUFFIX}")))
    fix = f"use one of: {known}, or a path with a slash, e.g. ./mine{SUFFIX}"
    raise RenderError(NO_TEMPLATE, f"template {name_or_path} not found", fix=fix)
