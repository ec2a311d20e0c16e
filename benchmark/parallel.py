"""Several processes at one training: each passes its share of every batch through the network.

All of them draw the same batch and the same random numbers. Each encodes its share of the images,
the features are gathered, and everything behind the network (heads, queues, losses) is computed by
each on the whole batch. So a loss that compares images compares all of them, a normalisation in a
head sees all of them, and the loss curve is that of one process with the same batch. Gradients are
averaged over the processes before every update.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from benchmark.errors import UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

P = ParamSpec("P")
R = TypeVar("R")


class Team:
    """The processes of one training.

    Args:
        fabric: Lightning Fabric, launched: it joins the processes and moves the numbers.

    Attributes:
        rank: Of this process; the first one leads, and writes.
        size: Number of processes.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rank, self.size = fabric.global_rank, fabric.world_size

    def rows(self, whole: Tensor) -> Tensor:
        """The rows of this process."""
        count = len(whole) // self.size
        return whole[self.rank * count : (self.rank + 1) * count]

    def share(self, whole: Tensor) -> Tensor:
        """The rows of this process; gradients find their way back to all of them."""
        shared_out: Tensor = _Share.apply(whole, self)  # type: ignore[no-untyped-call]
        return shared_out

    def gather(self, share: Tensor) -> Tensor:
        """The rows of all processes, in the order of the batch; gradients find their way back."""
        gathered: Tensor = _Gather.apply(share, self)  # type: ignore[no-untyped-call]
        return gathered

    def gathered_values(self, share: Tensor) -> Tensor:
        """As :meth:`gather`, without gradients."""
        # As bytes: not every way between processes knows every kind of number.
        mine = share.detach().contiguous().view(-1).view(torch.uint8)
        with torch.no_grad():
            all_of_them: Any = self._fabric.all_gather(mine)
        whole: Tensor = all_of_them.reshape(-1).view(share.dtype)
        return whole.view(self.size * len(share), *share.shape[1:])

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over the processes, in one message."""
        trained = [p for p in parameters if p.grad is not None]
        if not trained:
            return
        gradients = [p.grad for p in trained if p.grad is not None]
        message = torch.cat([gradient.reshape(-1).float() for gradient in gradients])
        mean: Any = self._fabric.all_reduce(message, reduce_op="mean")
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, value in zip(gradients, mean.split(sizes), strict=True):
            gradient.copy_(value.view(gradient.shape))


class _Gather(torch.autograd.Function):
    """Gathers rows; backwards, each process takes the gradient of its own.

    All processes compute the same loss of the gathered rows, and their gradients are averaged in
    the end. So the share is multiplied by their number here: the average of what reaches a weight
    through the shares is then the sum of all shares, and the average of what reaches it behind
    the gathering, which is the same in all processes, stays what it is.
    """

    @staticmethod
    def forward(ctx: Any, share: Tensor, team: Team) -> Tensor:
        """(rows, ...) to (size * rows, ...)."""
        ctx.team = team
        return team.gathered_values(share)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient of the own rows."""
        team: Team = ctx.team
        return team.rows(gradients[0]) * team.size, None


class _Share(torch.autograd.Function):
    """Takes rows; the opposite of :class:`_Gather`, forwards and backwards."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, team: Team) -> Tensor:
        """(size * rows, ...) to (rows, ...)."""
        ctx.team = team
        return team.rows(whole).clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient of all rows, the same in all processes."""
        team: Team = ctx.team
        return team.gathered_values(gradients[0]) / team.size, None


_team: Team | None = None
# Whether batches are shared now, and whether this very call sees a share already.
_sharing: ContextVar[bool] = ContextVar("sharing", default=False)
_inside: ContextVar[bool] = ContextVar("inside", default=False)


def join(team: Team | None) -> None:
    """Say with whom this process trains, from now on."""
    global _team
    _team = team


def leads() -> bool:
    """Whether this process may write: it trains alone, or is the first of its team."""
    return _team is None or _team.rank == 0


def in_team() -> bool:
    """Whether this process trains with others."""
    return _team is not None


def together(train: Callable[P, R]) -> Callable[P, R]:
    """Decorates a training: while it runs, the team shares the batches of every backbone."""

    @functools.wraps(train)
    def training(*args: P.args, **kwargs: P.kwargs) -> R:
        before = _sharing.set(_team is not None)
        try:
            return train(*args, **kwargs)
        finally:
            _sharing.reset(before)

    return training


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over the team, where there is one."""
    if _team is not None:
        _team.average_gradients(parameters)


def shared(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a pass of a backbone: each process of the team computes its rows of the batch.

    Within such a pass, others run as they are. A batch that the team cannot divide is computed
    by all alike.
    """

    @functools.wraps(method)
    def passed(self: nn.Module, batch: Any, *rest: Any, **named: Any) -> Any:
        team = _team
        rows = len(batch if isinstance(batch, Tensor) else batch[-1])
        if team is None or not _sharing.get() or _inside.get() or rows % team.size:
            return method(self, batch, *rest, **named)
        with _alone():
            values = (_each(value, team.share) for value in (batch, *rest))
            own = {name: _each(value, team.share) for name, value in named.items()}
            found = method(self, *values, **own)
        return _each(found, team.gather)

    return passed


def share_of(whole: Tensor) -> Tensor:
    """Within a shared pass, the rows of this process; elsewhere all of them."""
    return _team.rows(whole) if _team is not None and _inside.get() else whole


@contextmanager
def _alone() -> Iterator[None]:
    before = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(before)


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A tensor, or each of a list of them, changed; anything else stays."""
    if isinstance(value, Tensor):
        return change(value)
    return [_each(item, change) for item in value] if isinstance(value, list) else value


def ensure_shareable(modules: nn.Module, batch_size: int) -> None:
    """Refuse what several processes could not train as one does.

    Args:
        modules: What is trained, backbones among it.
        batch_size: Images a step.

    Raises:
        UsageError: The batch cannot be divided, or a backbone normalises over the batch.
    """
    from benchmark.backbones.base import Backbone

    if _team is None:
        return
    if batch_size % _team.size:
        raise UsageError(
            f"--devices {_team.size}: a batch of {batch_size} images cannot be divided evenly; "
            "change protocol.batch_size, pretraining.batch_size or comparison_batch_size"
        )
    batch_norm = (nn.modules.batchnorm._BatchNorm,)
    for backbone in (m for m in modules.modules() if isinstance(m, Backbone)):
        if any(isinstance(m, batch_norm) and m.training for m in backbone.modules()):
            raise UsageError(
                f"--devices {_team.size}: the backbone normalises over the batch, and each process "
                "would see a share of it only; take --backbones unet, or --devices 1"
            )
