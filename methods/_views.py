"""What contrastive methods share: the options of their projector and of their views."""

from __future__ import annotations

from pydantic import Field

from benchmark.plugins import PluginOptions


class ViewOptions(PluginOptions):
    """Sizes for pools of a few hundred radiographs."""

    temperature: float = Field(
        0.2, gt=0, description="As in MoCo v2; 0.1 to 0.5 in SimCLR's paper, and small batches."
    )
    hidden: int = Field(256, ge=8, description="Width of the projector's hidden layer.")
    output: int = Field(128, ge=8, description="Width of the projection; 128 in both papers.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak rate of AdamW.")
    view_size: float = Field(
        0.5, gt=0, le=1, description="Side of a view, as a share of the working side."
    )
