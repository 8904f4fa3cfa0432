"""Double descent: the least squares are right, and the stored runs are what the script finds."""

import numpy as np
import pytest

from experiments import double_descent
from twice import results

PAIRS = [(task, noise) for task, noises in double_descent.NOISES.items() for noise in noises]


@pytest.fixture(scope="module")
def stored():
    return results.load("double_descent")


def seeds():
    return results.read("double_descent")["seeds"]


@pytest.mark.parametrize("shape", [(12, 5), (7, 7), (5, 12)])
def test_least_squares_are_those_of_numpy(shape):
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=shape), rng.normal(size=(shape[0], 3))
    fitted = double_descent.LeastSquares(phi, y)
    shortest = fitted.weights()
    np.testing.assert_allclose(shortest, np.linalg.pinv(phi) @ y, atol=1e-9)
    normal = phi.T @ phi + 0.3 * np.eye(shape[1])
    np.testing.assert_allclose(fitted.weights(0.3), np.linalg.solve(normal, phi.T @ y), atol=1e-9)
    for strength in (0.0, 0.3):
        length = np.linalg.norm(fitted.coefficients(strength))
        assert length == pytest.approx(np.linalg.norm(fitted.weights(strength)))


def test_of_many_exact_fits_the_shortest_is_taken():
    phi, y = np.array([[1.0, 2.0]]), np.array([[5.0]])
    np.testing.assert_allclose(double_descent.LeastSquares(phi, y).weights(), [[1], [2]])


def test_a_direction_without_samples_gets_no_weight():
    phi = np.array([[2.0, 0.0], [0.0, 0.0]])
    fitted = double_descent.LeastSquares(phi, np.array([[6.0], [1.0]]))
    np.testing.assert_allclose(fitted.weights(), [[3], [0]])
    np.testing.assert_allclose(fitted.weights(2.0), [[2], [0]])


def test_random_features_by_hand():
    found = double_descent.random_features(np.array([[1.0, -2.0]]), np.array([[3, 1], [1, 1.0]]))
    np.testing.assert_allclose(found, [[1 / np.sqrt(2), 0]])


def test_label_noise_changes_the_share_it_is_asked_for():
    y = np.random.default_rng(0).integers(0, 10, 200)
    noisy = double_descent.other_digits(y, 0.2, np.random.default_rng(1))
    assert np.sum(noisy != y) == 40
    assert noisy.min() >= 0
    assert noisy.max() <= 9
    np.testing.assert_array_equal(double_descent.other_digits(y, 0.0, np.random.default_rng(1)), y)


@pytest.mark.parametrize("task", double_descent.TASKS)
def test_noise_falls_on_training_and_validation_alone(task):
    clean, noisy = (
        double_descent.TASKS[task](100, noise, np.random.default_rng(3)) for noise in (0.0, 0.3)
    )
    for (x, y), (x_noisy, y_noisy), changed in zip(clean, noisy, (True, True, False), strict=True):
        np.testing.assert_array_equal(x, x_noisy)
        assert bool(np.any(y != y_noisy)) is changed
    assert [len(x) for x, _ in clean] == [100, double_descent.VALIDATION, double_descent.TEST]


def test_no_test_image_is_a_training_image():
    parts = double_descent.digits(double_descent.SAMPLES, 0.0, np.random.default_rng(0))
    images = np.concatenate([x for x, _ in parts])
    assert len(np.unique(images, axis=0)) == len(images)
    for _, y in parts:
        np.testing.assert_allclose(y.sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize(("task", "noise"), PAIRS)
def test_a_part_of_double_descent_gives_what_was_stored(stored, task, noise):
    sizes, seed = (60, 295, 700), seeds()[1]
    at = [stored["features"].index(p) for p in sizes]
    found = double_descent.by_features(task, noise, seed, sizes)
    kept = stored["by_features"][task][str(noise)]
    assert list(found[0]) == list(kept)
    for k, size in zip(at, found, strict=True):
        for method in ("minimum norm", "best ridge"):
            for name in set(size[method]) - {"train_mse"}:
                assert size[method][name] == pytest.approx(kept[method][name][k][1], rel=0.01)
    counts = (100, 400)
    found = double_descent.by_samples(task, noise, seed, counts)
    for method, errors in stored["by_samples"][task][str(noise)].items():
        for count, size in zip(counts, found, strict=True):
            k = stored["sample_counts"].index(count)
            assert size[method]["test_mse"] == pytest.approx(errors[k][1], rel=0.01)


def test_the_stored_tables_are_whole(stored):
    assert stored["features"] == list(double_descent.FEATURES)
    for sizes, part in (("features", "by_features"), ("sample_counts", "by_samples")):
        for task, noises in double_descent.NOISES.items():
            assert list(stored[part][task]) == [str(noise) for noise in noises]
            for methods in stored[part][task].values():
                tables = [methods[name] for name in ("minimum norm", "best ridge")]
                if part == "by_features":
                    tables = [table["test_mse"] for table in tables]
                for table in tables:
                    assert [len(row) for row in table] == [len(seeds())] * len(stored[sizes])


@pytest.mark.parametrize(("task", "noise"), PAIRS)
def test_the_peak_is_where_features_are_samples_and_the_best_ridge_has_none(stored, task, noise):
    kept = stored["by_features"][task][str(noise)]
    shortest, best = (np.array(kept[m]["test_mse"]) for m in ("minimum norm", "best ridge"))
    norm, k = np.array(kept["minimum norm"]["norm"]), stored["features"].index(stored["samples"])
    assert set(np.argmax(shortest, axis=0)) == set(np.argmax(norm, axis=0)) == {k}
    assert np.all(shortest[k] > 10 * shortest[:k].min(axis=0))
    assert np.all(shortest[k] > 10 * shortest[-1])
    assert np.all(best[k] < best[stored["features"].index(100)])
    assert np.all(best[-1] < best[k])
    assert np.all(np.diff(best.mean(axis=1)) < 0.01 * best.mean(axis=1)[:-1])
    assert max(np.ravel(kept["best ridge"]["strength"])) < max(double_descent.GRID)
    train = kept["minimum norm"]["train_mse"]
    assert max(train[k:]) < 1e-20 < min(train[:k])


def test_without_noise_the_end_is_below_the_first_valley_with_noise_the_best_ridge_is(stored):
    k = stored["features"].index(stored["samples"])
    for task, (clean, noisy) in double_descent.NOISES.items():
        table = stored["by_features"][task]
        errors = np.array(table[str(clean)]["minimum norm"]["test_mse"])
        assert np.all(errors[-1] < 0.6 * errors[:k].min(axis=0))
        errors = np.array(table[str(noisy)]["minimum norm"]["test_mse"])
        best = np.array(table[str(noisy)]["best ridge"]["test_mse"])
        assert np.all(best[-1] < errors.min(axis=0))
    for name in ("test_mse", "test_error"):  # noisy digits: the first valley is the deeper one
        errors = np.array(stored["by_features"]["digits"]["0.2"]["minimum norm"][name])
        assert errors[-1].mean() > errors[:k].mean(axis=1).min()


def test_endless_features_are_the_limit_of_many(stored):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    w = rng.normal(size=(100_000, 4))
    many = double_descent.random_features(a, w) @ double_descent.random_features(b, w).T
    np.testing.assert_allclose(double_descent.endless_products(a, b), many, atol=0.05)
    one = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(double_descent.endless_products(one, one), [[12.5]], rtol=1e-6)
    np.testing.assert_allclose(double_descent.endless_products(one, -one), [[0]], atol=1e-6)
    for task, noise in PAIRS:
        kept = stored["endless"][task][str(noise)]
        for name, value in double_descent.endless(task, noise, seeds()[0]).items():
            assert kept[name][0] == pytest.approx(value, rel=0.01)
        last = stored["by_features"][task][str(noise)]["minimum norm"]["test_mse"][-1]
        assert np.all(np.array(kept["test_mse"]) < last)


@pytest.mark.parametrize(("task", "noise"), PAIRS)
def test_more_samples_hurt_on_the_way_to_the_peak(stored, task, noise):
    table, counts = stored["by_samples"][task][str(noise)], stored["sample_counts"]
    few, peak = counts.index(100), counts.index(stored["fixed_features"])
    errors, best = (np.array(table[m]) for m in ("minimum norm", "best ridge"))
    assert np.all(errors[peak] > 10 * errors[few])
    assert np.all(errors[-1] < 0.1 * errors[peak])
    assert np.all(best[peak] < best[few])
