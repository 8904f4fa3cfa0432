"""Take the pictures of README and start page from the built book: `python -m tools.screenshots`."""

import io
import sys
from pathlib import Path

from PIL import Image

from tools import browser
from tools.serve import BOOK, serving

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"


def store(png, name):
    """Write a picture with 256 colors, which a screenshot of text and lines does not exceed."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(STATIC / name, optimize=True)
    print(f"{STATIC / name}: {picture.width} x {picture.height}")


def plot(demo):
    """The middle of the demo's largest drawing, without its axes, for a card."""
    plots = [p for p in demo.locator("canvas").all() if p.bounding_box()]
    largest = max(plots, key=lambda p: p.bounding_box()["width"] * p.bounding_box()["height"])
    largest.scroll_into_view_if_needed()
    box = largest.bounding_box()
    height = box["width"] / 1.65
    top = box["y"] + (box["height"] - height) / 2
    clip = {"x": box["x"], "y": top, "width": box["width"], "height": height}
    return demo.page.screenshot(clip=clip)


def part(demo, *selectors):
    """The top of the drawings that `selectors` name, one below the other, for a card."""
    boxes = [demo.locator(selector).bounding_box() for selector in selectors]
    x, y = boxes[0]["x"], boxes[0]["y"]
    width = max(box["x"] + box["width"] for box in boxes) - x
    clip = {"x": x, "y": y, "width": width, "height": width / 1.65}
    return demo.page.screenshot(clip=clip)


def open_demo(page, url, slug, holds=None):
    """The last demo of a chapter (or the last that holds a selector), in sight and ready."""
    page.goto(f"{url}chapters/{slug}.html", wait_until="networkidle")
    demos = page.locator(".demo")
    demo = (demos.filter(has=page.locator(holds)) if holds else demos).last
    demo.scroll_into_view_if_needed()
    demo.locator("button").first.wait_for()
    page.wait_for_timeout(1000)
    return demo


def take(chromium, url):
    """A page where prose, code and a figure meet, and the learning rate demo in the ravine."""
    size = {"width": 1280, "height": 860}
    page = chromium.new_page(viewport=size, color_scheme="light", device_scale_factor=2)
    page.goto(f"{url}chapters/perceptron.html", wait_until="networkidle")
    page.wait_for_timeout(1000)
    figure = page.locator("article .cell_output img").nth(1)
    figure.evaluate("f => scrollTo(0, f.getBoundingClientRect().bottom + scrollY - 800)")
    page.wait_for_timeout(500)
    store(page.screenshot(), "page.png")

    demo = page.locator(".demo[data-ready]")
    demo.locator("select").first.select_option(label="Separable")
    update = demo.get_by_role("button", name="Next update", exact=True)
    while update.is_enabled():
        update.click()
    page.wait_for_timeout(500)
    store(plot(demo), "card_perceptron.png")

    page.set_viewport_size({"width": 1280, "height": 1400})  # the whole demo, no header over it
    page.goto(f"{url}chapters/gradient_descent.html", wait_until="networkidle")
    demo = page.locator(".demo[data-ready]").last
    demo.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    store(demo.screenshot(), "demo.png")
    store(plot(demo), "card_gradient_descent.png")

    demo = open_demo(page, url, "losses")
    demo.get_by_label("Two classes").check()
    page.wait_for_timeout(500)
    store(plot(demo), "card_losses.png")

    page.goto(f"{url}chapters/backpropagation.html#playground=layers:8-8,rate:0.1")
    demo = page.locator(".demo[data-ready]").filter(has=page.locator(".pg-scores"))
    demo.get_by_role("button", name="Run").click()
    error = "parseFloat(document.querySelectorAll('.pg-scores dd')[2].innerText)"
    page.wait_for_function(f"{error} < 3", timeout=180_000)
    demo.get_by_role("button", name="Pause").click()
    store(plot(demo), "card_backpropagation.png")

    demo = open_demo(page, url, "activations")
    demo.get_by_label("Weight scale").fill("0.1")  # a logarithm: about 1.26
    page.wait_for_timeout(500)
    store(plot(demo), "card_activations.png")

    demo = open_demo(page, url, "recurrent")
    store(part(demo, ".mm-curve"), "card_recurrent.png")
    demo = open_demo(page, url, "gated", ".gt-sentence")
    store(part(demo, ".gt-plate"), "card_gated.png")
    demo = open_demo(page, url, "regularization", ".ft-formula")
    store(plot(demo), "card_regularization.png")
    demo = open_demo(page, url, "normalization")
    store(part(demo, ".na-cubes"), "card_normalization.png")

    demo = open_demo(page, url, "optimizers", ".rc-plots")
    demo.get_by_label("Step", exact=True).fill("45")
    page.wait_for_timeout(500)
    store(plot(demo), "card_optimizers.png")

    demo = open_demo(page, url, "transfer_learning", ".fz-map")
    store(part(demo, ".fz-map"), "card_transfer_learning.png")

    demo = open_demo(page, url, "autoencoders")
    demo.get_by_label("Decoded map").check()
    page.wait_for_timeout(500)
    store(plot(demo), "card_autoencoders.png")

    demo = open_demo(page, url, "gans")
    demo.get_by_label("Generator rate").fill("-3")
    demo.get_by_label("Discriminator rate").fill("-3")
    demo.get_by_label("Show the arrows").uncheck()
    demo.get_by_role("button", name="Reset").click()
    demo.get_by_role("button", name="Train").click()
    demo.locator(".twice-met").wait_for(timeout=180_000)
    demo.get_by_role("button", name="Pause").click()
    store(plot(demo), "card_gans.png")


def main():
    path = browser.find_chromium()
    if path is None or not (BOOK / "index.html").exists():
        print("This needs Chromium and a built book: run `make book` first.", file=sys.stderr)
        return 1
    with serving(BOOK) as url, browser.launch(path) as chromium:
        take(chromium, url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
