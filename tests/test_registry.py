"""Plugins are found in three places, listed without being imported, and fail one by one."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field

from benchmark.errors import PluginError, UsageError
from benchmark.plugins import Method, Plugin, PluginOptions, Report
from benchmark.registry import KINDS, Registry, add_plugin_files, registry

METHOD = '''
"""A method for the tests."""
from typing import ClassVar, Literal
from pydantic import Field
from benchmark.plugins import Method, PluginOptions


class WarmOptions(PluginOptions):
    temperature: float = Field(0.2, gt=0, description="Of the softmax.")
    mode: Literal["cosine", "linear"] = Field("cosine", description="Schedule.")
    size: Literal[8, 16] = Field(8, description="Side.")
    widths: tuple[int, ...] = Field((32, 64), description="One a level.")
    queue: int | None = Field(128, description="Length of the queue.")
    name: str = "not the name of a plugin"


class {cls}(Method):
    """{name} does nothing at all.

    More of it.
    """

    name = "{name}"
    title = "{name}"
    family = "other"
    citation = "nobody, nowhere"
    Options = WarmOptions

    def pretrain(self, backbone, images, trainer):
        pass
'''

MakeRegistry = Callable[..., Registry[Method]]


def method_source(name: str, cls: str = "Warm") -> str:
    return METHOD.format(name=name, cls=cls)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRegistry:
    """A registry of methods over a folder with the given files, cut off from installed packages."""
    monkeypatch.setattr("benchmark.registry.find_entry_points", lambda kind: [])
    package = f"package_of_{tmp_path.name}".replace("-", "_")

    def build(**sources: str) -> Registry[Method]:
        folder = tmp_path / package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        for stem, source in sources.items():
            (folder / f"{stem}.py").write_text(source)
        return Registry("method", folder=folder, package=package)

    monkeypatch.syspath_prepend(tmp_path)
    return build


def test_listing_the_built_in_plugins_imports_neither_them_nor_anything_heavy(
    repository: Path,
) -> None:
    code = """
import sys
from benchmark.registry import KINDS, registry
for kind in KINDS:
    registry(kind).entries()
heavy = {"torch", "pandas", "scipy", "PIL", "matplotlib"}
plugins = ("benchmark.methods.", "benchmark.datasets.", "benchmark.reports.")
print([name for name in sys.modules if name in heavy or name.startswith(plugins)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_entry_tells_name_origin_and_summary_without_an_import(make: MakeRegistry) -> None:
    plugins = make(warm=method_source("warm") + "\nraise RuntimeError('imported')\n")
    (entry,) = plugins.entries()
    assert (entry.name, entry.qualname, entry.error) == ("warm", "Warm", None)
    assert entry.summary == "warm does nothing at all."
    assert entry.origin.endswith("/warm.py")


def test_support_modules_options_and_private_files_are_no_plugins(make: MakeRegistry) -> None:
    plugins = make(
        warm=method_source("warm"),
        support='"""No class."""\nname = "support"\nclass Plain:\n    name = "plain"\n',
        _private=method_source("private"),
    )
    assert plugins.names() == ["warm"]


def test_a_package_holds_the_plugins_of_its_modules(make: MakeRegistry, tmp_path: Path) -> None:
    plugins = make(one=method_source("one"))
    package = next(tmp_path.glob("package_of_*")) / "family"
    package.mkdir()
    (package / "__init__.py").write_text(method_source("father"))
    (package / "child.py").write_text(method_source("child"))
    (package / "_hidden.py").write_text(method_source("hidden"))
    assert plugins.names() == ["child", "father", "one"]
    assert plugins.load("child").__module__.endswith(".family.child")
    assert plugins.load("father").__module__.endswith(".family")


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("class Broken(Method:\n", "broken", "cannot be read: SyntaxError"),
        (method_source("cold") + "import a_library_that_is_not_there\n", "cold", "is_not_there"),
        (method_source("cold") + "import sys; sys.exit('no GPU')\n", "cold", "SystemExit: no GPU"),
        (method_source("cold").replace("(Method)", "(Cold, Method)"), "cold", "NameError"),
        (method_source("cold").replace('citation = "', '_ = "'), "cold", "does not set 'citation'"),
        (method_source("cold").replace('"other"', '"odd"'), "cold", "sets 'family' to 'odd'"),
        (method_source("cold").replace("def pretrain", "def train"), "cold", "not define pretrain"),
        (method_source("cold").replace("nobody, nowhere", ""), "cold", "leaves 'citation' empty"),
        ('class Cold(dict):\n    name = "cold"\n', "cold", "does not derive from"),
    ],
)
def test_a_broken_plugin_keeps_its_place_with_its_error_and_breaks_no_other(
    make: MakeRegistry, source: str, name: str, words: str
) -> None:
    plugins = make(broken=source, warm=method_source("warm"))
    assert sorted(plugins.names()) == sorted([name, "warm"])
    assert set(plugins.load_all()) == {"warm"}
    (problem,) = plugins.problems()
    assert problem.name == name
    assert words in (problem.error or "")
    assert "\n" not in (problem.error or "")
    assert problem.traceback
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            plugins.load(name)
        assert name in str(caught.value)
        assert words in str(caught.value)
        assert "broken.py" in str(caught.value)
    assert [spec.name for spec in plugins.resolve("all")] == ["warm"]
    with pytest.raises(PluginError):
        plugins.resolve(name)


@pytest.mark.parametrize(("wrong", "meant"), [("simlcr", "simclr"), ("SimCLR", "simclr")])
def test_an_unknown_name_gets_a_suggestion_and_the_list(
    make: MakeRegistry, wrong: str, meant: str
) -> None:
    plugins = make(a=method_source("simclr"), b=method_source("ddpm"))
    with pytest.raises(UsageError, match=f"did you mean '{meant}'.*ddpm, simclr"):
        plugins.resolve(wrong)


def test_two_plugins_of_one_name_are_an_error_that_names_both(
    make: MakeRegistry, tmp_path: Path
) -> None:
    plugins = make(warm=method_source("warm"))
    other = tmp_path / "mine.py"
    other.write_text(method_source("warm"))
    plugins.add_file(other)
    for ask in (plugins.entries, lambda: plugins.resolve("warm")):
        with pytest.raises(PluginError) as caught:
            ask()
        assert "warm.py" in str(caught.value)
        assert str(other) in str(caught.value)


def test_a_file_may_hold_plugins_of_several_kinds(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    report = 'class Poem(Report):\n    name = "poem"\n    filename = "poem.txt"\n'
    report += "    def render(self, store, environment_ids=None):\n        return ''\n"
    file.write_text(method_source("mine") + "from benchmark.plugins import Report\n" + report)
    methods, reports = Registry[Method]("method"), Registry[Report]("report")
    for add in (methods.add_file, reports.add_file):
        add(file)
        add(str(file))
    assert "mine" in methods.names()
    assert "poem" not in methods.names()
    assert reports.load("poem").filename == "poem.txt"


def test_a_file_is_imported_once_under_a_name_that_other_processes_find_too(
    tmp_path: Path, repository: Path
) -> None:
    file = tmp_path / "my-method.py"
    file.write_text(method_source("mine"))
    first, second = Registry[Method]("method"), Registry[Method]("method")
    first.add_file(file)
    second.add_file(file)
    assert first.load("mine") is second.load("mine")
    code = (
        "import pickle, sys\nfrom benchmark.registry import registry\n"
        f"plugins = registry('method'); plugins.add_file({str(file)!r}); plugins.load('mine')\n"
        "print(pickle.loads(sys.stdin.buffer.read()).temperature)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        input=pickle.dumps(first.options("mine[temperature=0.7]")),
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"0.7"


def test_a_class_whose_kind_only_an_import_can_tell_is_found_under_its_kind_alone(
    tmp_path: Path,
) -> None:
    file = tmp_path / "derived.py"
    alias = "Ancestor = Method\n"
    file.write_text(method_source("derived").replace("(Method)", "(Ancestor)"))
    file.write_text(file.read_text().replace("\n\nclass Warm(", f"\n\n{alias}\nclass Warm("))
    for kind in KINDS:
        plugins: Registry[Plugin] = Registry(kind)
        plugins.add_file(file)
        assert ("derived" in plugins.names()) is (kind == "method")


def test_a_plugin_derived_from_a_built_in_one_is_recognised_without_an_import(
    tmp_path: Path,
) -> None:
    file = tmp_path / "derived.py"
    file.write_text(
        "from benchmark.methods.simclr import SimCLR\nimport nothing_of_this_name\n"
        'class Derived(SimCLR):\n    """Like its parent."""\n    name = "derived"\n'
    )
    found = {}
    for kind in KINDS:
        plugins: Registry[Plugin] = Registry(kind)
        plugins.add_file(file)
        found[kind] = [entry.error for entry in plugins.entries() if entry.name == "derived"]
    assert found == {"method": [None], "dataset": [], "report": []}


@pytest.mark.parametrize("name", ["missing.py", "notes.txt"])
def test_a_plugin_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=name):
        registry("method").add_file(tmp_path / name)


def test_a_plugin_file_without_a_plugin_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = {kind: Registry[Plugin](kind) for kind in KINDS}
    monkeypatch.setattr("benchmark.registry._shared", shared.__getitem__)
    file = tmp_path / "mine.py"
    file.write_text("class Mine:\n    pass\n")
    with pytest.raises(UsageError, match="mine.py holds no plugin"):
        add_plugin_files([file])
    file.write_text(method_source("mine"))
    add_plugin_files([file])
    assert "mine" in shared["method"].names()


def test_entry_points_of_installed_packages_are_found_and_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_package.py").write_text(method_source("theirs", "Theirs"))
    info = tmp_path / "their_package-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[benchmark.methods]\ntheirs = their_package:Theirs\n"
        "other-name = their_package:Theirs\ngone = their_package:Gone\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugins = Registry[Method]("method", folder=tmp_path / "nothing", package="nothing")
    entries = {entry.name: entry for entry in plugins.entries()}
    assert entries["theirs"].origin == "their-package 1.2 (entry point their_package:Theirs)"
    assert entries["theirs"].summary == "theirs does nothing at all."
    assert "their_package" not in sys.modules
    assert plugins.load("theirs").name == "theirs"
    assert {entry.name for entry in plugins.problems()} == {"other-name", "gone"}


def test_a_list_keeps_its_order_drops_duplicates_and_knows_wildcards(make: MakeRegistry) -> None:
    plugins = make(**{name: method_source(name) for name in ("ddpm", "simclr", "simsiam", "moco")})
    assert list(map(str, plugins.resolve("moco, sim*,moco,ddpm"))) == [
        "moco",
        "simclr",
        "simsiam",
        "ddpm",
    ]
    assert [spec.name for spec in plugins.resolve("all")] == ["ddpm", "moco", "simclr", "simsiam"]
    specs = plugins.resolve(["moco[widths=[8,16],temperature=0.5],ddpm", "moco"])
    assert list(map(str, specs)) == ["moco[widths=[8,16],temperature=0.5]", "ddpm", "moco"]
    with pytest.raises(UsageError, match="no method matches 'x\\*'"):
        plugins.resolve("x*")
    with pytest.raises(UsageError, match="at least one method"):
        plugins.resolve(" , ")


def test_a_wildcard_leaves_out_what_must_be_given_an_option(make: MakeRegistry) -> None:
    needing = method_source("weights").replace("size: L", "file: str\n    size: L")
    plugins = make(weights=needing, warm=method_source("warm"), cold=method_source("cold"))
    for pattern in ("all", "w*"):
        assert "weights" not in {spec.name for spec in plugins.resolve(pattern)}
        (note,) = plugins.left_out(pattern)
        assert note.startswith(f"weights: left out of '{pattern}', because it needs file=...; add")
    given = {"weights": {"file": "a"}}
    assert {"weights", "warm"} == {spec.name for spec in plugins.resolve("w*", given)}
    assert plugins.left_out("w*", given) == []
    assert list(map(str, plugins.resolve("weig*[file=a]"))) == ["weights[file=a]"]
    assert plugins.left_out("weights,warm,weig*[file=a]") == []
    needs = r"method 'weights' needs file: write weights\[file=\.\.\.\]"
    for ask in (lambda: plugins.resolve("weig*"), lambda: plugins.options("weights")):
        with pytest.raises(UsageError, match=needs):
            ask()


def test_options_are_converted_to_the_types_of_their_fields(make: MakeRegistry) -> None:
    plugins = make(warm=method_source("warm"))
    text = "warm[temperature=1e-1, mode=linear,size=16,widths=[8,16,32],queue=none]"
    options = plugins.create(text).options.model_dump()
    del options["name"]
    assert options == {
        "temperature": 0.1,
        "mode": "linear",
        "size": 16,
        "widths": (8, 16, 32),
        "queue": None,
    }


def test_a_quoted_value_may_hold_commas_and_brackets(make: MakeRegistry) -> None:
    plugins = make(warm=method_source("warm"), cold=method_source("cold"))
    specs = plugins.resolve("warm[name='a, b] and c'],cold[name=don't]")
    names = [plugins.options(spec).model_dump()["name"] for spec in specs]
    assert names == ["a, b] and c", "don't"]


def test_the_users_options_lie_over_those_of_the_preset(make: MakeRegistry) -> None:
    plugins = make(warm=method_source("warm"))
    options = plugins.options("warm[queue=7]", defaults={"queue": 5, "temperature": 0.9})
    assert options.model_dump(include={"queue", "temperature"}) == {"queue": 7, "temperature": 0.9}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("warm[temprature=1]", ["'temprature'", "did you mean 'temperature'", "mode"]),
        ("warm[temperature=hot]", ["temperature=hot", "must be a valid number"]),
        ("warm[temperature=0]", ["temperature=0", "must be greater than 0"]),
        ("warm[mode=cosin]", ["mode=cosin", "'cosine' or 'linear'", "did you mean 'cosine'"]),
        ("warm[temperature]", ["option=value"]),
        ("warm[temperature=1", ["bracket"]),
        ("warm[temperature=1]]", ["bracket"]),
        ("warm[mode='linear]", ["quote"]),
        ("warm[temperature=1]x", ["name[option=value"]),
        ("warm[queue=1,queue=2]", ["'queue' twice"]),
        ("[queue=1]", ["name[option=value"]),
    ],
)
def test_a_wrong_option_gets_one_sentence_that_says_what_is_allowed(
    make: MakeRegistry, spec: str, words: list[str]
) -> None:
    plugins = make(warm=method_source("warm"))
    with pytest.raises(UsageError) as caught:
        plugins.create(plugins.resolve(spec)[0])
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_plugin_without_options_says_so() -> None:
    from benchmark.plugin_specs import validate_options

    with pytest.raises(UsageError, match="takes no options"):
        validate_options(PluginOptions, {"depth": "3"}, "method 'plain'")


def test_options_that_do_not_fit_each_other_are_told_in_the_plugins_words() -> None:
    from pydantic import model_validator

    from benchmark.plugin_specs import validate_options

    class Pair(PluginOptions):
        low: int = Field(1, description="Lower end.")
        high: int = Field(2, description="Upper end.")

        @model_validator(mode="after")
        def ordered(self) -> "Pair":
            if self.low >= self.high:
                raise ValueError("low must be below high")
            return self

    with pytest.raises(UsageError, match="method 'pair': low must be below high"):
        validate_options(Pair, {"low": "3"}, "method 'pair'")


def test_every_built_in_plugin_keeps_its_contract_and_describes_its_options() -> None:
    for kind in KINDS:
        plugins: Registry[Plugin] = Registry(kind)
        assert not [f"{entry.name} {entry.error}" for entry in plugins.problems()]
        for entry in plugins.entries():
            assert entry.summary, f"{entry.origin} has no docstring"
            for option, field in plugins.load(entry.name).Options.model_fields.items():
                assert field.description, f"{entry.origin}: option {option} has no description"
