"""What an audit finds: which image, what is wrong with it, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Certainty = Literal["certain", "likely", "possible"]

CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "possible")
"""In the order in which findings are shown."""

MEANING: dict[Certainty, str] = {
    "certain": "the files themselves say so",
    "likely": "hardly anything else explains it",
    "possible": "unusual; look at it",
}


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        check: The name of the check, one of :data:`benchmark.audit.checks.CHECKS`.
        certainty: How sure it is; :data:`MEANING` says what each word means.
        images: The ids of the images that it is about, one at least.
        sentence: What is wrong and how it shows, without the ids.
        landmark: The landmark that it is about; empty where it is about all of them.
        annotator: Whose annotation it is about; empty where there is one, or where it is nobody's.
    """

    check: str
    certainty: Certainty
    images: tuple[str, ...]
    sentence: str
    landmark: str = ""
    annotator: str = ""

    @property
    def subject(self) -> str:
        """Images, annotator and landmark, as a line begins."""
        parts = [" and ".join(self.images)]
        if self.annotator:
            parts.append(f"by {self.annotator}")
        if self.landmark:
            parts.append(self.landmark)
        return ", ".join(parts)


def ordered(findings: list[Finding]) -> list[Finding]:
    """The surest first, and within a certainty as they were found."""
    return sorted(findings, key=lambda finding: CERTAINTIES.index(finding.certainty))
