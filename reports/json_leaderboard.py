"""The leaderboard as JSON: every number at full precision, for scripts and other programs."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark import __version__
from benchmark.plugins import Report
from benchmark.reports.building import build_tables
from benchmark.reports.published import published_beside
from benchmark.reports.tables import failure_sentence

if TYPE_CHECKING:
    from benchmark.reports.columns import Column
    from benchmark.reports.published import PublishedResult
    from benchmark.reports.tables import Identity, LeaderboardTable, Pair, Reference, Row
    from benchmark.statistics.results import Interval
    from benchmark.store import Store

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; new fields may come without."""

Fields = dict[str, Any]


def leaderboard_document(tables: Sequence[LeaderboardTable]) -> Fields:
    """What the file holds; only text, finite numbers, booleans, None, lists and dictionaries."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "software": {"name": "fewshot-landmark-benchmark", "version": __version__},
        "tables": [_table(table) for table in tables],
    }
    plain: Fields = _plain(document)
    return plain


def _table(table: LeaderboardTable) -> Fields:
    group = table.group
    return {
        "dataset": {
            "name": group.name,
            "title": group.title,
            "detail": group.detail,
            "unit": group.unit,
            "thresholds": group.thresholds,
            "synthetic": group.synthetic,
            "fingerprint": group.record.fingerprint if group.record else None,
        },
        "shots": table.shots,
        "margin": table.margin,
        "columns": [_column(column, group.unit) for column in table.columns()],
        "rows": [_row(row) for row in table.rows],
        "references": [_reference(reference) for reference in table.references],
        "pairs": [_pair(pair) for pair in table.pairs],
        "published": [_published(result) for result in published_beside(table)],
        "notes": table.notes,
    }


def _column(column: Column, unit: str) -> Fields:
    return {
        "key": column.key,
        "title": column.title,
        "unit": column.unit_text(unit),
        "better": column.direction,
        "explanation": column.explanation,
    }


def _row(row: Row) -> Fields:
    return {
        "identity": _identity(row.identity),
        "title": row.title,
        "name": row.name,
        "control": row.control,
        "ranked": bool(row.done),
        "entries": row.entries,
        "intervals": {key: _interval(interval) for key, interval in row.intervals.items()},
        "spreads": row.spreads,
        "seeds": {
            "done": [cell.labels.seed for cell in row.done],
            "failed": [
                {"seed": cell.labels.seed, "reason": failure_sentence(cell)} for cell in row.failed
            ],
        },
        "cells": [cell.key for cell in row.done + row.failed],
    }


def _identity(identity: Identity) -> Fields:
    return dict(identity._asdict())


def _interval(interval: Interval) -> Fields:
    """An end without a bound is null."""
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
    }


def _reference(reference: Reference) -> Fields:
    return {
        "key": reference.key,
        "title": reference.title,
        "explanation": reference.explanation,
        "entries": reference.entries,
    }


def _pair(pair: Pair) -> Fields:
    """Errors of the first row minus errors of the second, in the dataset's unit."""
    comparison = pair.comparison
    return {
        "first": _identity(pair.first),
        "second": _identity(pair.second),
        "seeds": comparison.components.seeds,
        "images": comparison.components.images,
        "difference": _interval(comparison.difference),
        "p_value": comparison.p_value,
        "adjusted_p_value": pair.adjusted_p,
        "sign_flip_p_value": comparison.sign_flip_p,
        "win_rate": _interval(comparison.win_rate),
        "margin": comparison.margin,
        "verdict": comparison.verdict,
    }


def _published(result: PublishedResult) -> Fields:
    return result.model_dump() | {"sdr": {f"{t:g}": p for t, p in result.sdr.items()}}


def _plain(value: Any) -> Any:
    """The value in the types of JSON; what is not a finite number becomes None."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [_plain(part) for part in value]
    raise TypeError(f"{value!r} has no place in a JSON file")


class JsonLeaderboard(Report):
    """The leaderboard as JSON: rows, intervals, pairs and published numbers, for scripts."""

    name = "json"
    filename = "leaderboard.json"

    def render(self, store: Store) -> str:
        """All tables; never NaN or Infinity, which JSON does not have."""
        document = leaderboard_document(build_tables(store))
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
