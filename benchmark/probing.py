"""What frozen embeddings know of the subjects: their nearest neighbours predict attributes.

The probe of Wu et al., Unsupervised feature learning via non-parametric instance discrimination,
CVPR 2018: nothing is trained on the embeddings, so that only what lies in their distances counts.
A test image's attribute is predicted as the mean over its nearest images of the pool. The
untrained network of the same seed is asked the same, because random features know something too.

An embedding is the coarsest feature of the encoder, averaged over each of 4 x 4 tiles (Lazebnik
et al., Beyond bags of features, CVPR 2006). The average over the whole image, ``Backbone.embed``,
forgets where things are: of a face's vertical growth pattern it keeps nothing that could be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmark.splits import draw

if TYPE_CHECKING:
    from benchmark.backbones.base import Backbone
    from benchmark.prepared import PreparedDataset

NEIGHBOURS = 20
"""A mean over k that know nothing is wrong by 1/k more than the mean of all: R^2 of -0.05."""

POOL_IMAGES = 300
TEST_IMAGES = 150
LEAST_TEST_IMAGES = 10
SHRINKAGE = 0.03
BATCH = 16
TILES = 4

ATTRIBUTE_MEAN = "mean"
RANDOM = "_random"


def probe_key(attribute: str, *, random: bool = False) -> str:
    """The name in ``pretraining.json``: ``knn_age``, and ``knn_age_random`` of the untrained."""
    return f"knn_{attribute}{RANDOM if random else ''}"


def probe(trained: Backbone, random: Backbone, data: PreparedDataset) -> dict[str, float]:
    """R^2 of each attribute of the dataset and their mean, of a trained and a random network.

    Args:
        trained: The backbone as a method has left it.
        random: The backbone as the method was given it, on any device.
        data: Pixels, splits and attributes; at most 300 images of the pool are looked up, and at
            most 150 test images asked for, the same for both networks.

    Returns:
        By :func:`probe_key`. Empty where the dataset has no attributes, or too few images: a
        number would say nothing.
    """
    references, queries = _chosen(data)
    if len(references) < 2 * NEIGHBOURS or len(queries) < LEAST_TEST_IMAGES:
        return {}
    scores: dict[str, float] = {}
    for network, is_random in ((trained, False), (random, True)):
        known = _scores(embeddings(network, data, references + queries), data, references, queries)
        if known:
            known[ATTRIBUTE_MEAN] = float(np.mean(list(known.values())))
        scores |= {probe_key(name, random=is_random): value for name, value in known.items()}
    return scores


def _chosen(data: PreparedDataset) -> tuple[list[int], list[int]]:
    """Rows of the pool and of the test images, by hash; none where nothing is known of them."""
    if not data.attributes:
        return [], []
    known = np.any([np.isfinite(values) for values in data.attributes.values()], axis=0)
    pool = [data.ids[row] for row in np.flatnonzero(data.in_pool & known)]
    test = [data.ids[row] for row in data.rows("test") if known[row] and not data.in_pool[row]]
    chosen = (
        draw(ids, "probe", 0, min(most, len(ids))) if ids else ()
        for ids, most in ((pool, POOL_IMAGES), (test, TEST_IMAGES))
    )
    references, queries = (data.rows_of(ids) for ids in chosen)
    return references, queries


def embeddings(backbone: Backbone, data: PreparedDataset, rows: list[int]) -> np.ndarray:
    """(rows, channels * 16) float64: tiles of the coarsest feature, without augmentation."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    from benchmark.unlabelled import as_unit_range

    device = next(backbone.parameters()).device
    training = backbone.training
    backbone.eval()
    with torch.no_grad():
        batches = torch.from_numpy(data.pixels[rows]).split(BATCH)
        coarsest = (backbone.encode(as_unit_range(batch.to(device)))[-1] for batch in batches)
        found = [adaptive_avg_pool2d(f.float(), TILES).flatten(1).cpu() for f in coarsest]
    backbone.train(training)
    return torch.cat(found).double().numpy()


def _scores(
    embedded: np.ndarray, data: PreparedDataset, references: list[int], queries: list[int]
) -> dict[str, float]:
    """R^2 by attribute; one that is unknown, or the same for all, is left out."""
    near = similarities(embedded[len(references) :], embedded[: len(references)])
    scores = {}
    for name, values in data.attributes.items():
        known, asked = np.isfinite(values[references]), np.isfinite(values[queries])
        truth = values[queries][asked]
        enough = known.sum() >= 2 * NEIGHBOURS and asked.sum() >= LEAST_TEST_IMAGES
        if enough and np.ptp(truth) > 0:
            predicted = nearest_mean(near[np.ix_(asked, known)], values[references][known])
            scores[name] = determination(truth, predicted)
    return scores


def similarities(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """(queries, references): cosine similarity of centred and whitened embeddings.

    Averaged features of radiographs of one kind share nearly all of their length and vary along
    few directions, in a random network most of all; plain cosines would look at those alone.
    Whitening gives each direction its say (Jégou and Chum, ECCV 2012). Mean and covariance are
    those of the references; 3 % of the mean variance is added to each direction, so that noise is
    not blown up. Trained networks of the phantoms are ahead of random ones from 1 % to 30 %.
    """
    mean = references.mean(0)
    centred = references - mean
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variance = singular**2 / len(references)
    scale = np.sqrt(variance + SHRINKAGE * variance.mean())
    turned = directions.T / np.where(scale > 0, scale, 1.0)
    return np.asarray(_unit((queries - mean) @ turned) @ _unit(centred @ turned).T)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def nearest_mean(similarity: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(queries,): the mean value of the most similar references, each with equal weight.

    Args:
        similarity: (queries, references).
        values: (references,).
    """
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
    return np.asarray(values[nearest].mean(1))


def determination(truth: np.ndarray, predicted: np.ndarray) -> float:
    """R^2 = 1 - SSE / SST, where SST is about the mean of ``truth``.

    1 for a perfect prediction, 0 for one as good as the mean of the test images themselves, and
    below 0 for a worse one.
    """
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - predicted) ** 2).sum()) / spread
