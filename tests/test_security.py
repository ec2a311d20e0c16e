"""Nothing that a file or another machine says is run, and no name leads out of its folder."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmark.engines.options import Resources, SlurmOptions
from benchmark.errors import StoreError
from benchmark.images import MAX_PIXELS
from benchmark.parcels import ensure_harmless, pack, unpack
from benchmark.registry import registry
from benchmark.reports.inline import SCRIPTS
from benchmark.schema import CellRecord, DatasetRecord, EnvironmentRecord, Preview
from benchmark.snapshot import Snapshot
from benchmark.store import Store
from tests.reports.store_builder import build_store
from tests.reports.synthetic_data import DATASETS

SOURCES = ("benchmark", "methods", "datasets", "reports")
# Modules that can run what a file says, or shells, or that reach for the network.
MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "jsonpickle",
    "urllib", "requests", "http", "httpx", "ftplib", "telnetlib", "code", "pty",
}  # fmt: skip
NAMES = {"eval", "exec", "compile", "__import__"}
CALLS = {"os.system", "os.popen", "tempfile.mktemp", "subprocess.getoutput"}
METHODS = {"extractall", "unsafe_load", "load_state_dict_from_url", "read_pickle", "to_pickle"}
# Where one of them stands for a reason.
ALLOWED = {
    ("methods/_weight_files.py", "pickle"): "only for the name of an error of torch.load",
    ("benchmark/testing/conformance.py", "pickle"): "a value is pickled and read again at once",
}


def dangers(source: str) -> Iterator[str]:
    """What in a module could run foreign code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from _dangerous_call(node)


def _dangerous_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    if (isinstance(node.func, ast.Name) and name in NAMES) or name in CALLS:
        yield name
    if name.rpartition(".")[2] in METHODS:
        yield name
    if any(k.arg == "shell" for k in node.keywords) and given.get("shell") is not False:
        yield "shell"
    if name == "torch.load" and given.get("weights_only") is not True:
        yield "torch.load"
    if any(k.arg == "allow_pickle" for k in node.keywords) and given["allow_pickle"] is not False:
        yield "allow_pickle"


def modules() -> list[str]:
    """All modules that are shipped, by their path in the repository."""
    root = Path(__file__).resolve().parent.parent
    files = [path for folder in SOURCES for path in (root / folder).rglob("*.py")]
    return [p.relative_to(root).as_posix() for p in sorted(files) if p.resolve() == p]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import safe_load",
        "import urllib.request",
        "eval(text)",
        "exec(text)",
        "__import__(name)",
        "import os\nos.system(name)",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "subprocess.run(text, shell=wanted)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=wanted)",
        "np.load(path, allow_pickle=True)",
        "archive.extractall(folder)",
        "pd.read_pickle(path)",
    ],
)
def test_the_search_below_finds_what_it_is_for(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize("name", modules())
def test_no_module_unpickles_evaluates_or_starts_a_shell(name: str, repository: Path) -> None:
    found = set(dangers((repository / name).read_text(encoding="utf-8")))
    assert not {danger for danger in found if (name, danger) not in ALLOWED}


def test_every_exception_to_the_search_is_still_needed(repository: Path) -> None:
    for name, danger in ALLOWED:
        assert danger in set(dangers((repository / name).read_text(encoding="utf-8")))


def parcel(*entries: tuple[str, bytes, int]) -> bytes:
    """An archive with entries of any name and mode."""
    block = io.BytesIO()
    with zipfile.ZipFile(block, "w") as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return block.getvalue()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../outside.json", 0o100644),
        ("cells/../../outside.json", 0o100644),
        ("/etc/outside.json", 0o100644),
        ("C:/outside.json", 0o100644),
        ("cells\\..\\..\\outside.json", 0o100644),
        ("cells/link", 0o120777),
        ("cells/pipe", 0o010644),
        ("cells/folder/", 0o040755),
        ("cells/bell\a", 0o100644),
    ],
)
def test_a_parcel_with_a_harmful_entry_is_refused_and_nothing_is_written(
    name: str, mode: int, tmp_path: Path
) -> None:
    content = b"/etc/passwd"
    with pytest.raises(StoreError, match="refused"):
        unpack(parcel(("cells/a.json", b"{}", 0o100644), (name, content, mode)), tmp_path / "in")
    assert list(tmp_path.rglob("*")) == []


def test_a_parcel_that_says_it_holds_more_than_can_be_is_refused() -> None:
    huge = zipfile.ZipInfo("cells/a.bin")
    huge.file_size = 1001
    with pytest.raises(StoreError, match="more than 1000 bytes"):
        ensure_harmless([huge], most_bytes=1000)
    many = [zipfile.ZipInfo(f"cells/{number}") for number in range(11)]
    with pytest.raises(StoreError, match="or 10 files"):
        ensure_harmless(many, most_files=10)


def test_a_damaged_parcel_is_refused(tmp_path: Path) -> None:
    whole = parcel(("cells/a.json", b"{}" * 1000, 0o100644))
    with pytest.raises(StoreError, match="damaged"):
        unpack(whole[:-40], tmp_path)
    with pytest.raises(StoreError, match="damaged"):
        unpack(whole.replace(b"{}{}", b"{}[]", 1), tmp_path)


def test_what_is_packed_comes_out_again_without_hidden_files_and_links(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("cells/a/cell.json", "cells/a/previews/0.png", "cells/.b.1/cell.json"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode())
    (source / "cells" / "a" / "link").symlink_to("/etc/passwd")
    unpack(pack(source, ("cells", "machines")), target)
    found = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*.*")}
    assert found == {n: n.encode() for n in ("cells/a/cell.json", "cells/a/previews/0.png")}


@pytest.mark.parametrize("key", ["../../x", "a/b", "a\\b", "", ".", "a\n", "<script>"])
def test_no_key_of_a_record_leads_out_of_the_store(key: str) -> None:
    with pytest.raises(ValidationError):
        CellRecord.model_validate({"key": key, "status": "done", "spec": {}, "labels": LABELS})
    with pytest.raises(ValidationError):
        EnvironmentRecord.model_validate(ENVIRONMENT | {"id": key})
    with pytest.raises(ValidationError):
        DatasetRecord.model_validate(DATASET | {"key": key})
    with pytest.raises(ValidationError):
        DatasetRecord.model_validate(DATASET | {"files": {key or "a/b": "0"}})


@pytest.mark.parametrize("file", ["../../secret.png", "/etc/secret.png", "previews/../a.png", "a"])
def test_a_preview_outside_of_its_folder_is_refused_and_said(file: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Preview(file=file, width=1, height=1)
    store = Store(tmp_path)
    path = tmp_path / "datasets" / "key" / "previews.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"image": {"file": file, "width": 1, "height": 1}}))
    assert store.previews("key") == {}
    assert str(path) in store.problems[-1]


@pytest.mark.parametrize("value", ["gpu\n#SBATCH --wrap=id", "a b", "$(id)", "`id`", "a;b", "'a"])
def test_no_setting_of_slurm_ends_its_line_in_the_batch_script(value: str) -> None:
    for name in ("partition", "account", "qos", "constraint", "gres"):
        with pytest.raises(ValidationError):
            SlurmOptions.model_validate({name: value})
    assert SlurmOptions(gres="gpu:a100:1", constraint="a100&ib").gres == "gpu:a100:1"
    assert Resources(gpus=0.5).gpus == 0.5


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
LABELS = {"dataset": "d", "method": "m", "title": "M", "backbone": "unet", "shots": 1, "seed": 0}
ENVIRONMENT = {"id": "a", "python": "3", "platform": "p", "cpu": "c", "cores": 1, "threads": 1}
DATASET = {
    "key": "a", "name": "d", "title": "D", "synthetic": False, "unit": "mm", "thresholds": [2],
    "landmark_names": ["one"], "counts": {}, "working_size": [64, 64], "fingerprint": "f",
}  # fmt: skip


# Places of the page itself, and publications.
OWN = ("#", "data:image/", "https://doi.org/", "https://arxiv.org/")


class Page(HTMLParser):
    """Elements of a page that run something, or reach for something elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.running: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        self.scripts += tag == "script"
        if tag in ("iframe", "object", "embed", "base", "link"):
            self.running.append(tag)
        for name, value in attrs:
            outside = name in ("src", "href", "xlink:href", "action") and not (
                value or ""
            ).startswith(("#", "data:image/", "https://doi.org/", "https://arxiv.org/"))
            if name.startswith("on") or outside or "javascript:" in (value or ""):
                self.running.append(f"{tag} {name}={value}")


def replaced(value: object, mapping: dict[str, str]) -> object:
    """A JSON value with texts replaced, in keys too."""
    if isinstance(value, str):
        return mapping.get(value, value)
    if isinstance(value, list):
        return [replaced(item, mapping) for item in value]
    if isinstance(value, dict):
        return {mapping.get(key, key): replaced(item, mapping) for key, item in value.items()}
    return value


def test_a_hostile_name_of_anything_neither_runs_in_the_report_nor_leaves_its_folder(
    tmp_path: Path,
) -> None:
    import pandas as pd

    root = tmp_path / "hostile"
    store = build_store(root, datasets=DATASETS[:1], shots=(10,), seeds=(0,))
    names: dict[str, str] = {}
    for record in store.datasets():
        for place, landmark in enumerate(record.landmark_names):
            names[landmark] = f"{HOSTILE}{place}" if place else f"../../{place}"
        names[record.title] = f"../../{record.title}{HOSTILE}"
        for place, image in enumerate(store.previews(record.key)):
            names[image] = f"../{place}{HOSTILE}"
    for cell in store.cells():
        names[cell.labels.title] = f"{cell.labels.title}{HOSTILE}"
        names[cell.labels.dataset] = names.get(cell.labels.dataset, f"../../x{HOSTILE}")
    for path in root.rglob("*.json"):
        path.write_text(json.dumps(replaced(json.loads(path.read_text()), names)))
    for path in root.rglob("predictions.parquet"):
        frame = pd.read_parquet(path)
        for column in ("image_id", "landmark"):
            frame[column] = frame[column].map(lambda name: names.get(name, name))
        frame.to_parquet(path, index=False)
    page = page_of(root)
    assert "alert(1)" in page.text
    assert page.scripts == 1 + len(SCRIPTS)
    assert page.running == []
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    for report in registry("report").load_all().values():
        files = report().files(Snapshot(root)) if report.filename else {}
        for name in files:
            assert (root / name).resolve().is_relative_to(root), name
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


class Rendered(Page):
    """A page with its text."""

    text = ""


def page_of(root: Path) -> Rendered:
    """The report of a store, looked through."""
    page = Rendered()
    page.text = registry("report").load("html")().render(Snapshot(root))
    assert 'http-equiv="Content-Security-Policy"' in page.text
    page.feed(page.text)
    return page


def test_images_are_bounded_below_what_pillow_would_load() -> None:
    from PIL import Image

    assert (Image.MAX_IMAGE_PIXELS or 0) >= MAX_PIXELS
