"""The GAN on a ring in Chromium, alone on a page, with a stand-in for the kernel of Jupyter."""

import numpy as np
import pytest
from bench import contrast

from twice.scratch.perceptron import sigmoid
from twice.widgets import Ring

pytestmark = pytest.mark.browser
MAP, MODES = ".rg-map canvas", ".rg-curve:first-child canvas"
LOSSES = ".rg-curve:last-child canvas"
OPENING = "Non-saturating; rates 0.01 and 0.0005"
STEP = "Number(document.querySelector('.rg-scores dd').innerText)"


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(Ring(**traits), **(options or {}))

    return make


def control(here, label):
    return here.page.get_by_label(label, exact=True)


def rounds(here):
    """The rounds under the goal, without the words for a screen reader."""
    texts = here.page.locator(".rg-record li").all_text_contents()
    return [text.split(":")[0].strip() for text in texts]


def step(here):
    return here.page.evaluate(STEP)


def train_to(here, count):
    """Train until so many steps are shown, then pause."""
    here.press("▶ Train")
    here.page.wait_for_function(f"{STEP} >= {count}", timeout=60_000)
    here.press("❚❚ Pause")


def twin(here):
    """The Python demo with the settings and the weights of the page."""
    names = ("loss", "generator_rate", "discriminator_rate", "latent", "seed", "weights", "steps")
    return Ring(**{name: here.trait(name) for name in names})


def test_train_moves_the_points_live_and_pause_hands_the_weights_to_python(bench):
    here = bench(options={"reduced_motion": "no-preference"})
    before = [here.pixels(canvas) for canvas in (MAP, MODES, LOSSES)]
    assert "Press Train" in here.text(".twice-say")
    train_to(here, 60)
    assert here.trait("running") is False
    still = step(here)
    here.page.wait_for_timeout(200)
    assert step(here) == still == here.trait("steps")
    after = [here.pixels(canvas) for canvas in (MAP, MODES, LOSSES)]
    assert all(a != b for a, b in zip(before, after, strict=True))
    demo = twin(here)
    near = f"{int(100 * demo.counts.sum() / 400 + 0.5)} %"  # a half is rounded up, as on the page
    shown = here.page.locator(".rg-scores dd").all_inner_texts()
    shown = [text.replace("\u00a0", " ") for text in shown]
    assert shown == [str(demo.steps), f"{demo.covered} of 8", near]
    assert here.page.evaluate("window.model.saved") >= 1
    assert here.complaints == []


def test_a_step_is_one_and_reset_goes_back_to_the_first_weights(bench):
    here = bench(seed=4)
    first = here.pixels(MAP)
    for count in (1, 2, 3):
        here.press("Step")
        assert (step(here), here.trait("steps")) == (count, count)
    weights = here.trait("weights")
    assert here.pixels(MAP) != first
    here.press("Reset")
    assert (step(here), here.trait("steps"), here.trait("weights")) == (0, 0, [])
    assert here.pixels(MAP) == first
    for _ in range(3):  # the same seed, the same game
        here.press("Step")
    assert here.trait("weights") == weights


def test_it_collapses_and_is_mended_by_hand(bench):
    here = bench()
    here.press("▶ Train")
    said = "document.querySelector('.twice-say').innerText"
    words = "The generator learns 20 times faster"
    here.page.wait_for_function(f"{STEP} >= 200 && {said}.includes('{words}')", timeout=60_000)
    here.press("❚❚ Pause")
    assert here.trait("goal_met") is False
    control(here, "Generator rate").focus()
    for _ in range(4):  # a quarter of a power of ten each
        here.page.keyboard.press("ArrowLeft")
    control(here, "Discriminator rate").fill("-3")
    here.settle()
    assert (here.trait("generator_rate"), here.trait("discriminator_rate")) == (0.001, 0.001)
    assert step(here) >= 200  # the game goes on
    here.press("Reset")
    assert step(here) == 0
    here.press("▶ Train")
    here.page.wait_for_selector(".twice-met", timeout=120_000)
    here.press("❚❚ Pause")
    assert here.trait("goal_met") is True
    banner = here.text(".twice-goal")
    assert "All eight modes held: Non-saturating; rates 0.001 and 0.001 (steps" in banner
    assert "break it in another way" in banner
    assert twin(here).covered >= 7
    control(here, "Loss").select_option("minimax")
    here.settle()
    assert here.text(".twice-goal") == banner
    control(here, "Loss").select_option("non_saturating")
    assert rounds(here) == ["✓ 1", "2"]

    # The second round: Reset opens it, with a hint; what the hint says breaks the game.
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert rounds(here) == ["✓ 1", "2"]  # a record stays
    assert "Round 2. Break it in another way: at most 5 modes" in here.text(".twice-goal")
    control(here, "Discriminator rate").fill("-2")
    here.press("▶ Train")
    here.page.wait_for_function("window.model.state.broken", timeout=120_000)
    here.press("❚❚ Pause")
    assert step(here) >= 1500
    late = "Non-saturating; rates 0.001 and 0.01"
    assert here.trait("broken") == late
    assert f"Round 2. Broken: {late}" in here.text(".twice-goal")
    assert "change a setting, and press Reset" in here.text(".twice-say")
    control(here, "Discriminator rate").fill("-3")
    here.settle()
    assert "the same game goes on. Reset starts a fresh game" in here.text(".rg-note")
    here.press("Reset")
    assert "Now mend that" in here.text(".twice-goal")
    here.press("▶ Train")
    here.page.wait_for_selector(".twice-met", timeout=120_000)
    here.press("❚❚ Pause")
    assert rounds(here) == ["✓ 1", "✓ 2"]
    assert "Broken and mended!" in here.text(".twice-goal")
    (first, _), (second, mend) = here.trait("mends")
    assert (first, second) == (OPENING, late)
    assert mend.startswith("Non-saturating; rates 0.001 and 0.001 (steps ")
    assert here.trait("broken") == ""


def test_what_is_set_goes_on_or_begins_anew(bench):
    here = bench()
    for label, value in [
        ("Loss", "wasserstein_penalty"),
        ("Loss", "wasserstein_clip"),
        ("Generator rate", "-2.5"),
        ("Discriminator rate", "-3"),
        ("Discriminator steps per generator step", "3"),
    ]:
        here.press("Step")
        node = control(here, label)
        node.select_option(value) if label == "Loss" else node.fill(value)
        here.settle()
        assert step(here) > 0, label
    assert (here.trait("critic_steps"), here.trait("discriminator_rate")) == (3, 0.001)
    here.press("Step")
    assert np.abs(twin(here).gan.discriminator.get_weights()[0]).max() <= 0.1  # clipped
    control(here, "Latent dimensions").fill("5")
    here.settle()
    assert (step(here), here.trait("latent"), here.trait("weights")) == (0, 5, [])
    here.press("Step")
    here.press("Seed 0 ▸")
    assert (step(here), here.trait("seed"), here.trait("weights")) == (0, 1, [])
    assert here.page.get_by_role("button", name="Seed 1 ▸").count() == 1
    here.page.evaluate("window.model.set('weights', [])")  # Python speaks
    here.settle()
    assert here.complaints == []


def test_python_sets_weights_and_the_probe_reads_the_score(bench):
    rng = np.random.default_rng(0)
    weights = [[rng.normal(size=w), rng.normal(size=b)] for w, b in Ring().shapes]
    demo = Ring(weights=weights, steps=9, probe=[0.5, -1.0])
    here = bench(weights=weights, steps=9, probe=[0.5, -1.0])
    assert step(here) == 9

    def shown():
        z = demo.gan.discriminator.forward(np.array([here.trait("probe")]))
        return f"{100 * sigmoid(z).item():.0f} % real"

    probe = here.page.locator(".twice-handle")
    label = probe.locator("text")
    assert label.inner_html().replace("&nbsp;", " ").replace("\u00a0", " ") == shown()
    probe.scroll_into_view_if_needed()
    here.drag(probe, 60, -90)
    x, y = here.trait("probe")
    assert x > 0.9
    assert y > 0
    assert label.inner_html().replace("&nbsp;", " ").replace("\u00a0", " ") == shown()
    probe.focus()
    here.page.keyboard.press("ArrowLeft")
    here.settle()
    assert here.trait("probe")[0] == pytest.approx(x - 0.1)
    assert f"{here.trait('probe')[0]:.2f}" in probe.get_attribute("aria-label")
    demo.loss = "wasserstein_clip"
    control(here, "Loss").select_option("wasserstein_clip")
    here.settle()
    z = demo.gan.discriminator.forward(np.array([here.trait("probe")])).item()
    assert label.inner_html() == f"score {z:.2f}".replace("-", "−")


def test_the_theme_turns_a_resting_picture_too(bench):
    here = bench()
    train_to(here, 60)
    light = [here.pixels(canvas) for canvas in (MAP, MODES, LOSSES)]
    here.tone("dark")
    here.settle()
    dark = [here.pixels(canvas) for canvas in (MAP, MODES, LOSSES)]
    assert all(a != b for a, b in zip(light, dark, strict=True))
    here.tone("light")
    here.settle()
    assert [here.pixels(canvas) for canvas in (MAP, MODES, LOSSES)] == light


def test_arrows_can_be_hidden(bench):
    here = bench()
    here.press("Step")
    full = here.pixels(MAP)
    control(here, "Show the arrows").uncheck()
    here.settle()
    assert here.pixels(MAP) != full
    assert here.trait("arrows") is False


def test_a_set_speed_is_kept(bench):
    """On a clock of its own: half a second at 20 steps a second is ten steps."""
    here = bench(options={"reduced_motion": "no-preference"}, speed="slow")
    here.page.evaluate(
        """() => {
            let [now, asked] = [1000, []];
            window.requestAnimationFrame = (fn) => asked.push(fn);
            window.beat = (ms) => { now += ms; for (const fn of asked.splice(0)) fn(now); };
        }"""
    )
    here.page.get_by_role("button", name="▶ Train").click()
    here.page.evaluate("() => { for (let i = 0; i < 12; i++) window.beat(50); }")
    here.page.evaluate("window.model.set('running', false)")
    assert 9 <= here.trait("steps") <= 11


def test_a_frame_of_training_does_not_block(bench):
    """With a clock that moves 1 ms at every look, a frame has time for some eight steps."""
    here = bench()
    here.page.evaluate(
        """() => {
            let [t, next] = [0, window.requestAnimationFrame.bind(window)];
            performance.now = () => (t += 1);
            window.frames_seen = 0;
            window.requestAnimationFrame = (fn) => next((time) => {
                window.frames_seen += 1;
                fn(time);
            });
        }"""
    )
    train_to(here, 20)
    assert 0 < here.trait("steps") <= 9 * here.page.evaluate("window.frames_seen")


def test_training_rests_out_of_sight(bench):
    here = bench(options={"viewport": {"width": 900, "height": 700}})
    here.page.evaluate("document.body.style.paddingBottom = '4000px'")
    here.press("▶ Train")
    here.page.wait_for_function(f"{STEP} > 5")
    here.page.evaluate("window.scrollTo(0, 3500)")
    here.page.wait_for_timeout(800)
    seen = step(here)
    here.page.wait_for_timeout(800)
    assert step(here) == seen > 0
    here.page.evaluate("window.scrollTo(0, 0)")
    here.page.wait_for_function(f"{STEP} > {seen}")


def test_reduced_motion_trains_on_but_draws_rarely(bench):
    here = bench()
    here.page.evaluate(
        """() => {
            window.drawn = 0;
            new MutationObserver(() => (window.drawn += 1))
                .observe(document.querySelector(".rg-scores dd"), { childList: true });
        }"""
    )
    here.press("▶ Train")
    here.page.wait_for_timeout(2000)
    drawn = here.page.evaluate("window.drawn")
    here.press("❚❚ Pause")
    assert 1 <= drawn <= 7
    assert step(here) > 10


@pytest.mark.parametrize("label", ["Generator rate", "Latent dimensions"])
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, label):
    here = bench(latent=16)
    slider = control(here, label)
    low, by = (float(slider.get_attribute(name)) for name in ("min", "step"))
    assert 0 < here.answer_time(slider, low, by, steps=12) < 16


def test_a_game_that_blows_up_stops_and_says_why(bench):
    here = bench()
    here.press("Step")
    here.page.evaluate(
        """() => {
            const weights = structuredClone(window.model.state.weights);
            weights[3][0][0][0] = 1e308;
            weights[4][0][0][0] = 1e308;
            window.model.set("weights", weights);
        }"""
    )
    here.press("▶ Train")
    here.page.wait_for_function("!window.model.state.running", timeout=20_000)
    here.settle()
    assert "no longer numbers" in here.text(".twice-say")
    assert here.trait("weights") == []
    here.press("Reset")
    assert "Press Train" in here.text(".twice-say")
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 375, 700, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    here.tone(tone)
    here.press("Step")
    here.assert_inside(
        width, ".rg-settings", ".rg-map", ".rg-scores", ".rg-actions", ".rg-curve >> nth=1"
    )
    assert here.page.locator(".rg-map svg").first.bounding_box()["width"] >= 0.5 * min(width, 700)
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.small_texts() == []
    here.assert_labelled()
    assert here.complaints == []


@pytest.mark.parametrize("card", [288, 341, 440, 600, 680, 750, 800])
def test_nothing_is_cut_in_the_book(bench, card):
    here = bench(options={"viewport": {"width": max(card + 34, 320), "height": 800}})
    here.in_the_book(card)
    here.press("Step")
    assert here.cut() == []
    starts = "(n) => getComputedStyle(n).marginLeft"
    assert here.page.locator(".rg-scores dd").first.evaluate(starts) == "0px"


@pytest.mark.parametrize("width", [360, 1280])
def test_train_stands_under_the_sliders_and_the_sentence_beside_the_picture(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    here.in_the_book(None if width == 360 else 760)

    def box(selector):
        found = here.page.locator(selector).first.bounding_box()
        return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]

    sliders, train, said, ring = map(box, (".rg-settings", ".rg-actions", ".twice-say", ".rg-map"))
    assert 0 <= train[1] - sliders[3] <= 16
    if width == 360:
        assert said[3] <= ring[1] <= said[3] + 90  # the scores are between
        assert train[3] <= said[1] <= train[3] + 90
    else:
        assert ring[2] <= said[0]
        assert ring[3] <= sliders[1] + 800  # all of it on a screen with the sliders
        assert box(".rg-scores")[1] - 10 <= said[1] <= ring[3]


def test_both_guessing_lines_say_whose_they_are(bench):
    here = bench()
    here.press("Step")
    found = here.page.locator("[class^=rg-guess]")
    for loss, wanted in [
        ("non_saturating", ["guessed: 1.39", "guessed: 0.69"]),
        ("minimax", ["guessed: 1.39", "guessed: −0.69"]),
    ]:
        control(here, "Loss").select_option(loss)
        here.settle()
        assert found.all_text_contents() == wanted
        fills = found.evaluate_all("(all) => all.map((n) => getComputedStyle(n).fill)")
        assert len(set(fills)) == 2
        d, g = (node.bounding_box() for node in found.all())
        assert d["y"] + d["height"] <= g["y"] + 2 or g["x"] + g["width"] <= d["x"] + 2
    control(here, "Loss").select_option("wasserstein_clip")
    here.settle()
    assert not found.first.is_visible()


def test_arrows_and_tails_of_a_collapse_stay_near_their_points(bench):
    """No ink far from the points: arrows are bounded, and a crowd that jumps leaves no wedge."""
    here = bench(options={"reduced_motion": "no-preference"})
    train_to(here, 1000)
    demo = twin(here)
    far = here.page.locator(MAP).evaluate(
        """(canvas, x) => {
            const { width: w, height: h } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, w, h);
            const style = getComputedStyle(document.querySelector(".twice"));
            const hex = style.getPropertyValue("--twice-path").trim();
            const ink = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
            let [seen, most] = [0, 0];
            for (let k = 0; k < w * h; k++) {
                if (ink.some((c, i) => data[4 * k + i] !== c)) continue;
                seen += 1;
                const [a, b] = [6 * ((k % w) + 0.5) / w - 3, 3 - 6 * (Math.floor(k / w) + 0.5) / h];
                most = Math.max(most, Math.min(...x.map(([p, q]) => Math.hypot(a - p, b - q))));
            }
            return [seen, most];
        }""",
        demo.samples[:60].tolist(),
    )
    assert far[0] > 10
    assert far[1] < 0.8


@pytest.mark.parametrize("width", [360, 820])
def test_nothing_moves_while_it_trains(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    here.in_the_book()
    places = """() => [".rg-settings", ".rg-map", ".rg-actions", ".twice-say", ".rg-curve"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    sentence = "() => document.querySelector('.twice').getBoundingClientRect().height"
    still, tall = here.page.evaluate(places), here.page.evaluate(sentence)
    for count in (40, 200, 400):
        train_to(here, count)
        assert here.page.evaluate(places) == still
        assert here.page.evaluate(sentence) == tall


def test_points_and_lines_are_seen_in_both_themes(bench):
    here = bench()
    for tone in ("light", "dark"):
        here.tone(tone)
        names = ("--twice-surface", "--twice-class0", "--twice-class1", "--rg-real", "--rg-fake")
        surface, blue, orange, real, fake = (
            here.page.evaluate(
                """(name) => getComputedStyle(document.querySelector(".twice"))
                    .getPropertyValue(name).trim()""",
                name,
            )
            for name in names
        )

        def mix(end, surface=surface):
            a, b = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (surface, end))
            return "#" + "".join(
                f"{round(s + 0.7 * (e - s)):02x}" for s, e in zip(a, b, strict=True)
            )

        for ground in (surface, mix(blue), mix(orange)):
            for mark in (real, fake):
                # no color of points beats both ends: the strongest is left at 2, with an outline
                assert contrast(mark, ground) >= 2, (tone, mark, ground)
        assert min(contrast(real, surface), contrast(fake, surface)) >= 4.5


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.press("▶ Train")
    here.assert_leaves_nothing()
