"""The errors that a user sees as one sentence: what was wrong, where, and how to mend it."""


class BenchmarkError(Exception):
    """Base of every error that the command line prints as one sentence, without a traceback."""

    exit_status = 2


class UsageError(BenchmarkError):
    """The request cannot be carried out as written: an unknown name, an option out of range."""


class DataError(BenchmarkError):
    """A file of the user's is missing or damaged, or says something that cannot be."""


class PluginError(BenchmarkError):
    """A plugin cannot be imported, breaks its contract, or shares its name with another."""


class StoreError(BenchmarkError):
    """The store cannot be written, or holds a file that cannot be read."""


class StoreUnwritableError(StoreError):
    """Nothing can be written into the store now: full, read-only, or gone."""


class LeaseLostError(BenchmarkError):
    """Another process has taken over what this one was at work on; it must write nothing more."""


class DeviceMemoryError(BenchmarkError):
    """A training step does not fit into the memory of the device."""


class WeightsUnavailableError(BenchmarkError):
    """Weights that a method needs are not on this machine and cannot be fetched; the cell fails."""
