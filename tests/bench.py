"""One demo on a page of its own, with a model that stands in for the kernel."""

import json
from pathlib import Path

import numpy as np

# What anywidget hands to render(): get, set, save_changes, on, off. It counts its listeners.
MODEL = """
const listeners = [];
window.model = {
  state: %s, saved: 0, listeners,
  get(name) { return this.state[name]; },
  set(name, value) {
    this.state[name] = value;
    for (const [event, fn] of [...listeners]) if (event === `change:${name}`) fn();
  },
  save_changes() { this.saved += 1; },
  on(event, fn) { listeners.push([event, fn]); },
  off(event, fn) { listeners.splice(listeners.findIndex(([e, f]) => e === event && f === fn), 1); },
};
window.dispose = render({ model: window.model, el: document.getElementById("host") });
"""
PAGE = """<!DOCTYPE html><html lang="en" data-theme="light">
<head><meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><div id="host"></div></body></html>"""
ROOT = Path(__file__).resolve().parent.parent

# Texts are measured as they are painted; what may scroll (a diagram) is left out.
CUT = """() => {
    const card = document.querySelector(".twice");
    const [edge, found] = [card.getBoundingClientRect(), []];
    const inner = card.clientWidth - 2 * parseFloat(getComputedStyle(card).paddingLeft);
    const range = document.createRange();
    const hidden = "[class$=-spoken], .pg-net, .cg-box, option";
    const walk = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest(hidden)) continue;
        if (!parent.getClientRects().length) continue;
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        const own = parent.closest("td, th, dd, dt, button");
        const end = own && !own.closest("svg") ? own.getBoundingClientRect().right : edge.right;
        if (box.left < edge.left || box.right > end + 0.5 || box.right > edge.right) {
            found.push(`${node.data.trim()} ${box.left} to ${box.right}, room to ${end}`);
        }
    }
    for (const table of card.querySelectorAll("table")) {
        const wide = table.offsetWidth;
        if (wide > inner + 1) found.push(`a table of ${wide} px in ${inner}`);
    }
    for (const select of card.querySelectorAll("select")) {
        if (!select.offsetWidth) continue;
        const [style, probe] = [getComputedStyle(select), document.createElement("span")];
        probe.style.cssText = `position: absolute; white-space: nowrap; font: ${style.font}`;
        for (const option of select.options) {
            probe.textContent = option.textContent;
            card.append(probe);
            const free = select.clientWidth - parseFloat(style.paddingLeft)
                - parseFloat(style.paddingRight) - 18; // its arrow
            const [text, wide] = [option.textContent, probe.offsetWidth];
            if (wide > free + 1) found.push(`${text}: ${wide} px in ${free}`);
            probe.remove();
        }
    }
    return found;
}"""


# The work after an input event: the handler's and that of the frames it asks for.
ANSWER = """async (slider, value) => {
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""
# How much of a canvas changed: a checksum of its pixels.
PIXELS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, v, i) => (sum * 31 + v + i) % 1000003, 0);
}"""


class Bench:
    """A page with one demo on it, and short names for what the tests do there."""

    def __init__(self, page, demo):
        self.page = page
        self.complaints = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_content(PAGE)
        state = demo.get_state()
        page.add_style_tag(content=state["_css"])
        shown = {name: value for name, value in state.items() if not name.startswith("_")}
        script = state["_esm"] + MODEL % json.dumps(shown, default=str)
        page.add_script_tag(content=script, type="module")
        page.wait_for_selector(".twice-handle")

    def in_the_book(self, card=None):
        """As on a page of the book: its styles, a wide sans font, margins beside the card."""
        styles = (ROOT / "book" / "_static" / "custom.css").read_text(encoding="utf-8")
        self.page.add_style_tag(content=styles)
        size = f"width: {card}px" if card else "padding: 0 17px"
        self.page.add_style_tag(
            content=f"""body {{ margin: 0; font-family: "DejaVu Sans", Verdana, sans-serif; }}
            .bd-article {{ {size}; box-sizing: border-box; }}
            .bd-article dl[class]:not(.a, .b) dd {{ margin: 3px 0 10px 2rem; }}
            .bd-article :is(th, td) {{ padding: 0.35rem 0.7rem; white-space: nowrap; }}"""
        )
        self.page.evaluate("document.body.firstElementChild.className = 'bd-article'")
        self.settle()

    def cut(self):
        """Words, inputs and tables that reach out of the card's content or of their own box."""
        return self.page.evaluate(CUT)

    def small_texts(self):
        """Texts below 12 px, superscripts aside."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll(".twice *")].filter((node) =>
                [...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim())
                && node.checkVisibility() && node.tagName !== "SUP"
                && parseFloat(getComputedStyle(node).fontSize) < 12)
                .map((node) => node.textContent)"""
        )

    def assert_labelled(self):
        """Every input and every choice says what it is for."""
        assert self.page.evaluate(
            """() => [...document.querySelectorAll("input, select")].every((input) =>
                input.labels.length === 1 || input.getAttribute("aria-label"))"""
        )

    def assert_leaves_nothing(self):
        """The demo goes away: no listener, no node, no timer stays behind."""
        assert self.page.evaluate("window.model.listeners.length") > 5
        self.page.evaluate("window.dispose()")
        assert self.page.evaluate("window.model.listeners.length") == 0
        assert self.page.locator(".twice").count() == 0
        self.page.wait_for_timeout(600)
        assert self.complaints == []

    def settle(self):
        """Let two frames pass: whatever was asked to be drawn is drawn."""
        self.page.evaluate(
            "new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"
        )

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def drag(self, node, dx, dy):
        """Take a node by its middle with the mouse and move it by so many pixels."""
        box = node.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=4)
        self.page.mouse.up()
        self.settle()

    def trait(self, name):
        return self.page.evaluate("(name) => window.model.state[name]", name)

    def text(self, selector):
        return self.page.locator(selector).inner_text().replace("\u00a0", " ")

    def handle(self, letter):
        return self.page.locator(f".twice-handle[aria-label^='Point {letter},']")

    def pixels(self, selector):
        """A checksum of the first canvas in sight that the selector finds."""
        return self.page.locator(f"{selector}:visible").first.evaluate(PIXELS)

    def tone(self, tone):
        """Turn the page light or dark, as the theme's switch does."""
        self.page.evaluate("(tone) => (document.documentElement.dataset.theme = tone)", tone)
        self.settle()

    def answer_time(self, slider, start, by, steps=60, action=ANSWER):
        """The median milliseconds of script after one step of a slider: event, then frames.

        `action` may be another function of (node, number) that waits for its frames.

        The processor's time of the page's thread: what other programs take meanwhile does not
        count.
        """
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def worked():
            metrics = session.send("Performance.getMetrics")["metrics"]
            kinds = ("ScriptDuration", "DevToolsCommandDuration")  # in frames; in ANSWER itself
            return sum(m["value"] for m in metrics if m["name"] in kinds)

        times = []
        for i in range(steps):
            before = worked()
            slider.evaluate(action, start + by * i)
            times.append(worked() - before)
        session.detach()
        return 1e3 * float(np.median(times))

    def assert_inside(self, width, *parts):
        """The page does not scroll sideways, and no part reaches out of the demo's card."""
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width
        edge = self.page.locator(".twice").bounding_box()
        for part in parts:
            box = self.page.locator(part).bounding_box()
            assert edge["x"] <= box["x"], part
            assert box["x"] + box["width"] <= edge["x"] + edge["width"], part


def contrast(one, other):
    """The contrast ratio of WCAG 2.2 for two colors written #rrggbb."""

    def luminance(color):
        channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
