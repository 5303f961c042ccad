"""Finds the Python files below a directory that import a package, directly or through each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path


def files_that_import(package: str, directory: Path) -> set[Path]:
    """Return the files that import the package, without the files of the package itself.

    :param package: its name, with dots, as files import it
    :param directory: a directory on the import path of Python
    """
    imports = {path: _imports(path, directory, package) for path in directory.rglob("*.py") if path.is_file()}
    modules = {_module(path, directory): path for path in imports}
    found = {path for path, names in imports.items() if any(f"{name}.".startswith(f"{package}.") for name in names)}
    size = -1
    while size < len(found):
        size = len(found)
        found |= {path for path, names in imports.items() if any(modules.get(name) in found for name in names)}
    return {path for path in found if not f"{_module(path, directory)}.".startswith(f"{package}.")}


def _module(path: Path, directory: Path) -> str:
    return ".".join(path.relative_to(directory).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, directory: Path, package: str) -> set[str]:
    """Return the modules that a file may import: for `from a import b` both a and a.b.

    A file that is not valid Python counts as importing the package if it contains its name.
    """
    source = path.read_bytes()
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {package} if re.search(rb"\b%s\b" % re.escape(package.encode()), source) else set()
    parts = _module(path, directory).split(".") + [""] * (path.name == "__init__.py")
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = parts[: -node.level] if node.level else []
            module = ".".join([*start, *filter(None, [node.module])])
            names |= {module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)}
    return names
