"""Long runs: stored whole, with what it takes to repeat them."""

import json
import time

import pytest

from experiments import record
from twice import results


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    return tmp_path / "results"


def test_a_result_is_kept_with_seeds_time_and_machine(folder):
    record.save("deep", {"loss": [0.1, 0.2]}, seeds=range(2), started=time.perf_counter() - 90)
    kept = results.read("deep")
    assert kept["seeds"] == [0, 1]
    assert kept["minutes"] == 1.5
    assert {"processor", "numpy", "keras"} <= set(kept["machine"])
    assert results.load("deep") == {"loss": [0.1, 0.2]}
    assert results.about("deep").startswith("2 seeds, 1.5 minutes on ")
    assert results.about("deep").endswith("make experiments SLUG=deep")


def test_what_cannot_be_written_leaves_the_old_result(folder):
    record.save("deep", [1], seeds=[0], started=time.perf_counter())
    with pytest.raises(TypeError, match="not JSON serializable"):
        record.save("deep", [object()], seeds=[0], started=time.perf_counter())
    assert results.load("deep") == [1]


def test_a_missing_result_says_how_to_make_it(folder):
    with pytest.raises(FileNotFoundError, match="make experiments SLUG=deep"):
        results.load("deep")


def test_seeds_can_be_chosen():
    assert record.chosen_seeds([], range(3), "words") == [0, 1, 2]
    assert record.chosen_seeds(["--seeds", "7", "9"], range(3), "words") == [7, 9]


STORED = sorted((results.FOLDER).glob("*.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_every_stored_result_names_its_experiment_and_no_place(path):
    kept = json.loads(path.read_text("utf-8"))
    script = results.FOLDER.parent / f"{path.stem}.py"
    assert kept["experiment"] == f"experiments/{script.name}"
    assert script.is_file()
    assert kept["seeds"]
    assert kept["minutes"] > 0
    assert not any(place in path.read_text("utf-8") for place in ("/home/", "/root/", "/tmp/"))
