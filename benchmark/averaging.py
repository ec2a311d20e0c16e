"""The average of a network's weights over its training, which costs neither labels nor steps."""

from __future__ import annotations

from typing import Any

from torch import nn


class AveragedWeights:
    """The exponential moving average of a network's weights, which checkpoints can keep.

    The average forgets its start (diffusers' warm-up with power 3/4), so that it serves short
    runs too.

    Args:
        network: All that is trained, on its device.
        decay: None: no average, and the weights stay what they are.
    """

    def __init__(self, network: nn.Module, decay: float | None) -> None:
        from diffusers.training_utils import EMAModel

        self._parameters = list(network.parameters())
        self._average: Any = None
        if decay is not None:
            self._average = EMAModel(
                self._parameters, decay=decay, use_ema_warmup=True, power=0.75, foreach=True
            )

    def follow(self, _: int) -> None:
        """Move towards the present weights."""
        if self._average is not None:
            self._average.step(self._parameters)

    def copy_to_network(self) -> None:
        """Put the average in the place of the last weights."""
        if self._average is not None:
            self._average.copy_to(self._parameters)

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        state: dict[str, Any] = {} if self._average is None else self._average.state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Go on with an average that was kept, on the network's device."""
        if self._average is not None:
            self._average.load_state_dict(state_dict)
            self._average.to(self._parameters[0].device)
