"""A description is a dataset by its name, found in three places, and refused where it is none."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmark.dataset_choice import choose_dataset
from benchmark.descriptions import (
    DatasetDescription,
    check_name,
    description_text,
    find_described,
    read_description,
    resolve_datasets,
)
from benchmark.errors import DataError, UsageError
from benchmark.plugin_specs import PluginSpec, parse_spec


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with caches and descriptions of nobody else."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path / "here"


def write_films(folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = ["image,landmark,x,y"]
    for n in range(6):
        pixels = np.random.default_rng(n).integers(0, 256, (20, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"film{n}.png")
        rows.append(f"film{n}.png,apex,{n},3.5")
    (folder / "landmarks.csv").write_text("\n".join(rows) + "\n")


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


MINE = 'plugin = "folder"\nroot = "films"\n[options]\nname = "mine"\nspacing = "0.5"\n'


def test_a_name_means_plugin_folder_and_options(here: Path) -> None:
    write_films(here / "films")
    write(here, "mine", MINE)
    chosen = choose_dataset(PluginSpec("mine"), {})
    index = chosen.plugin.index()
    assert (index.name, index.unit, chosen.choice.name) == ("mine", "mm", "folder")
    assert chosen.root is not None
    assert chosen.root.resolve() == here / "films"


def test_the_command_line_outweighs_the_description(here: Path) -> None:
    write_films(here / "elsewhere")
    write(here, "mine", MINE)
    spec = parse_spec("mine[spacing=0.25]")
    chosen = choose_dataset(spec, {"mine": here / "elsewhere"})
    assert chosen.plugin.index().samples[0].spacing == (0.25, 0.25)


def test_where_the_folder_lies_does_not_change_the_choice(here: Path) -> None:
    for folder in ("films", "moved/films"):
        write_films(here / folder)
    write(here, "mine", MINE)
    write(here / "moved", "mine", MINE)
    first = choose_dataset(PluginSpec("mine"), {})
    (here / "mine.toml").unlink()
    second = choose_dataset(PluginSpec("mine"), {"": here / "moved"})
    assert first.choice.key == second.choice.key
    assert first.plugin.index().fingerprint == second.plugin.index().fingerprint


def test_the_current_folder_comes_before_the_data_root_and_the_users_own(here: Path) -> None:
    users = here.parent / "XDG_CONFIG_HOME" / "fewshot-landmarks" / "datasets"
    roots = {"": here / "data"}
    for folder in (users, here / "data", here):
        assert find_described("mine", roots) is None or folder != users
        write(folder, "mine", MINE)
        found = find_described("mine", roots)
        assert found is not None
        assert found.path.resolve().parent == folder


def test_descriptions_stand_beside_plugins_in_a_list(here: Path) -> None:
    write(here, "mine", MINE)
    specs = resolve_datasets("phantom-hand,mine[spacing=0.2],mine[spacing=0.2]", {})
    assert [str(spec) for spec in specs] == ["phantom-hand", "mine[spacing=0.2]"]
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        resolve_datasets("mien", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plugin = ", "not valid TOML"),
        ('root = "films"\n', "plugin: field required"),
        (MINE + "\n[more]\nx = 1\n", "more: extra inputs are not permitted"),
        ('plugin = "folder"\nroot = "a\\u0000b"\n', "cannot be printed"),
        ("plugin = 'folder'\nroot = 'films'\n[options]\nx = " + "[" * 9000, "not valid TOML"),
        ("x = 1" + "0" * 5000, "not valid TOML"),
        ("#" * 2**21, "too large"),
    ],
)
def test_what_is_no_description_is_refused_in_a_sentence(
    here: Path, text: str, expected: str
) -> None:
    write(here, "mine", text)
    with pytest.raises(DataError) as caught:
        choose_dataset(PluginSpec("mine"), {})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "../mine", "mine[x=1]", "a,b", "*", "x" * 65, "-x"])
def test_names_that_the_command_line_could_not_say_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="will not do as a name"):
        check_name(name)


def test_a_plugins_name_is_taken() -> None:
    with pytest.raises(UsageError, match="name of a dataset plugin"):
        check_name("hand")


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
        st.one_of(
            st.booleans(),
            st.integers(-(2**40), 2**40),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(st.characters(exclude_categories=["Cs"])),
            st.lists(st.floats(0, 9)),
        ),
        max_size=4,
    ),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_written_is_read_again(options: dict[str, object], remark: str) -> None:
    description = DatasetDescription(plugin="folder", root="films", options=options)
    text = description_text(description, [remark])
    read = DatasetDescription.model_validate(tomllib.loads(text))
    assert read == description


def test_a_written_description_is_read_from_its_file(tmp_path: Path) -> None:
    description = DatasetDescription(plugin="folder", root="Bilder/Schädel", options={"x": [1, 2]})
    path = tmp_path / "mine.toml"
    path.write_text(description_text(description, ["Überblick"]), encoding="utf-8")
    assert read_description(path) == description
