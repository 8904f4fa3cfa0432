"""The clinic: its JavaScript against Python and the stored runs, its texts, and its class."""

import io
import itertools
import re

import matplotlib.image
import numpy as np
import pytest
import traitlets
from js import run_js

from experiments import clinic as run
from twice import results
from twice.widgets import Clinic
from twice.widgets import clinic as module
from twice.widgets.clinic import COMPARED, FAULTS, HEALTHY, PATIENTS, STORED, records

SCRIPT = "clinic.js"
PAIRS = [pair for pair in itertools.product(FAULTS, FAULTS) if pair[0] != pair[1]]


@pytest.fixture(scope="module")
def claims():
    return results.load("clinic")["claims"]


@pytest.fixture(scope="module")
def unpacked():
    return run_js(SCRIPT, "return demo.unpack(data)", Clinic().records)


def faulty(name):
    return f"{name} {PATIENTS[name]}"


def facts():
    """The facts of the eight patients, as JavaScript finds them, and of the healthy ones."""
    return run_js(
        SCRIPT,
        """const { runs, moments } = demo.unpack(data);
        return Object.fromEntries(Object.entries(runs).map(
            ([name, run]) => [name, demo.facts(run, moments)]));""",
        Clinic().records,
    )


# ---- what Python sends -------------------------------------------------------------------------


def test_the_page_reads_the_numbers_that_python_reads(unpacked):
    names = [*(f"{f} {s}" for f, s in PATIENTS.items()), *(f"{HEALTHY} {s}" for s in range(6))]
    assert sorted(unpacked["runs"]) == sorted(names)
    for name, ours in unpacked["runs"].items():
        fault, seed = name.split()
        theirs = records(fault, seed)
        for curve in (*module.CURVES, "histogram"):
            np.testing.assert_array_equal(ours[curve], theirs[curve], err_msg=name)
    assert unpacked["moments"] == theirs["moments"].tolist()
    assert unpacked["looks"] == theirs["looks"].tolist()
    assert unpacked["edges"] == theirs["edges"].tolist()


def test_what_the_page_gets_is_small():
    assert STORED.stat().st_size < 100_000
    sent = Clinic().records
    assert len(sent["curves"]) + len(sent["histograms"]) < 150_000


@pytest.mark.parametrize("value", [0, 1, -2.5, 65504, 6.1e-5, 6e-8, 0.3333, 1000.5])
def test_half_floats_are_read(value):
    bits = int(np.float16(value).view(np.uint16))
    assert run_js(SCRIPT, "return demo.half(data)", bits) == float(np.float16(value))


def test_both_sides_know_the_same_patients_and_names():
    patients, names = run_js(SCRIPT, "return [demo.PATIENTS, demo.NAMES]")
    assert patients == PATIENTS
    assert list(patients) == list(FAULTS)
    assert {fault: text[0].lower() + text[1:] for fault, text in names.items()} == FAULTS
    assert COMPARED not in PATIENTS.values()


@pytest.mark.parametrize("seed", [0, 1, 7, 2**32 - 1])
def test_the_order_is_shuffled_alike(seed):
    assert run_js(SCRIPT, "return demo.order(data)", seed) == Clinic(seed=seed).order


def test_orders_differ():
    orders = {tuple(Clinic(seed=seed).order) for seed in range(20)}
    assert len(orders) > 18
    assert len({order[0] for order in orders}) >= 6
    assert all(sorted(order) == sorted(FAULTS) for order in orders)


# ---- facts and texts ---------------------------------------------------------------------------


def test_the_page_finds_the_facts_of_the_experiment():
    stored = results.load("clinic")["facts"]
    for name, ours in facts().items():
        fault, seed = name.split()
        theirs = stored[fault][int(seed)]
        assert set(ours) == set(theirs) - {"last_spread"}
        for key, value in ours.items():
            np.testing.assert_allclose(value, theirs[key], rtol=5e-3, atol=2e-3, err_msg=name)


def test_a_wrong_diagnosis_is_answered_with_a_claim_that_fails_here_in_every_seed(claims):
    proofs, texts = run_js(SCRIPT, "return [demo.PROOFS, demo.CLAIMS]")
    assert set(proofs) == set(texts) == set(FAULTS)
    for fault, about in texts.items():
        assert set(about) == set(run.CLAIMS[fault]), fault
    for patient, wrong in PAIRS:
        found = claims[wrong][proofs[patient][wrong]]
        assert found["held"] == 6, (patient, wrong)
        assert found["others"][patient] == 0, (patient, wrong)
    assert all(proofs[fault][fault] is None for fault in FAULTS)
    used = {(wrong, proofs[patient][wrong]) for patient, wrong in PAIRS}
    assert used == {(fault, name) for fault, about in texts.items() for name in about}


def answers():
    return run_js(
        SCRIPT,
        """const { runs, moments } = demo.unpack(data);
        const found = {};
        for (const patient of Object.keys(demo.PATIENTS)) {
            const f = demo.facts(runs[`${patient} ${demo.PATIENTS[patient]}`], moments);
            for (const wrong of Object.keys(demo.PATIENTS)) {
                if (wrong === patient) continue;
                found[`${patient} ${wrong}`] = demo.evidence(patient, wrong, f);
            }
        }
        return found;""",
        Clinic().records,
    )


def test_every_answer_has_its_reason_and_names_a_number_of_the_patient():
    found = answers()
    assert len(found) == 56
    assert len({answer["text"] for answer in found.values()}) > 50  # some share a symptom
    for patient in FAULTS:
        own = {answer["text"] for pair, answer in found.items() if pair.startswith(patient)}
        assert len(own) == 7
    charts = ("loss", "accuracy", "ratio", "gradient", "dead", "histogram")
    for pair, answer in found.items():
        text = answer["text"]
        assert answer["chart"] in charts
        assert not re.search(r"NaN|undefined|Infinity|not a number", text), pair
        assert re.search(r"(Here|This).*(\d|exactly 0|not at all)", text), pair
    assert {answer["chart"] for answer in found.values()} == set(charts)
    by_diagnosis = {}
    for pair, answer in found.items():
        by_diagnosis.setdefault(pair.split()[0], set()).add(answer["chart"])
    assert all(len(charts) >= 3 for charts in by_diagnosis.values())


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("rate_high dead_units", "12\u00a0% of a layer’s units are dead before"),
        ("rate_high dead_units", "77\u00a0% of layer 1 by the end"),
        ("small_weights dead_units", "norm is tiny, 0.0002, but it is not 0. Faint is not silent."),
        ("dead_units small_weights", "Here 100\u00a0% of a layer answer to none."),
        ("dead_units rate_low", "Here the first layer’s is exactly 0"),
        ("raw_inputs rate_high", "This loss is 14.6 before any step is taken."),
        ("wrong_labels overfitting", "ends with 100\u00a0% and 8\u00a0%."),
        ("overfitting wrong_labels", "100\u00a0% of the training and 75\u00a0% of the validation"),
        ("softmax_twice rate_low", "a loss of 1.56 with 91\u00a0% right"),
        ("rate_low small_weights", "Here it has 1.33"),
    ],
)
def test_answers_speak_of_this_patient(pair, words):
    text = answers()[pair]["text"]
    if words.startswith("12"):
        worst = max(records("rate_high", 0)["dead"][:, 0])
        words = f"{round(100 * worst)}{words[2:]}"
    if words.startswith("Here it has"):
        words = f"Here it has {10 ** records('rate_low', 3)['spread'][3, 0]:.2f}"
    assert words in text


def test_every_lesson_tells_its_numbers_and_the_cure():
    found = run_js(
        SCRIPT,
        """const { runs, moments } = demo.unpack(data);
        return Object.fromEntries(Object.entries(demo.PATIENTS).map(([fault, seed]) =>
            [fault, demo.lesson(fault, ...[fault, "healthy"].map(
                (name) => demo.facts(runs[`${name} ${seed}`], moments)))]));""",
        Clinic().records,
    )
    for fault, text in found.items():
        seed = PATIENTS[fault]
        well, ill = (100 * records(f, seed)["accuracy"][1, -1] for f in (HEALTHY, fault))
        end = (
            f"It now reads {well:.0f}\u00a0% of the validation images instead of {ill:.0f}\u00a0%."
        )
        assert text.endswith(end), fault
        assert well - ill > 3
        assert "Mended: " in text
        assert not re.search(r"NaN|undefined|Infinity", text)
    assert "rate 0.03 instead of 0.5" in found["rate_high"]
    assert f"{run.RATE} instead of 0.00003" in found["rate_low"]
    assert f"a std of {run.SMALL_STD}" in found["small_weights"]
    assert "at 0 instead of −2" in found["dead_units"]
    assert f"{run.TRAIN} images instead of {run.FEW}" in found["overfitting"]
    assert "1.46" in found["softmax_twice"]
    loss = records("overfitting", PATIENTS["overfitting"])["loss"]
    assert "stays at 0.97 while the training loss goes on to 0.0007" in found["overfitting"]
    assert np.ptp(loss[1, -15:]) < 0.05 * loss[1, -1]  # it stays
    assert loss[0, -1] < 0.6 * loss[0, -15]  # it goes on
    assert np.all(records("dead_units", 1)["ratio"] == module.FLOOR)


@pytest.mark.parametrize(
    ("power", "words"),
    [
        (-12, "not at all"),
        (-0.1, "half or more"),
        (-1, "one part in 10"),
        (-1.2, "one part in 16"),
        (-1.5, "one part in 30"),
        (-2.3, "one part in 200"),
        (-3.3, "one part in 2,000"),
        (-5.1, "one part in 130,000"),
    ],
)
def test_ratios_are_told_as_parts(power, words):
    assert run_js(SCRIPT, "return demo.part(data)", power) == words


def told(name, t):
    return run_js(
        SCRIPT,
        """const { runs, moments } = demo.unpack(data[0]);
        return demo.reading(runs[data[1]], moments, data[2]);""",
        [Clinic().records, name, t],
    ).replace("\u00a0", " ")


def test_the_reading_tells_the_moments_numbers_and_no_diagnosis():
    text = told(faulty("raw_inputs"), 0)
    assert text.startswith("Before the first step the loss is 14.6 on training images (guessing ")
    assert "would cost less, 2.30" in text
    text = told(faulty("dead_units"), 20)
    assert "that is what guessing costs" in text
    assert "does not move a single weight matrix; up to 100 % of a layer’s units are dead" in text
    text = told(f"{HEALTHY} 5", 1)
    assert text.startswith("After 1 step the loss")
    assert re.search(r"moves a layer’s weights by one part in \d+ to one part in \d+", text)
    last = len(records(HEALTHY, 5)["moments"]) - 1
    text = told(f"{HEALTHY} 5", last)
    assert text.startswith("After 1,919 steps the loss is 0.002 on training images (guessing would")
    assert "100 % and 96 % are right" in text
    for fault in FAULTS:
        for t in (0, 5, last):
            assert not re.search("NaN|undefined|∞", told(faulty(fault), t))


def test_a_moment_shows_the_last_histogram_until_then(unpacked):
    found = run_js(
        SCRIPT,
        "return data.moments.map((_, t) => demo.lookAt(data, t))",
        {name: unpacked[name] for name in ("moments", "looks")},
    )
    for step, look in zip(unpacked["moments"], found, strict=True):
        assert unpacked["looks"][look] <= step
        assert look + 1 == len(unpacked["looks"]) or unpacked["looks"][look + 1] > step


def test_checking_adds_a_diagnosis_once_and_ends_when_it_is_right():
    body = """const faults = demo.order(data.seed);
        let tried = faults.map(() => []);
        for (const [i, choice] of data.steps) tried = demo.checked(tried, faults, i, choice);
        return [tried, demo.standing(tried, faults)];"""
    order = Clinic(seed=4).order
    steps = [[0, order[0]], [1, order[0]], [1, order[0]], [1, ""], [1, order[1]], [1, order[2]]]
    tried, standing = run_js(SCRIPT, body, {"seed": 4, "steps": steps})
    assert tried == [[order[0]], [order[0], order[1]], *([[]] * 6)]
    assert standing == {"found": [True, True, *[False] * 6], "count": 2, "score": 1}
    demo = Clinic(seed=4, tried=tried)
    assert demo.found == standing["found"]
    assert demo.score == 1


# ---- the Python class --------------------------------------------------------------------------


def test_the_class_tells_its_state():
    demo = Clinic()
    assert demo.step == 1919
    assert demo.score == 0
    assert not any(demo.found)
    assert demo.goal_met is False
    order = demo.order
    demo.patient = order.index("overfitting") + 1
    assert demo.fault == "overfitting"
    assert repr(demo) == (
        f"Clinic(seed=0): 0 of 8 found, 0 with the first choice; patient {demo.patient} (not found "
        "yet) after 1919 steps: loss 0.000724, validation 0.971; right 100%, validation 75%"
    )
    demo.tried = [[fault] for fault in order]
    demo.moment = 0
    assert demo.step == 0
    assert demo.score == 8
    assert "8 of 8 found, 8 with the first choice" in demo.summary()
    assert "(too few images, learned by heart)" in demo.summary()


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"patient": 0}, "patient"),
        ({"patient": 9}, "patient"),
        ({"moment": -1}, "moment must be 0 to"),
        ({"moment": 1920}, "moment must be 0 to .*, not 1920"),
        ({"choice": "flu"}, "choice"),
        ({"seed": -1}, "seed"),
        ({"tried": [[]]}, "tried must be 8 lists"),
        ({"tried": [["flu"], *[[]] * 7]}, "tried must be 8 lists of different names"),
        ({"tried": [["rate_low", "rate_low"], *[[]] * 7]}, "different names"),
        ({"tried": ["rate_low", *[[]] * 7]}, "tried must be 8 lists"),
    ],
)
def test_wrong_values_are_told_clearly(traits, words):
    with pytest.raises(traitlets.TraitError, match=words):
        Clinic(**traits)


@pytest.mark.parametrize("traits", [{}, {"patient": 5, "moment": 0, "compare": False}])
def test_the_still_picture_can_be_drawn(traits):
    picture = matplotlib.image.imread(io.BytesIO(Clinic(**traits).picture()))
    assert picture.shape == (520, 960, 4)
    assert picture[..., :3].std() > 0.1
