"""What an engine may use: resources by method, and the settings of Ray and Slurm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["local", "ray", "slurm"]

# What stands in a batch script or in a file's name: no space, no quote, no line break.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:=+*@|&()\[\]/-]{0,99}$")]

ALL_METHODS = "default"
"""The entry of ``resources`` that holds for every method."""


class EngineOptions(BaseModel):
    """Base of the settings of engines: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Resources(EngineOptions):
    """What a task of a method is given; what is left open is the engine's to decide."""

    cpus: int | None = Field(None, ge=1, description="Cores, and threads of torch; default 1.")
    gpus: float | None = Field(
        None,
        ge=0,
        description="GPUs; on Ray a share such as 0.5 lets two tasks use one. Default: one where "
        "the cluster has any, none with --device cpu.",
    )
    memory_gb: float | None = Field(None, gt=0, description="Main memory, GB.")
    minutes: int | None = Field(
        None, ge=1, description="Slurm's own time limit of a job; default 1440, which is a day."
    )

    def over(self, other: Resources) -> Resources:
        """These, and what they leave open from another."""
        return other.model_copy(update=self.model_dump(exclude_none=True))


def resources_of(table: dict[str, Resources], method: str | None) -> Resources:
    """What a task of a method is given: the method's own entry over the one for all.

    Args:
        table: Resources by method, and under ``default`` for all of them.
        method: None for work that belongs to no method, such as preparing a dataset.
    """
    general = table.get(ALL_METHODS, Resources())
    return table[method].over(general) if method in table else general


class RayOptions(EngineOptions):
    """How the engine ``ray`` uses its cluster."""

    store: Literal["auto", "shared", "sent"] = Field(
        "auto",
        description="shared: every node sees the store under its path; sent: prepared data go to "
        "the nodes and results come back; auto: each node looks, and is sent what it cannot see.",
    )
    retries: int = Field(
        3, ge=0, description="How often a task is begun again whose node was lost."
    )


class SlurmOptions(EngineOptions):
    """How the engine ``slurm`` submits its job arrays."""

    cluster: Literal["slurm", "local"] = Field(
        "slurm", description="local: submitit's own processes on this machine, to try things out."
    )
    at_once: int = Field(64, ge=1, description="Jobs of an array that run at the same time.")
    retries: int = Field(
        3, ge=0, description="How often a job is submitted again that was preempted or lost."
    )
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None
    gres: Word | None = Field(
        None, description="In place of the number of GPUs, where a cluster wants it: gpu:a100:1."
    )
