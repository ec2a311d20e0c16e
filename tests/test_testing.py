"""The conformance suite passes an honest method, and finds each fault with its own check."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import benchmark.registry
from benchmark.testing import DoesNotApply, MethodConformance
from benchmark.testing.workbench import SMALL_TIMM

FAULTY = Path(__file__).with_name("faulty_methods.py")
TINY = "unet[channels=8-16,patch=4,groups=4]"
WORKER = "test_runs_in_a_worker_process"

# Name, the one check that fails, and what its sentence says.
FAULTS = {
    "secret": ("test_trains_the_parts_it_declares_and_no_others", "changed decoder and encoder"),
    "idle": ("test_trains_the_parts_it_declares_and_no_others", "declares that it trains decoder"),
    "clock": ("test_same_seed_gives_same_weights_and_another_seed_others", "the clock"),
    "constant": ("test_same_seed_gives_same_weights_and_another_seed_others", "another seed"),
    "collapsing": ("test_embeddings_do_not_collapse", "collapsed"),
    "forgetful": ("test_resumed_equals_uninterrupted", "as keeps"),
    "peeping": ("test_no_test_image_or_label_is_within_reach", "it opened"),
    "smuggling": ("test_no_test_image_or_label_is_within_reach", "depend on test images"),
    "standing": ("test_loss_falls", "did not fall"),
    "unpublished": ("test_metadata_is_complete", "citation"),
    "wordless": ("test_metadata_is_complete", "option 'strength' has no description"),
    "careless": ("test_options_are_validated", "'anything' takes a value of no sensible type"),
    "sticky": ("test_can_be_pickled", "cannot be pickled"),
}


@pytest.fixture(scope="module", autouse=True)
def registries_of_our_own() -> Iterator[None]:
    """Keeps the faulty methods from the other tests of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark.registry, "_shared", functools.cache(benchmark.registry.Registry))
        yield


def suite(name: str, **settings: Any) -> MethodConformance:
    """The suite for one method, as small as it gets."""
    small = {
        "method": name,
        "plugin_file": FAULTY,
        "backbones": (TINY,),
        "learning_steps": 25,
        "learning_patience": 1,
        "learning_batch_size": 8,
    }
    made: MethodConformance = type("Suite", (MethodConformance,), {**small, **settings})()
    return made


def failures(checks: MethodConformance, *left_out: str) -> dict[str, str]:
    """The sentences of the checks that fail, by check."""
    failed = {}
    for name in checks.checks():
        if name in left_out:
            continue
        try:
            getattr(checks, name)()
        except AssertionError as error:
            failed[name] = str(error)
        except DoesNotApply:
            continue
    return failed


def test_an_honest_method_passes_every_check_on_both_backbones() -> None:
    checks = suite("honest", backbones=(TINY, SMALL_TIMM))
    for name in checks.checks():
        getattr(checks, name)()  # neither fails nor says that it does not apply


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_its_own_check_and_by_no_other(name: str) -> None:
    check, words = FAULTS[name]
    failed = failures(suite(name), WORKER)
    assert set(failed) == {check}, failed
    assert words in failed[check]
    assert name in failed[check]
    assert "\n" not in failed[check]


def test_a_method_that_needs_the_process_of_the_tests_fails_in_a_worker() -> None:
    with pytest.raises(AssertionError, match=r"homesick: in a worker process: .*where is pytest"):
        getattr(suite("homesick"), WORKER)()


def test_the_suite_can_be_imported_and_run_without_pytest(repository: Path) -> None:
    code = f"""
import sys
sys.modules["pytest"] = None
from benchmark.testing import MethodConformance
class Honest(MethodConformance):
    method = "honest"
    plugin_file = {str(FAULTY)!r}
Honest().test_metadata_is_complete()
Honest().test_can_be_pickled()
"""
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True, timeout=120)


def test_a_class_may_be_named_instead_of_its_name() -> None:
    from benchmark.testing.subject import subject_of

    module = subject_of("honest", FAULTY).load()
    assert subject_of(module).load() is module


def test_what_does_not_apply_is_a_skip_for_pytest() -> None:
    checks = suite("scratch", plugin_file=None)
    with pytest.raises(DoesNotApply, match="it trains nothing"):
        checks.test_loss_falls()
    assert issubclass(DoesNotApply, __import__("unittest").SkipTest)


def test_a_subclass_without_a_method_is_told_so() -> None:
    class Nameless(MethodConformance):
        pass

    with pytest.raises(AssertionError, match="Nameless must say which method it tests"):
        Nameless().test_metadata_is_complete()
