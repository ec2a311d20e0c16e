"""SimSiam: a view predicts its twin's projection, through which no gradient passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.methods._joint import JointEmbeddingMethod, JointOptions, Objective, crosswise

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.augment import View
    from benchmark.backbones.base import Backbone
    from benchmark.training import Trainer
    from benchmark.unlabelled import UnlabelledImages


class SimSiamOptions(JointOptions):
    """Sizes for pools of a few hundred radiographs."""

    output: int = Field(
        256,
        ge=8,
        description="Width of the projection. The paper's 2048 is that of its encoder; with 128 "
        "the embeddings spread less than those of a random network (0.16), with 256 more (0.24).",
    )
    view_size: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Side of a view, as a share of the working side. Larger than the half of the "
        "methods that push images apart: with it, neighbours of the embeddings told phantoms "
        "apart better than those of a random network on both seeds tried (R² of 0.29 and 0.51 "
        "against 0.16 and 0.19; 0.15 and 0.22 with half the side).",
    )
    bottleneck: int = Field(
        64,
        ge=4,
        description="Hidden width of the predictor: a quarter of the projection, as in the paper "
        "(512 of 2048).",
    )


class SimSiam(JointEmbeddingMethod):
    """Siamese networks with a stop-gradient: pretraining of the encoder.

    Chen and He: Exploring simple Siamese representation learning, CVPR 2021.
    """

    name = "simsiam"
    title = "SimSiam"
    citation = "Chen and He: Exploring simple Siamese representation learning, CVPR 2021"
    Options = SimSiamOptions
    options: SimSiamOptions

    def objective(
        self, backbone: Backbone, images: UnlabelledImages, trainer: Trainer
    ) -> Objective:
        """Negative cosine between predictions and projections."""
        from lightly.loss import NegativeCosineSimilarity
        from lightly.models.modules import SimSiamPredictionHead, SimSiamProjectionHead

        options = self.options
        projector = SimSiamProjectionHead(backbone.encoder_channels, options.hidden, options.output)
        predictor = SimSiamPredictionHead(options.output, options.bottleneck, options.output)
        compare = NegativeCosineSimilarity()

        def loss(first: View, second: View) -> Tensor:
            projections = [projector(backbone.embed(view.images)) for view in (first, second)]
            predictions = [predictor(projection) for projection in projections]
            return crosswise(compare, predictions, [target.detach() for target in projections])

        return Objective(
            loss,
            heads=[projector, predictor],
            chance=0.0,
            chance_meaning="one prediction for all: the projections are centred",
        )
