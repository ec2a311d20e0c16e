"""From a run's settings to its cells: names resolved, data indexed, controls added."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmark.backbones import BackboneSpec, parse_backbone
from benchmark.config import Preset, RunConfig, load_preset
from benchmark.dataset_choice import choose_dataset
from benchmark.descriptions import resolve_datasets
from benchmark.errors import DataError, UsageError
from benchmark.extra_images import find_extra
from benchmark.frames import working_size
from benchmark.grid import (
    CellSpec,
    DatasetSpec,
    ExtraImages,
    ExtraPoolSpec,
    PluginChoice,
    PretrainingSpec,
    finetuning_steps,
)
from benchmark.plugin_specs import PluginSpec
from benchmark.plugins import Method
from benchmark.records import DatasetIndex
from benchmark.registry import add_plugin_files, registry
from benchmark.schema import CellLabels
from benchmark.transfer import Transfer, TransferChoice
from benchmark.tuning.applying import with_tuned

# Every working size is a multiple of this, so that all networks of up to five octaves share it.
SIDE_MULTIPLE = 32


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the plan with its labels."""

    spec: CellSpec
    labels: CellLabels

    @property
    def key(self) -> str:
        """The cell's key in the store."""
        return self.spec.key


@dataclass(frozen=True)
class Plan:
    """Everything that a run asks for, whether done already or not.

    Attributes:
        cells: In the order of the leaderboard's rows.
        roots: The folder of each dataset that needs one, by the key of its spec.
        unlabelled: The folder of unlabelled images, by the key of what is made of it.
        notes: Sentences for the user about what was added or left out.
    """

    cells: tuple[PlannedCell, ...]
    roots: Mapping[str, Path | None]
    unlabelled: Mapping[str, Path]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Arm:
    """A method on a backbone, under one transfer."""

    method: type[Method]
    choice: PluginChoice
    backbone: BackboneSpec
    transfer: Transfer
    control: bool


@dataclass(frozen=True)
class _Data:
    """An indexed dataset."""

    choice: PluginChoice
    index: DatasetIndex
    root: Path | None


def make_plan(config: RunConfig) -> Plan:
    """Resolve a run into its cells, reading labels but no pixels.

    Raises:
        UsageError: A name, an option or a number of shots will not do.
        DataError: A dataset's files are missing or wrong.
    """
    if config.allow_leaks and config.exclude_leaks:
        raise UsageError(
            "--allow-leaks keeps the films of test images in the pool and --exclude-leaks takes "
            "these test images away: give one of the two"
        )
    add_plugin_files(config.plugins)
    preset = load_preset(config.preset)
    notes: list[str] = []
    arms = _arms(config, preset, notes)
    cells: list[PlannedCell] = []
    roots: dict[str, Path | None] = {}
    unlabelled: dict[str, Path] = {}
    for spec in resolve_datasets(config.datasets, config.data_roots):
        data = _index(spec, config)
        folder = config.unlabelled.get(spec.name, config.unlabelled.get(""))
        extra = find_extra(folder) if folder is not None else None
        for arm in arms:
            prepared = _dataset_spec(data, arm.backbone, config)
            roots[prepared.key] = data.root
            if folder is not None and extra is not None:
                unlabelled[ExtraPoolSpec(dataset=prepared, extra=extra).key] = folder
            cells += _cells(arm, prepared, data.index, extra, config)
    cells = with_tuned(cells, config.tuned, config.preset, notes)
    trained = [cell.spec.pretraining for cell in cells if cell.spec.pretraining is not None]
    if config.unlabelled and not any(pretraining.extra for pretraining in trained):
        notes.append("--unlabelled changes nothing: no method here learns from unlabelled images")
    return Plan(tuple(cells), roots, unlabelled, tuple(notes))


def _arms(config: RunConfig, preset: Preset, notes: list[str]) -> list[_Arm]:
    """Methods on their backbones under each transfer, and the controls of every backbone."""
    methods = registry("method")
    specs = methods.resolve(config.methods, preset.method_options)
    notes += methods.left_out(config.methods, preset.method_options)
    transfers = TransferChoice(config.transfer)
    arms: dict[tuple[str, str, Transfer], _Arm] = {}

    def add(spec: PluginSpec, backbone: BackboneSpec, control: bool) -> None:
        plugin = methods.load(spec.name)
        options = methods.options(spec, preset.method_options.get(spec.name))
        choice, control = PluginChoice.of(plugin, options), control or _is_control(plugin)
        for transfer in transfers.of(plugin(options)):
            identity = (choice.key, str(backbone.as_json()), transfer)
            arms.setdefault(identity, _Arm(plugin, choice, backbone, transfer, control))

    for spec in specs:
        for backbone in _backbones(methods.load(spec.name), config, preset, notes):
            add(spec, backbone, control=False)
    networks = {str(arm.backbone.as_json()): arm.backbone for arm in arms.values()}
    for backbone in networks.values():
        for name in preset.controls:
            add(PluginSpec(name), backbone, control=True)
    notes += transfers.notes()
    return list(arms.values())


def _is_control(method: type[Method]) -> bool:
    return method.family == "control"


def _backbones(
    method: type[Method], config: RunConfig, preset: Preset, notes: list[str]
) -> list[BackboneSpec]:
    """The backbones that a method runs on in this run.

    Raises:
        UsageError: It runs on none of those that were asked for.
    """
    if config.backbones:
        texts = list(config.backbones)
    else:
        texts = [
            preset.backbones.get(method.name)
            or method.default_backbone()
            or preset.default_backbone
        ]
    specs = [parse_backbone(text, preset.backbone_options) for text in texts]
    problems = [(spec, method.backbone_problem(spec.label)) for spec in specs]
    possible = [spec for spec, problem in problems if problem is None]
    reasons = [problem for _, problem in problems if problem is not None]
    if not possible:
        raise UsageError(f"method {method.name!r} cannot run here: {reasons[0]}")
    notes += [f"{method.name}: {reason}; left out there" for reason in reasons]
    return possible


def _index(spec: PluginSpec, config: RunConfig) -> _Data:
    """Open a dataset and read its labels.

    Raises:
        UsageError: It needs a folder and none is given; shots exceed its training images.
        DataError: Its files are missing or wrong.
    """
    chosen = choose_dataset(spec, config.data_roots)
    index = chosen.plugin.index()
    train, test = len(index.split("train")), len(index.split("test"))
    if max(config.shots) > train:
        raise UsageError(
            f"--shots {max(config.shots)} exceeds the {train} training images of {index.name}: "
            f"ask for {train} at most"
        )
    if not test:
        raise DataError(f"dataset {index.name} has no test images: there is nothing to measure")
    if config.protocol.uses_validation and not index.split("val"):
        raise UsageError(
            f"{index.name} has no validation images: use selection=last, no plateau, no patience"
        )
    return _Data(chosen.choice, index, chosen.root)


def _dataset_spec(data: _Data, backbone: BackboneSpec, config: RunConfig) -> DatasetSpec:
    aspect = median(sample.height / sample.width for sample in data.index.samples)
    multiple = math.lcm(SIDE_MULTIPLE, backbone.side_multiple)
    squash = config.protocol.published.frame == "squash"
    return DatasetSpec(
        dataset=data.choice,
        title=data.index.name,
        fingerprint=data.index.fingerprint,
        working_size=working_size(aspect, config.protocol.image_size, multiple, squash),
        allow_leaks=config.allow_leaks,
        exclude_leaks=config.exclude_leaks,
        frame=config.protocol.published.frame,
    )


def _cells(
    arm: _Arm,
    dataset: DatasetSpec,
    index: DatasetIndex,
    extra: ExtraImages | None,
    config: RunConfig,
) -> Iterator[PlannedCell]:
    protocol = config.protocol
    _ensure_a_batch_fits(arm.method, index, extra, config)
    for shots in config.shots:
        steps = finetuning_steps(protocol, config.pretraining, shots, arm.method.long_finetuning)
        for seed in config.seeds:
            yield PlannedCell(
                CellSpec(
                    dataset=dataset,
                    method=arm.choice,
                    backbone=arm.backbone.as_json(),
                    shots=shots,
                    seed=seed,
                    protocol=protocol,
                    finetuning_steps=steps,
                    pretraining=_pretraining(arm, dataset, seed, extra, config),
                    transfer=str(arm.transfer),
                ),
                CellLabels(
                    dataset=index.name,
                    method=arm.choice.name,
                    title=arm.method.title,
                    backbone=arm.backbone.label,
                    transfer=str(arm.transfer),
                    shots=shots,
                    seed=seed,
                    control=arm.control,
                    family=arm.method.family,
                ),
            )


def _ensure_a_batch_fits(
    method: type[Method], index: DatasetIndex, extra: ExtraImages | None, config: RunConfig
) -> None:
    """Stop before anything is computed, rather than compare fewer images than was asked for.

    Raises:
        UsageError: The pool holds less than a batch of a method that compares images.
    """
    batch, pool = config.pretraining.comparison_batch_size, len(index.split("train", "val"))
    pool += extra.extra_images if extra is not None else 0
    if method.compares_images and method.pretraining_data == "pool" and batch > pool:
        raise UsageError(
            f"method {method.name!r} compares {batch} images a step, and the pool of {index.name} "
            f"has {pool}: lower it with --set pretraining.comparison_batch_size={pool // 2}, or "
            "add images"
        )


def _pretraining(
    arm: _Arm, dataset: DatasetSpec, seed: int, extra: ExtraImages | None, config: RunConfig
) -> PretrainingSpec | None:
    """What is pretrained once for all shots of a seed; None for the controls.

    Weights from elsewhere depend on neither the dataset nor the seed, and their key holds neither.
    """
    if not arm.method.trains:
        return None
    own = arm.method.pretraining_data == "pool"
    first = min(config.seeds) if config.share_pretraining else seed
    budget = config.pretraining
    batch_size = budget.comparison_batch_size if arm.method.compares_images else budget.batch_size
    return PretrainingSpec(
        dataset=dataset if own else None,
        method=arm.choice,
        backbone=arm.backbone.as_json(),
        steps=budget.steps if own else 0,
        batch_size=batch_size if own else 0,
        precision=config.protocol.precision,
        seed=first if own else None,
        extra=extra if own else None,
        inputs=config.protocol.published.inputs if own else "symmetric",
    )
