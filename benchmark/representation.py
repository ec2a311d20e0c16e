"""Whether an encoder's embeddings still tell images apart: spread and effective rank."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from benchmark.backbones.base import Backbone
from benchmark.unlabelled import UnlabelledImages


@torch.no_grad()
def embedding_health(backbone: Backbone, images: UnlabelledImages) -> dict[str, float]:
    """Measure collapse on up to 128 images of the pool.

    Returns:
        ``embedding_std``: mean over dimensions of the standard deviation of the L2-normalised
        embeddings, times the square root of their number; 1 for directions spread evenly over
        the sphere, 0 where all images have one embedding (Chen and He, SimSiam, CVPR 2021).
        ``effective_rank``: exponential of the entropy of the normalised singular values of the
        centred embeddings; the number of dimensions in use (Roy and Vetterli, EUSIPCO 2007).
    """
    training = backbone.training
    backbone.eval()
    sample = images.take(128)
    embeddings = torch.cat([backbone.embed(batch) for batch in sample.split(16)]).float()
    backbone.train(training)
    unit = F.normalize(embeddings, dim=1)
    singular = torch.linalg.svdvals(embeddings - embeddings.mean(0))
    share = singular / singular.sum().clamp_min(1e-12)
    entropy = -(share * share.clamp_min(1e-12).log()).sum()
    return {
        "embedding_std": float(unit.std(0).mean() * unit.shape[1] ** 0.5),
        "effective_rank": float(entropy.exp()) if float(singular.sum()) > 1e-9 else 0.0,
    }
