"""What a run is: protocol, pretraining budget, backbones and grid, with presets in TOML."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from benchmark.engines.options import EngineName, RayOptions, Resources, SlurmOptions
from benchmark.errors import UsageError
from benchmark.leases import LEASE_SECONDS
from benchmark.protocol import (
    NonNegative,
    PositiveFloat,
    PositiveInt,
    PretrainingConfig,
    ProtocolConfig,
    Settings,
)
from benchmark.transfer import TransferName
from benchmark.tuning.options import TuningOptions

CHECKPOINT_SECONDS = 60.0

PRESET_FOLDER = Path(__file__).parent / "presets"
PROTOCOL_FOLDER = Path(__file__).parent / "protocols"
OWN_PROTOCOL = "own"

M = TypeVar("M", bound=BaseModel)


class Preset(Settings):
    """A named set of defaults."""

    description: str
    run: dict[str, Any] = Field(
        default_factory=dict,
        description="What is run where the user does not say: methods, datasets, shots, seeds.",
    )
    protocol: ProtocolConfig = ProtocolConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    default_backbone: str = "unet"
    backbones: dict[str, str] = Field(
        default_factory=dict, description="The backbone of single methods, where they differ."
    )
    backbone_options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Default options by backbone family: unet, timm."
    )
    method_options: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Default options by method."
    )
    controls: tuple[str, ...] = Field(("scratch",), description="Controls added to every run.")


Retry = Literal["machine", "failed", "none"]
"""``machine``: cells that failed for a reason outside the method (killed, no memory, the user's
files), which may have been mended; ``failed``: all that failed; ``none``: none."""


class RunConfig(Settings):
    """One run: what is compared, on what, and where the results lie."""

    methods: tuple[str, ...] = ("ddpm", "simclr", "moco")
    datasets: tuple[str, ...] = ("phantom-cephalometric",)
    shots: tuple[PositiveInt, ...] = (50,)
    seeds: tuple[int, ...] = (0,)
    backbones: tuple[str, ...] = ()
    transfer: tuple[TransferName, ...] = Field(
        ("whole",), description="What is taken over from a pretraining, and what is trained."
    )
    preset: str = "quick"
    recipe: str = Field(
        OWN_PROTOCOL,
        description="Protocol that [protocol] changes: own (the preset's), or published (that of "
        "the paper's released code).",
    )
    protocol: ProtocolConfig = ProtocolConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    data_roots: dict[str, Path] = Field(
        default_factory=dict, description="Folder by dataset; the key '' serves all others."
    )
    unlabelled: dict[str, Path] = Field(
        default_factory=dict,
        description="Folder of further unlabelled images for pretraining, by dataset; the key '' "
        "serves all others.",
    )
    tuned: Path | None = Field(
        None,
        description="A file of tuned options, as `tune` writes it: each method that it names is "
        "run under them, too.",
    )
    tuning: TuningOptions = TuningOptions()
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None,
        description="Margin of practical equivalence in the dataset's unit: mm, or px at its "
        "reference size. Declared before there are results; it changes none of them.",
    )
    claim: str | None = Field(
        None,
        description="The method whose claim to the lowest error the report answers first; it "
        "changes no result.",
    )
    share_pretraining: bool = False
    allow_leaks: bool = False
    exclude_leaks: bool = Field(
        False, description="Leave out test images whose film is also in training or validation."
    )
    output: Path = Path("runs")
    workers: int | None = Field(None, ge=1, description="Worker processes; None: one a core.")
    threads: int | None = Field(None, ge=1, description="Threads a worker; None: a fair share.")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    retry: Retry = Field(
        "machine", description="Which failed cells are tried again; see :data:`Retry`."
    )
    time_limit: PositiveFloat | None = Field(
        None, description="Seconds after which a worker is stopped and its task has failed."
    )
    silence_limit: PositiveFloat = Field(
        3600.0, description="Seconds without a sign of progress after which it is stopped, too."
    )
    memory_limit: PositiveFloat | None = Field(
        None, description="GB of main memory after which a worker is stopped."
    )
    checkpoint_seconds: NonNegative = Field(
        CHECKPOINT_SECONDS, description="Between two checkpoints of a training: what a kill costs."
    )
    lease_seconds: PositiveFloat = Field(
        LEASE_SECONDS,
        description="Without a sign for so long, work is taken over by another run on the store.",
    )
    plugins: tuple[Path, ...] = ()
    reports: tuple[str, ...] = Field(
        ("all",), description="Reports written at the end, by name; it changes no result."
    )
    devices: int = Field(
        1, ge=1, description="Processes at one training, each with a GPU or a share of the cores."
    )
    engine: EngineName = "local"
    address: str = Field("auto", description="Of the Ray cluster: HOST:PORT, auto or local.")
    resources: dict[str, Resources] = Field(
        default_factory=dict,
        description="What a task on a cluster is given, by method; 'default' serves all others.",
    )
    ray: RayOptions = RayOptions()
    slurm: SlurmOptions = SlurmOptions()


def preset_names() -> list[str]:
    """The names of the presets that are shipped."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Read a preset by name, or from a ``.toml`` file.

    One that ``extends`` another changes what it says otherwise.

    Raises:
        UsageError: There is none of that name, or it does not validate.
    """
    path = Path(name) if name.endswith(".toml") else PRESET_FOLDER / f"{name}.toml"
    if not path.is_file():
        close = difflib.get_close_matches(name, preset_names(), n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"unknown preset {name!r}: {hint}choose from {', '.join(preset_names())}")
    values = read_toml(path)
    if isinstance(base := values.pop("extends", None), str):
        shipped = load_preset(base).model_dump(exclude_unset=True)
        values = merge(shipped, values)
    return validated(Preset, values, where=str(path))


def load_protocol(name: str) -> dict[str, Any]:
    """The settings of a protocol by name; none for the harness's own.

    Raises:
        UsageError: There is none of that name.
    """
    names = [OWN_PROTOCOL, *sorted(path.stem for path in PROTOCOL_FOLDER.glob("*.toml"))]
    if name not in names:
        raise UsageError(f"unknown protocol {name!r}: choose from {', '.join(names)}")
    return {} if name == OWN_PROTOCOL else read_toml(PROTOCOL_FOLDER / f"{name}.toml")


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        UsageError: It is missing or not TOML; the sentence names the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    # Numbers of thousands of digits, and brackets within brackets without end.
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, ValueError) else "it is nested too deeply"
        raise UsageError(f"{path} is not valid TOML: {reason}") from error


def validated(model: type[M], values: dict[str, Any], where: str) -> M:
    """Validate values into a model, and turn what is wrong into one sentence.

    Raises:
        UsageError: A name is unknown or a value out of range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        name = str(first["loc"][-1]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            close = difflib.get_close_matches(name, _field_names(model), n=1)
            hint = f"did you mean {close[0]!r}?" if close else "see `info` for the names"
            raise UsageError(f"{where}: unknown setting {path!r}; {hint}") from error
        raise UsageError(
            f"{where}: {path} = {first['input']!r} will not do: {first['msg']}"
        ) from error


def _field_names(model: type[BaseModel]) -> list[str]:
    names = list(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += _field_names(field.annotation)
    return names


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, table by table."""
    result = dict(base)
    for name, value in changes.items():
        old = result.get(name)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[name] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result


def parse_setting(text: str) -> dict[str, Any]:
    """``path.to.option=value`` as nested tables; the value is read as TOML, else as text.

    Raises:
        UsageError: There is no ``=``.
    """
    path, sign, value = text.partition("=")
    if not sign or not path.strip():
        raise UsageError(
            f"--set {text!r} is not of the form path.to.option=value, "
            "for example protocol.steps=300"
        )
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    for part in reversed(path.strip().split(".")):
        parsed = {part: parsed}
    result: dict[str, Any] = parsed
    return result
