"""Sampling by temperature, streams for truncated BPTT, bits per character, n-grams."""

import numpy as np
import pytest
from scipy import stats

from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.gated import LSTM
from twice.scratch.language import NGram, bits_per_character, generate, sample, streams
from twice.scratch.losses import softmax
from twice.scratch.sequences import Embedding, SequenceCrossentropy, TimeDistributed


def fresh(seed=0):
    return np.random.default_rng(seed)


def reader(rng, n_tokens=5, units=12):
    return Sequential(
        [
            Embedding(n_tokens, 4, rng=rng),
            LSTM(4, units, return_sequences=True, stateful=True, rng=rng),
            TimeDistributed(Dense(units, n_tokens, rng=rng)),
        ]
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_samples_follow_the_softmax_at_that_temperature(temperature):
    rng, logits = fresh(), np.array([0.0, 1.0, -1.0, 2.0])
    drawn = [sample(logits, temperature=temperature, rng=rng) for _ in range(4000)]
    expected = 4000 * softmax(logits, temperature)
    assert stats.chisquare(np.bincount(drawn, minlength=4), expected).pvalue > 1e-3


def test_temperature_zero_takes_the_largest_and_bad_input_is_refused():
    assert {sample([0.0, 3.0, 2.9], temperature=0, rng=fresh(k)) for k in range(20)} == {1}
    assert {sample([0.0, 300.0, 0.0], rng=fresh(k)) for k in range(20)} == {1}
    with pytest.raises(ValueError, match=r"logits \(V,\), temperature >= 0, got \(1, 3\) and 1"):
        sample([[0, 1, 2]], rng=fresh())
    with pytest.raises(ValueError, match=r"got \(2,\) and -1"):
        sample([0, 1], temperature=-1, rng=fresh())


def test_streams_carry_on_where_the_last_batch_ended():
    x, y = streams(np.arange(26), 2, 4)
    assert x.tolist() == [
        [0, 1, 2, 3],
        [12, 13, 14, 15],
        [4, 5, 6, 7],
        [16, 17, 18, 19],
        [8, 9, 10, 11],
        [20, 21, 22, 23],
    ]
    np.testing.assert_array_equal(y, x + 1)
    for m, batch, steps in [(25, 2, 4), (100, 3, 7), (8, 1, 7)]:
        x, y = streams(np.arange(m), batch, steps)
        np.testing.assert_array_equal(y, x + 1)
        again = x.reshape(-1, batch, steps).transpose(1, 0, 2).reshape(batch, -1)
        assert (np.diff(again) == 1).all()
        assert m - 1 - again.size < batch * steps
    for wrong in [(8, 2, 4), (100, 0, 4), (100, 2, 0)]:
        with pytest.raises(ValueError, match="expected a text longer than batch_size \\* steps"):
            streams(np.arange(wrong[0]), *wrong[1:])


def test_bits_of_a_model_do_not_depend_on_the_pieces():
    rng = fresh(1)
    model, text = reader(rng), rng.integers(0, 5, 40)
    whole = bits_per_character(model, text, steps=100)
    p = softmax(model.forward(text[None, :-1])[0].astype(float))
    model.layers[1].reset_state()
    assert whole == pytest.approx(-np.mean(np.log2(p[np.arange(39), text[1:]])), abs=1e-6)
    for steps in (1, 7, 39):
        assert bits_per_character(model, text, steps=steps) == pytest.approx(whole, abs=1e-5)
    with pytest.raises(ValueError, match=r"expected a text \(M,\) of two or more, got \(1,\)"):
        bits_per_character(model, [3])


def test_truncated_training_learns_a_cycle_and_writes_it():
    rng = fresh(2)
    text = np.tile([0, 1, 2, 1, 3, 1, 4], 60)  # what follows a 1 depends on what came before
    model = reader(rng)
    x, y = streams(text, 4, 10)
    before = bits_per_character(model, text)
    model.fit(
        x,
        y,
        loss=SequenceCrossentropy(from_logits=True),
        optimizer=Adam(0.02),
        batch_size=4,
        epochs=40,
    )
    after = bits_per_character(model, text)
    assert before > 2
    assert after < 0.1
    for temperature in (0, 0.5):
        written = generate(model, text[:3], 14, temperature=temperature, rng=rng)
        np.testing.assert_array_equal(written, text[3:17])
    with pytest.raises(ValueError, match="a prompt of at least one number, got none"):
        generate(model, [], 3, rng=rng)


def test_counts_by_hand():
    text = [0, 1, 0, 1, 0, 2]
    bigram = NGram(2, 3, strength=1.0).fit(text)
    unigram = (np.array([3, 2, 1]) + 1 / 3) / 7
    np.testing.assert_allclose(bigram.probabilities([]), unigram)
    np.testing.assert_allclose(bigram.probabilities([0]), (np.array([0, 2, 1]) + unigram) / 4)
    np.testing.assert_allclose(bigram.probabilities([2]), unigram)  # 2 was never followed
    np.testing.assert_allclose(bigram.probabilities([1, 1, 0]), bigram.probabilities([0]))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_n_grams_are_probabilities_and_longer_contexts_help_on_what_they_saw(n):
    rng = fresh(n)
    text = rng.integers(0, 4, 300)
    model = NGram(n, 6).fit(text)
    for k in range(0, 300, 17):
        p = model.probabilities(text[:k])
        assert p.sum() == pytest.approx(1)
        assert (p > 0).all()
    own = [-np.log2(model.probabilities(text[:k])[text[k]]) for k in range(1, len(text))]
    assert model.bits_per_character(text) == pytest.approx(np.mean(own))
    longer = NGram(n + 1, 6).fit(text)
    assert longer.bits_per_character(text) < model.bits_per_character(text)


def test_bad_n_grams():
    for wrong in [(0, 5, {}), (2, 0, {}), (2, 5, {"strength": 0})]:
        with pytest.raises(ValueError, match="expected n, n_tokens >= 1, strength > 0, got"):
            NGram(wrong[0], wrong[1], **wrong[2])
