"""What of a pretraining reaches the detector: the choice of transfer, the same for all methods."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from benchmark.errors import UsageError

if TYPE_CHECKING:
    from benchmark.plugins import Method, Part

Kind = Literal["whole", "encoder", "frozen"]
KINDS: tuple[Kind, ...] = ("whole", "encoder", "frozen")

# Weights of a linear head start small and have far to go, and no layer below can be spoilt, so
# linear probes are trained at higher rates than networks (He et al., CVPR 2022, appendix A.1, do
# so as well). On 20 phantoms and 150 steps, frozen networks at random had an error of 12.9 mm at
# the protocol's rate, 11.0 at five times and 10.7 at fifteen times that rate.
FROZEN_RATE = 5.0


@dataclass(frozen=True)
class Transfer:
    """What is loaded from a pretraining, and what is trained on the shots.

    Attributes:
        kind: ``whole``: all pretrained parts are loaded and all layers trained. ``encoder``: as
            ``whole``, but the decoder starts at random. ``frozen``: all pretrained parts are
            loaded and stay as they are, under a linear head that is trained.
        time: For ``frozen`` only: the time step of a diffusion model at which the features are
            taken, after Baranchuk et al., Label-efficient semantic segmentation with diffusion
            models, ICLR 2022. None: the plain network on the image as it is.
    """

    kind: Kind
    time: int | None = None

    @classmethod
    def parse(cls, text: str) -> Transfer:
        """The inverse of ``str``: ``whole``, ``encoder``, ``frozen`` or ``frozen@T``.

        Raises:
            UsageError: There is no such transfer, or T is not a whole number.
        """
        name, sign, time = text.strip().partition("@")
        for kind in KINDS:
            if name == kind and not sign:
                return cls(kind)
        if name == "frozen" and time.isdecimal():
            return cls("frozen", int(time))
        close = difflib.get_close_matches(name, KINDS, n=1)
        hint = f"did you mean {close[0]!r}? " if close and close[0] != name else ""
        raise UsageError(
            f"unknown transfer {text.strip()!r}: {hint}choose from whole, encoder, frozen, and "
            "frozen@T with a time step T such as frozen@50"
        )

    def __str__(self) -> str:
        return self.kind if self.time is None else f"{self.kind}@{self.time}"

    @property
    def control(self) -> Transfer:
        """The transfer of the random network that this one is compared with.

        A random network has no decoder to leave out, and no noise process of its own.
        """
        return Transfer("frozen" if self.kind == "frozen" else "whole")

    @property
    def rate(self) -> float:
        """What the protocol's learning rate is multiplied with, the same for all methods."""
        return FROZEN_RATE if self.kind == "frozen" else 1.0

    @property
    def parts(self) -> frozenset[Part]:
        """The parts of the backbone that are loaded, where they were pretrained."""
        return frozenset({"encoder"} if self.kind == "encoder" else {"encoder", "decoder"})


def _canonical(text: str) -> str:
    try:
        return str(Transfer.parse(text))
    except UsageError as error:
        raise ValueError(str(error)) from error


TransferName = Annotated[str, AfterValidator(_canonical)]
"""A field of a pydantic model that holds a transfer as text."""

MEANINGS = {
    "whole": "all pretrained parts are loaded and all layers trained",
    "encoder": "only the pretrained encoder is loaded, the decoder starts at random, and all "
    "layers are trained",
    "frozen": "the pretrained network stays as it is and only a linear head on its features is "
    "trained",
    "frozen@T": "as frozen, with noise of time step T in the image and the features of that step",
}


def explain(names: Iterable[str]) -> str:
    """One sentence on the transfers that a table holds.

    Args:
        names: Transfers as text, such as those of the rows.
    """
    shown = {name if "@" not in name else "frozen@T" for name in names}
    told = "; ".join(f"{name}: {text}" for name, text in MEANINGS.items() if name in shown)
    compared = [
        text
        for name, text in (
            ("encoder", "encoder with scratch under whole"),
            ("frozen@T", "frozen@T with scratch under frozen"),
        )
        if name in shown
    ]
    gain = f" The gain compares {', and '.join(compared)}." if compared else ""
    return f"Transfer. {told}.{gain}"


class TransferChoice:
    """The transfers that each method of a run has, and what its user must be told of them."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = [Transfer.parse(text) for text in wanted]
        self._as_whole: list[str] = []
        self._left_out: dict[tuple[Transfer, str], list[str]] = {}
        self._used: set[Transfer] = set()

    def of(self, method: Method) -> list[Transfer]:
        """What is planned for a method; nothing is planned twice under two names.

        Raises:
            UsageError: A time step is out of the method's range.
        """
        if method.family == "control":
            asked = list(dict.fromkeys(transfer.control for transfer in self.wanted))
        else:
            asked = self.wanted
        found = [self._possible(transfer, method) for transfer in asked]
        planned = list(dict.fromkeys(transfer for transfer in found if transfer is not None))
        self._used.update(planned)
        return planned

    def _possible(self, transfer: Transfer, method: Method) -> Transfer | None:
        if transfer.kind == "encoder" and "decoder" not in method.trains:
            _add(self._as_whole, method.name)
            return Transfer("whole")
        if transfer.kind == "frozen" and method.long_finetuning:
            reason = "whose long fine-tuning is a control of training all layers"
            _add(self._left_out.setdefault((transfer, reason), []), method.name)
            return None
        if transfer.time is None:
            return transfer
        steps = method.time_steps()
        if not steps:
            reason = "whose network was not trained at time steps"
            _add(self._left_out.setdefault((transfer, reason), []), method.name)
            return None
        if transfer.time >= steps:
            raise UsageError(
                f"--transfer {transfer}: method {method.name!r} has the time steps 0 to {steps - 1}"
            )
        return transfer

    def notes(self) -> list[str]:
        """One sentence for what was joined, and one a transfer for what was left out.

        Raises:
            UsageError: No method of the run can have a time step that was asked for.
        """
        for transfer in self.wanted:
            if transfer.time is not None and transfer not in self._used:
                raise UsageError(
                    f"--transfer {transfer}: no method of this run was trained at time steps; "
                    "use frozen, or add a diffusion model"
                )
        notes = []
        if self._as_whole:
            notes.append(
                "transfer encoder is the same experiment as whole for methods that pretrain no "
                f"decoder ({', '.join(self._as_whole)}): it stands once, as whole"
            )
        for (transfer, reason), names in self._left_out.items():
            notes.append(f"transfer {transfer} is left out for {', '.join(names)}, {reason}")
        return notes


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
