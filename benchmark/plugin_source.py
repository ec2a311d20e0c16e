"""Reads from a module's source, without importing it, which plugins it defines."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["method", "dataset", "report"]
KINDS: tuple[Kind, ...] = ("method", "dataset", "report")

# A class is of the kind that the last word of its base's name says: Method, LandmarkDataset,
# Report, and whatever a third party derives from them and calls so.
_KIND_BY_ENDING: dict[str, Kind] = {"Method": "method", "Dataset": "dataset", "Report": "report"}
# Classes with these bases can have a literal ``name`` without being plugins.
_NOT_A_PLUGIN = re.compile(
    r"(Options|Model|Config|Settings|Enum|Flag|Tuple|Dict|Protocol|Error|Exception|Warning)$"
)
# A module that has neither a class with a base nor an indented name that is set holds no plugin.
# Support code is not parsed for that reason; where `class` is misspelt, the name still tells.
_SIGN_OF_PLUGIN = re.compile(rb"(?:\A|[\r\n])(?:class\b[^\r\n]*[(\[\\]|[ \t]+name\b[^=\r\n]*=)")


@dataclass(frozen=True)
class DefinedClass:
    """A top-level class with a literal ``name``: a plugin, or what may be one.

    Attributes:
        name: The literal.
        qualname: The name of the class.
        summary: The first line of its docstring.
        kind: What its bases say, or None where only an import can tell.
    """

    name: str
    qualname: str
    summary: str
    kind: Kind | None


def read_module(path: Path) -> list[DefinedClass]:
    """The plugins that a module defines, in the order of the file.

    Args:
        path: The source file; it is parsed and not run, support code not even parsed.

    Raises:
        SyntaxError: It is not Python.
        OSError: It cannot be read.
    """
    source = path.read_bytes()
    if not _SIGN_OF_PLUGIN.search(source):
        return []
    with warnings.catch_warnings():
        # An odd escape in somebody's string is not a matter for the one who lists the names.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source, filename=str(path))
        except ValueError as error:  # null bytes, until Python 3.12
            raise SyntaxError(str(error)) from error
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    imported = _imported_modules(tree)
    found = []
    for node in classes.values():
        name = _literal_name(node)
        kind = _kind(node, classes, imported)
        if name is None or (kind is None and _is_no_plugin(node, classes)):
            continue
        summary = (ast.get_docstring(node) or "").partition("\n")[0].strip()
        found.append(DefinedClass(name, node.name, summary, kind))
    return found


def kinds_in_broken_source(path: Path) -> tuple[Kind, ...]:
    """The kinds that the class lines of an unparsable file speak of; all kinds if none does."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return KINDS
    bases = ",".join(re.findall(r"^class\s+\w+\s*\(([^)]*)\)", text, flags=re.MULTILINE))
    spoken_of = {_kind_of_name(base.strip()) for base in bases.split(",")}
    return tuple(kind for kind in KINDS if kind in spoken_of) or KINDS


def _literal_name(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        value: ast.expr | None
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign):
            targets, value = [statement.target], statement.value
        else:
            continue
        named = any(isinstance(target, ast.Name) and target.id == "name" for target in targets)
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _base_names(node: ast.ClassDef) -> list[str]:
    """Dotted names of the bases; the parameters of a generic base are dropped."""
    bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return [ast.unparse(base) for base in bases]


def _parents(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[ast.ClassDef]:
    """The bases that stand above the class in the same module."""
    above = [classes[base] for base in _base_names(node) if base in classes]
    return [parent for parent in above if parent.lineno < node.lineno]


def _is_no_plugin(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether the class has no base, or one that says that it is something else."""
    bases = _base_names(node)
    return (
        not bases
        or any(_NOT_A_PLUGIN.search(base) for base in bases)
        or any(_is_no_plugin(parent, classes) for parent in _parents(node, classes))
    )


def _kind_of_name(dotted: str) -> Kind | None:
    last = dotted.rpartition(".")[2]
    return next((kind for end, kind in _KIND_BY_ENDING.items() if last.endswith(end)), None)


def _kind(
    node: ast.ClassDef, classes: dict[str, ast.ClassDef], imported: dict[str, str]
) -> Kind | None:
    kinds = [_kind(parent, classes, imported) for parent in _parents(node, classes)]
    for base in _base_names(node):
        kinds.append(_kind_of_name(base))
        # A plugin that derives from another: ``from benchmark.methods.simclr import SimCLR``.
        first, _, rest = base.partition(".")
        kinds.append(_kind_of_module(f"{imported.get(first, '')}.{rest}"))
    return next((kind for kind in kinds if kind is not None), None)


def _kind_of_module(module: str) -> Kind | None:
    return next((kind for kind in KINDS if module.startswith(f"benchmark.{kind}s.")), None)


def _imported_modules(tree: ast.Module) -> dict[str, str]:
    """The full dotted path behind every name that the module imports at its top level."""
    paths: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            paths.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
        elif isinstance(node, ast.Import):
            paths.update({a.asname: a.name for a in node.names if a.asname})
            paths.update(
                {(top := a.name.partition(".")[0]): top for a in node.names if not a.asname}
            )
    return paths
