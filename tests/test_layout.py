"""The shape of the repository: one-way imports, one namespace, small files with plain names."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGIN_FOLDERS = ("methods", "datasets", "reports")
SOURCE_FOLDERS = ("benchmark", *PLUGIN_FOLDERS)
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "tools", "stuff"}
REPOSITORY = Path(__file__).resolve().parent.parent


def modules(*folders: str) -> list[Path]:
    """The Python files that really lie in the folders; what they link to is not followed."""
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    return [path for path in sorted(found) if path.resolve() == path]


def imported_names(path: Path) -> Iterator[str]:
    """Every dotted name that a module imports anywhere, by statement or by import_module()."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            yield from (
                argument.value
                for argument in node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            )


def test_the_walk_sees_the_core_and_follows_no_link() -> None:
    core = {path.relative_to(REPOSITORY).as_posix() for path in modules("benchmark")}
    assert "benchmark/registry.py" in core
    assert not [name for name in core if name.split("/")[1] in PLUGIN_FOLDERS]


@pytest.mark.parametrize("path", modules("benchmark"), ids=lambda path: path.stem)
def test_the_core_names_no_plugin_folder_in_an_import(path: Path) -> None:
    forbidden = tuple(f"benchmark.{folder}" for folder in PLUGIN_FOLDERS)
    assert not [name for name in imported_names(path) if name.startswith(forbidden)]


@pytest.mark.parametrize(
    "path", modules(*SOURCE_FOLDERS, "tests", "benchmarks"), ids=lambda path: path.stem
)
def test_nothing_imports_a_plugin_folder_past_the_one_namespace(path: Path) -> None:
    assert not [name for name in imported_names(path) if name.split(".")[0] in PLUGIN_FOLDERS]


def test_loading_every_plugin_makes_no_second_copy_of_a_module_and_stays_light() -> None:
    code = f"""
import sys
from pathlib import Path
from benchmark.registry import KINDS, Registry
for kind in KINDS:
    plugins = Registry(kind)
    plugins.load_all()
    problems = [(entry.name, entry.error) for entry in plugins.problems()]
    assert not problems, problems
assert not set({PLUGIN_FOLDERS}) & set(sys.modules)
files = [str(getattr(module, "__file__", None)) for module in list(sys.modules.values())]
ours = [Path(file).resolve() for file in files if file.startswith({str(REPOSITORY)!r})]
assert len(ours) > 10
assert len(set(ours)) == len(ours), ours
heavy = ("torch", "torchvision", "scipy", "pandas", "matplotlib", "seaborn", "diffusers", "timm",
         "lightly", "PIL")
loaded = [name for name in heavy if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", PLUGIN_FOLDERS)
def test_the_plugin_folders_are_reached_through_relative_links(folder: str) -> None:
    link = REPOSITORY / "benchmark" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("..") / folder


@pytest.mark.parametrize(
    "path", modules(*SOURCE_FOLDERS), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
class TestEverySourceFile:
    def test_opens_with_a_docstring_of_one_sentence(self, path: Path) -> None:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text, "no docstring"
        assert text.partition("\n\n")[0].rstrip().endswith((".", "?")), "no full sentence"

    def test_has_at_most_300_lines(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= 300

    def test_has_a_name_that_says_what_is_in_it(self, path: Path) -> None:
        assert not {path.stem.strip("_"), path.parent.name} & SAYS_NOTHING
