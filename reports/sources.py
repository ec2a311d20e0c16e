"""Where the parts come from that no plugin speaks for: networks, libraries, losses, statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmark.reports.tables import LeaderboardTable


class Part(NamedTuple):
    """What was used, and where it was published."""

    what: str
    source: str


UNET: tuple[Part, ...] = (
    Part("U-Net", "Ronneberger et al.: U-Net, MICCAI 2015"),
    Part("UNet2DModel", "von Platen et al.: Diffusers, 2022, github.com/huggingface/diffusers"),
)
TIMM: tuple[Part, ...] = (
    Part("U-Net decoder", "Ronneberger et al.: U-Net, MICCAI 2015"),
    Part(
        "segmentation-models-pytorch",
        "Iakubovskii: Segmentation Models PyTorch, 2019, "
        "github.com/qubvel-org/segmentation_models.pytorch",
    ),
    Part(
        "timm",
        "Wightman: PyTorch Image Models, 2019, github.com/huggingface/pytorch-image-models",
    ),
    Part("Group normalisation", "Wu and He: Group normalization, ECCV 2018"),
)
ENCODERS: dict[str, str] = {
    "resnet": "He et al.: Deep residual learning for image recognition, CVPR 2016",
    "resnext": "Xie et al.: Aggregated residual transformations, CVPR 2017",
    "densenet": "Huang et al.: Densely connected convolutional networks, CVPR 2017",
    "vgg": "Simonyan and Zisserman: Very deep convolutional networks, ICLR 2015",
    "efficientnet": "Tan and Le: EfficientNet, ICML 2019",
    "tf_efficientnet": "Tan and Le: EfficientNet, ICML 2019",
    "efficientnetv2": "Tan and Le: EfficientNetV2, ICML 2021",
    "tf_efficientnetv2": "Tan and Le: EfficientNetV2, ICML 2021",
    "mobilenetv2": "Sandler et al.: MobileNetV2, CVPR 2018",
    "mobilenetv3": "Howard et al.: Searching for MobileNetV3, ICCV 2019",
    "regnetx": "Radosavovic et al.: Designing network design spaces, CVPR 2020",
    "regnety": "Radosavovic et al.: Designing network design spaces, CVPR 2020",
    "convnext": "Liu et al.: A ConvNet for the 2020s, CVPR 2022",
    "convnextv2": "Woo et al.: ConvNeXt V2, CVPR 2023",
    "hrnet": "Wang et al.: Deep high-resolution representation learning, TPAMI 2021",
}
"""By the letters with which timm's name begins, up to a digit or an underscore."""

LIBRARIES: dict[str, str] = {
    "diffusers": "von Platen et al.: Diffusers, 2022, github.com/huggingface/diffusers",
    "lightly": "Susmelj et al.: Lightly, 2020, github.com/lightly-ai/lightly",
    "numpy": "Harris et al.: Array programming with NumPy, Nature 585, 2020",
    "pandas": "McKinney: Data structures for statistical computing in Python, SciPy 2010",
    "scipy": "Virtanen et al.: SciPy 1.0, Nature Methods 17, 2020",
    "segmentation-models-pytorch": "Iakubovskii: Segmentation Models PyTorch, 2019, "
    "github.com/qubvel-org/segmentation_models.pytorch",
    "timm": "Wightman: PyTorch Image Models, 2019, github.com/huggingface/pytorch-image-models",
    "torch": "Paszke et al.: PyTorch, NeurIPS 2019",
    "torchvision": "TorchVision maintainers and contributors: TorchVision, 2016, "
    "github.com/pytorch/vision",
}

LOSSES: dict[str, str] = {
    "mse": "Payer et al.: Regressing heatmaps for multiple landmark localization, MICCAI 2016",
    "bce": "Zhu et al.: You only learn once: universal anatomical landmark detection, MICCAI 2021",
    "awing": "Wang, Bo and Fuxin: Adaptive wing loss, ICCV 2019",
    "channel-softmax": "Di Via, Odone and Pastore, WACV 2025 (arXiv 2407.18125)",
}
TRANSFERS: dict[str, str] = {
    "frozen": "Hariharan et al.: Hypercolumns, CVPR 2015",
    "frozen@": "Baranchuk et al.: Label-efficient semantic segmentation with diffusion models, "
    "ICLR 2022",
}
OPTIMISER = Part("AdamW", "Loshchilov and Hutter: Decoupled weight decay, ICLR 2019")

VARIANCE = Part(
    "Intervals and p values of errors and their differences",
    "Satterthwaite: An approximate distribution of estimates of variance components, "
    "Biometrics Bulletin 2, 1946",
)
PROPORTIONS = Part(
    "Intervals of detection rates and win rates",
    "Wilson: Probable inference, the law of succession, and statistical inference, Journal of the "
    "American Statistical Association 22, 1927",
)
MULTIPLICITY = Part(
    "Correction over all pairs",
    "Holm: A simple sequentially rejective multiple test procedure, Scandinavian Journal of "
    "Statistics 6, 1979",
)
SIGN_FLIPS = Part(
    "Sign-flip p values",
    "Phipson and Smyth: Permutation P-values should never be zero, Statistical Applications in "
    "Genetics and Molecular Biology 9, 2010",
)
EQUIVALENCE = Part(
    "Equality within a declared margin",
    "Schuirmann: A comparison of the two one-sided tests procedure and the power approach, Journal "
    "of Pharmacokinetics and Biopharmaceutics 15, 1987",
)
BOOTSTRAP = Part(
    "Resampling of seeds and images",
    "Owen: The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007",
)
AGGREGATES = Part(
    "Aggregates over several tables",
    "Agarwal et al.: Deep reinforcement learning at the edge of the statistical precipice, "
    "NeurIPS 2021",
)
CRITICAL_DIFFERENCE = Part(
    "Critical difference of ranks",
    "Demšar: Statistical comparisons of classifiers over multiple data sets, Journal of Machine "
    "Learning Research 7, 2006",
)
BLOCKS_FOR_RANKS = 8
"""Tables from which on ranks are compared by a critical difference."""


def backbone_sources(name: str) -> Iterator[Part]:
    """What is known of a backbone's origin; nothing for one of a third party.

    Args:
        name: As on the command line: ``unet`` or ``timm/resnet18``.
    """
    family, _, encoder = name.partition("/")
    if family == "unet":
        yield from UNET
    elif family == "timm":
        yield from TIMM
        for start, source in ENCODERS.items():
            if re.match(rf"{start}(?![a-z]|v\d)", encoder):
                yield Part(encoder, source)


def transfer_sources(name: str) -> Iterator[Part]:
    """Where a way of taking over a pretraining comes from, for those that are published."""
    for start, source in TRANSFERS.items():
        if name.startswith(start):
            yield Part(f"Transfer {name}", source)


def statistics_sources(tables: Sequence[LeaderboardTable]) -> Iterator[Part]:
    """The methods behind the statistics that these tables really show."""
    rows = [row for table in tables for row in table.ranked]
    pairs = [pair for table in tables for pair in table.pairs]
    shown = {key for row in rows for key, value in row.entries.items() if value is not None}
    bounded = {key for row in rows for key in row.intervals}
    used = {
        VARIANCE: bool(pairs or bounded & {"mre", "gain"}),
        PROPORTIONS: bool(pairs) or any(key.startswith("sdr@") for key in bounded),
        MULTIPLICITY: bool(pairs),
        SIGN_FLIPS: bool(pairs),
        EQUIVALENCE: any(pair.comparison.margin is not None for pair in pairs),
        BOOTSTRAP: bool(shown & {"rank", "labels_saved"}),
        AGGREGATES: len(tables) > 1 and bool(bounded),
        CRITICAL_DIFFERENCE: len(tables) >= BLOCKS_FOR_RANKS and bool(bounded),
    }
    yield from (part for part, is_used in used.items() if is_used)
