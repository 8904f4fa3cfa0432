"""Optuna as the book uses it: a study in a file, joined by two processes, and what a kill leaves.

The chapter's cells are its own; these are the facts they rely on.
"""

import signal
import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.WARNING)

WORKER = """
import os, signal, sys
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
url, diary, seed, count, how = sys.argv[1:]
def loss(trial):
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    with open(diary, "a") as file:
        file.write(f"{trial.number} {seed} {rate}\\n")
    if how == "die" and trial.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return (rate - 0.1) ** 2
storage = optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 100}})
sampler = optuna.samplers.TPESampler(seed=int(seed))
study = optuna.load_study(study_name="shared", storage=storage, sampler=sampler)
study.optimize(loss, n_trials=int(count))
"""


@pytest.fixture
def shared(tmp_path):
    """A study in a file, and a function that starts a process which joins it."""
    url, diary = f"sqlite:///{tmp_path}/study.db", tmp_path / "diary"
    study = optuna.create_study(study_name="shared", storage=url)
    diary.touch()

    def start(seed, count, how="whole"):
        command = [sys.executable, "-W", "error", "-c", WORKER, url, diary]
        return subprocess.Popen([*command, str(seed), str(count), how], stderr=subprocess.PIPE)

    return study, start, lambda: [line.split() for line in diary.read_text().splitlines()]


def finish(worker):
    """How the process ended, and what it wrote to stderr."""
    said = worker.communicate(timeout=300)[1].decode()
    return worker.returncode, said


def test_two_processes_share_a_study_and_lose_no_trial(shared):
    study, start, diary = shared
    for worker in [start(seed, 5) for seed in (1, 2)]:
        assert finish(worker) == (0, "")  # quiet, too
    trials, lines = study.get_trials(), diary()
    assert [t.number for t in trials] == list(range(10))
    assert {t.state for t in trials} == {TrialState.COMPLETE}
    assert sorted(int(number) for number, _, _ in lines) == list(range(10))  # each was run once
    for number, _, rate in lines:
        assert trials[int(number)].params == {"rate": float(rate)}
    assert sorted(seed for _, seed, _ in lines) == ["1"] * 5 + ["2"] * 5
    assert study.best_value == min((float(rate) - 0.1) ** 2 for _, _, rate in lines)


def test_two_workers_with_one_seed_try_the_same(shared):
    _, start, diary = shared
    for worker in [start(7, 3), start(7, 3)]:
        assert finish(worker) == (0, "")
    rates = [rate for _, _, rate in diary()]
    assert len(rates) == 6
    assert len(set(rates)) == 3  # half of the work in vain: give each its own seed


def test_a_killed_worker_leaves_a_running_trial_that_can_be_told_and_repeated(shared):
    study, start, diary = shared
    assert finish(start(3, 5, "die"))[0] == -signal.SIGKILL
    assert [t.state.name for t in study.get_trials()] == ["COMPLETE", "COMPLETE", "RUNNING"]
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    assert finish(start(4, 2)) == (0, "")
    names = [t.state.name for t in study.get_trials()]
    assert names == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert [t.params for t in study.get_trials()][2:4] == [{"rate": float(diary()[2][2])}] * 2


def test_the_same_seed_gives_the_same_trials():
    def trials(pruner):
        def loss(trial):
            rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
            units = trial.suggest_int("units", 4, 64, log=True)
            for epoch in range(9):
                value = (rate - 0.1) ** 2 + 1 / units + 1 / (epoch + 1)
                trial.report(value, epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return value

        # Hyperband shares the trials out by a hash of the study's name, so give it one
        study = optuna.create_study(
            study_name="named", sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner
        )
        study.optimize(loss, n_trials=20)
        return [(t.params, t.state, t.intermediate_values) for t in study.get_trials()]

    for make in (optuna.pruners.MedianPruner, lambda: optuna.pruners.HyperbandPruner(1, 9)):
        once = trials(make())
        assert once == trials(make())
        states = [state for _, state, _ in once]
        assert 0 < states.count(TrialState.PRUNED) < 20
        assert states.count(TrialState.PRUNED) + states.count(TrialState.COMPLETE) == 20
