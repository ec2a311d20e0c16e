"""The command ``new``: writes a plugin that runs as it is, and a test beside it."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path
from string import Template

from rich.console import Console

from benchmark.errors import UsageError
from benchmark.registry import KINDS, registry

TEMPLATES = Path(__file__).parent / "templates"
LONGEST = 30


def begin(kind: str, name: str, folder: Path, console: Console) -> None:
    """Write the files and say what to do next.

    Args:
        kind: What to begin; only ``method`` so far.
        name: The name on the command line.
        folder: Where to write; made where it is missing.
        console: Where to print.

    Raises:
        UsageError: The kind or the name will not do, or a file is there already.
    """
    if kind != "method":
        raise UsageError(f"`new {kind}` is not known: write `new method NAME`")
    ensure_usable(name)
    method, test = write_method(name, folder)
    for path in (method, test):
        console.print(f"written: {path}", markup=False, soft_wrap=True)
    steps = [
        ("1. edit what is marked CHANGE in", f"{method}"),
        ("2. see whether it keeps its promises", f"python -m benchmark check {method}"),
        (
            "3. compare it",
            f"python -m benchmark run --plugin {method} --methods {name},simclr --shots 10",
        ),
        ("4. keep its promises tested", f"python -m pytest {test}"),
    ]
    for what, how in steps:
        console.print(f"{what}:\n   {how}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        "5. share it: move the files into methods/ and tests/methods/ and take plugin_file out of "
        f"the test, or publish a package with an entry point {name} in the group "
        "benchmark.methods",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def ensure_usable(name: str) -> None:
    """Check a name for a new method.

    Raises:
        UsageError: It is malformed, taken, or would hide a Python module.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST:
        raise UsageError(
            f"{name!r} will not do as a name: take at most {LONGEST} lower-case letters, digits "
            "and single hyphens, a letter first, such as my-method"
        )
    for kind in KINDS:
        if name in registry(kind).names():
            raise UsageError(f"there is a {kind} {name!r} already: take another name")
    module = module_name(name)
    if keyword.iskeyword(module) or _is_installed(module):
        raise UsageError(f"{module}.py would hide the Python module {module!r}: take another name")


def _is_installed(module: str) -> bool:
    """Whether Python would import something of that name that does not lie in this folder."""
    if module in sys.stdlib_module_names:
        return True
    spec = importlib.util.find_spec(module)
    return spec is not None and (not spec.origin or Path(spec.origin).parent != Path.cwd())


def module_name(name: str) -> str:
    """The name of the file, without its ending."""
    return name.replace("-", "_")


def write_method(name: str, folder: Path) -> tuple[Path, Path]:
    """Fill in the templates.

    Args:
        name: A name that :func:`ensure_usable` lets pass.
        folder: Where to write.

    Returns:
        The method and its test.

    Raises:
        UsageError: One of the two is there already, or the folder cannot be written.
    """
    module = module_name(name)
    words = name.split("-")
    values = {
        "name": name,
        "module": module,
        "class_name": "".join(word.capitalize() for word in words),
        "title": " ".join([words[0].capitalize(), *words[1:]]),
    }
    targets = {
        folder / f"{module}.py": "method.py.template",
        folder / f"test_{module}.py": "test_method.py.template",
    }
    for path in targets:
        if path.exists():
            raise UsageError(f"{path} is there already: take another name or another --folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in targets.items():
            text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise UsageError(
            f"cannot write into {folder} ({error.strerror}): name another --folder"
        ) from error
    method, test = targets
    return method, test
