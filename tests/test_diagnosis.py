"""Which gap to work on: numbers by hand."""

import numpy as np
import pytest

from twice.scratch.diagnosis import REMEDIES, diagnose


def test_ngs_four_cats():
    """Ng (2018), chapters 20 to 23: training and dev error against 0 for a person."""
    for training, dev, name in [(0.01, 0.11, "variance"), (0.15, 0.16, "bias")]:
        found = diagnose(training, dev, target=0.0)
        assert found.work_on == name
        assert found.gaps == pytest.approx({"bias": training, "variance": dev - training})
        assert REMEDIES[name] in found.text
    both = diagnose(0.15, 0.30, target=0.0)
    assert both.work_on == "bias"  # a tie
    assert diagnose(0.005, 0.01, target=0.0).work_on is None


def test_the_target_decides_what_is_bias():
    assert diagnose(0.15, 0.16, target=0.14).work_on is None
    assert diagnose(0.15, 0.30, target=0.14).work_on == "variance"


def test_held_out_training_samples_tell_mismatch_from_variance():
    found = diagnose(0.01, 0.10, target=0.0, training_dev=0.015)
    assert found.work_on == "mismatch"
    assert found.gaps == pytest.approx({"bias": 0.01, "variance": 0.005, "mismatch": 0.085})
    found = diagnose(0.01, 0.10, target=0.0, training_dev=0.09)
    assert found.work_on == "variance"
    assert found.gaps["mismatch"] == pytest.approx(0.01)


def test_a_test_error_far_above_validation_is_too_many_choices():
    found = diagnose(0.02, 0.04, target=0.01, test=0.12)
    assert found.work_on == "overfitted validation"
    assert found.gaps["overfitted validation"] == pytest.approx(0.08)
    assert "fewer choices" in str(found)


def test_a_gap_must_be_above_the_tolerance():
    assert diagnose(0.25, 0.5, target=0.0, tolerance=0.25).work_on is None
    assert diagnose(0.25, 0.5, target=0.0, tolerance=0.2).work_on == "bias"
    assert "No gap is above 0.25" in diagnose(0.25, 0.5, target=0.0, tolerance=0.25).text


def test_it_prints_a_gap_a_line_and_a_sentence():
    lines = str(diagnose(0.01, 0.11, target=0.02)).splitlines()
    assert lines[0].split() == ["bias", "-0.01"]
    assert lines[1].split() == ["variance", "+0.1"]
    assert lines[2].startswith("Work on variance, 0.1: it knows its training samples too well")


@pytest.mark.parametrize(
    "bad",
    [{"target": -0.1}, {"training": np.nan}, {"test": np.inf}, {"tolerance": -1}],
)
def test_errors_below_zero_or_not_finite_are_named(bad):
    with pytest.raises(ValueError, match="expected errors and a tolerance from 0 up, got"):
        diagnose(**{"training": 0.1, "validation": 0.2, "target": 0.0, **bad})
