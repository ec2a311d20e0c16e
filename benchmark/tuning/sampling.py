"""How options are chosen and bad trials ended early: TPE, and the median of earlier trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.seeding import stream_seed

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def sampler(seed: int, trials: int) -> BaseSampler:
    """TPE (Bergstra et al., NeurIPS 2011), after a third of the trials at random.

    The random numbers of a trial follow from the seed and its number alone. So a search repeats
    whichever process asks, one that was killed goes on as if it had not been, and the random trials
    of all methods stand at the same places of their spaces.

    Args:
        seed: Of the search.
        trials: That are asked for.
    """
    from optuna.samplers import BaseSampler, TPESampler

    random_trials = min(10, max(3, trials // 3))

    class NumberedSampler(BaseSampler):
        """Asks a sampler that is made anew for each trial."""

        def __init__(self) -> None:
            self._made: tuple[int, BaseSampler] = (-1, TPESampler())

        def _of(self, trial: Any) -> BaseSampler:
            if self._made[0] != trial.number:
                # numpy's seeds have 32 bits.
                stream = stream_seed("tuning", seed, trial.number) % 2**32
                chooser = TPESampler(n_startup_trials=random_trials, seed=stream)
                self._made = (trial.number, chooser)
            return self._made[1]

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self._of(trial).infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self._of(trial).sample_relative(study, trial, search_space)

        def sample_independent(
            self, study: Any, trial: Any, param_name: str, param_distribution: Any
        ) -> Any:
            return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    return NumberedSampler()


def pruner(trials: int) -> BasePruner:
    """Ends a trial whose mean error so far is above the median of those before at that place."""
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=min(5, max(3, trials // 4)))
