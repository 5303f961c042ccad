"""Finds from its source which values a template reads: directly, in included files, and in the macros that it calls."""

from __future__ import annotations

from jinja2 import Environment, TemplateError, nodes


def values_read(environment: Environment, template: str) -> set[str] | None:
    """Return the names, None if they cannot be determined: the template iterates over values or computes a name."""
    reader = _Reader(environment)
    try:
        reader.read(template)
    except (
        TemplateError,
        RecursionError,
        UnicodeError,
        _UnknownError,
    ):  # rendering reports an error of the template
        return None
    return reader.names


class _UnknownError(Exception):
    """The template may read any value."""


class _Reader:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._files: dict[str, nodes.Template] = {}
        self._macros: dict[str, list[nodes.Macro]] = {}
        self._modules: set[str] = set()  # names of imported modules
        self._mentioned: set[str] = set()
        self.names: set[str] = set()

    def read(self, template: str) -> None:
        """Read a template and the files that it includes, then recursively the macros that they mention."""
        self._take(template)
        for tree in self._files.values():
            self._visit(tree)
        while called := self._mentioned & self._macros.keys():
            for name in called:
                for macro in self._macros.pop(name):
                    for child in macro.iter_child_nodes():
                        self._visit(child)

    def _take(self, name: str) -> None:
        if name in self._files:
            return
        if self._environment.loader is None:
            raise _UnknownError
        tree = self._environment.parse(self._environment.loader.get_source(self._environment, name)[0], name)
        self._files[name] = tree
        for macro in tree.find_all(nodes.Macro):
            self._macros.setdefault(macro.name, []).append(macro)
        self._modules |= {module.target for module in tree.find_all(nodes.Import)}
        for other in tree.find_all((nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends)):
            if not isinstance(other.template, nodes.Const):  # type: ignore[attr-defined] # all four have it
                raise _UnknownError
            self._take(other.template.value)  # type: ignore[attr-defined] # all four have it

    def _visit(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Macro):
            return
        if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_values(node.node):
            key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
            if not isinstance(key, str):
                raise _UnknownError
            self.names.add(key)
            return
        if isinstance(node, nodes.Getattr):
            self._mentioned.add(node.attr)
            if isinstance(node.node, nodes.Name) and node.node.name in self._modules:
                return
        elif isinstance(node, nodes.Name):
            if _is_values(node) or (node.name in self._modules and node.ctx == "load"):
                raise _UnknownError
            self._mentioned.add(node.name)
        elif isinstance(node, nodes.FromImport):
            self._mentioned |= {name if isinstance(name, str) else name[0] for name in node.names}
        for child in node.iter_child_nodes():
            self._visit(child)


def _is_values(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "values" and node.ctx == "load"
