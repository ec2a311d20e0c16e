"""What is noted of a training: loss and learning rate by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class History:
    """Loss and learning rate by step; seconds before an interruption; parts of a batch."""

    loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    earlier_seconds: float = field(default=0.0, compare=False)
    parts: int = field(default=1, compare=False)

    def write(self, path: Path) -> None:
        """Write as parquet with the columns step, loss, learning_rate."""
        import pandas as pd

        steps = range(1, len(self.loss) + 1)
        columns = {"step": steps, "loss": self.loss, "learning_rate": self.learning_rate}
        pd.DataFrame(columns).to_parquet(path, index=False)

    def state_dict(self) -> dict[str, list[float]]:
        """For checkpoints."""
        return {"loss": self.loss, "learning_rate": self.learning_rate}

    def load_state_dict(self, state_dict: dict[str, list[float]], /) -> None:
        """Take up a history that was kept."""
        self.loss[:], self.learning_rate[:] = state_dict["loss"], state_dict["learning_rate"]

    def first(self) -> float:
        """Mean loss of the first five steps."""
        return float(np.mean(self.loss[:5]))

    def last(self) -> float:
        """Mean loss of the last tenth of the steps, five at least."""
        return float(np.mean(self.loss[-max(5, len(self.loss) // 10) :]))
