"""Views of a test image: brought back to its places, averaged, the same ones every time."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark.heatmaps import decode
from benchmark.protocol import AugmentationConfig, ProtocolConfig
from benchmark.views import Views
from benchmark.warp import random_warp
from tests.test_warp import blobs, seeded

CPU = torch.device("cpu")
SIZE = (72, 60)
STRONG = AugmentationConfig(rotation=20, scale=0.2, shift=0.1)


class Sharp(nn.Module):
    """A detector that is right: its map is highest where the image is bright."""

    def forward(self, images: Tensor) -> Tensor:
        return images * 20


class Doubtful(nn.Module):
    """A detector that errs in the first view and in no other."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        # A peak in a corner beside the true one, and a little higher.
        maps = images * 20
        if self.calls == 1:
            maps = maps.clone()
            maps[..., 5, 5] = maps.amax() + 0.5
        return maps


def places() -> Tensor:
    return torch.tensor([[20.3, 30.6], [35.0, 41.2]])


@pytest.mark.parametrize("loss", ["softmax", "mse"])
def test_maps_of_all_views_lie_in_the_places_of_the_image(loss: str) -> None:
    protocol = ProtocolConfig.model_validate({"views": 6, "augmentation": STRONG, "loss": loss})
    images = blobs(places(), SIZE, 2.0)
    maps = Views(protocol, CPU)(Sharp(), images)
    assert maps.shape == (2, 1, *SIZE)
    found = decode(maps, "parabola")[:, 0]
    assert (found - places()).norm(dim=-1).max() < 0.2


def test_one_view_is_the_image_itself() -> None:
    images = blobs(places(), SIZE, 2.0)
    assert torch.equal(Views(ProtocolConfig(), CPU)(Sharp(), images), images * 20)


def test_views_outvote_an_error_of_one() -> None:
    images = blobs(places(), SIZE, 2.0)
    alone = decode(Views(ProtocolConfig(), CPU)(Doubtful(), images))
    assert (alone[:, 0] - torch.tensor([5.0, 5.0])).norm(dim=-1).max() < 1
    many = decode(Views(ProtocolConfig(views=5), CPU)(Doubtful(), images))
    assert (many[:, 0] - places()).norm(dim=-1).max() < 1


def test_views_are_the_same_ones_every_time() -> None:
    protocol = ProtocolConfig(views=3)
    images = torch.rand(2, 1, *SIZE, generator=seeded())
    first, second = (Views(protocol, CPU)(Sharp(), images) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_affine_warp_and_its_inverse_undo_each_other() -> None:
    points = torch.rand(4, 9, 2, generator=seeded(1)) * 60
    images = torch.zeros(4, 1, *SIZE)
    affine = STRONG.model_copy(update={"elastic": 0.0})
    warp = random_warp(images, seeded(2), affine)
    assert (warp.inverse().points(points) - warp.sources(points)).abs().max() < 1e-3
    assert (warp.inverse().sources(points) - warp.points(points)).abs().max() < 1e-3
    with pytest.raises(ValueError, match="no inverse in closed form"):
        random_warp(images, seeded(2), STRONG).inverse()
