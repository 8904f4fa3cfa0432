"""Call the demos' JavaScript from Python, in the Node that Playwright's wheel brings along."""

import json
import subprocess
import tempfile
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

from twice.widgets.base import source

# JSON has no infinity and no NaN: they travel as marked strings, and Python's json reads the words.
RUNNER = """
import * as demo from "./demo.mjs";
import { readFileSync } from "node:fs";
const data = JSON.parse(readFileSync(0, "utf8"));
const mark = (_, v) => (typeof v === "number" && !Number.isFinite(v) ? `@${v}@` : v ?? null);
const answer = await (async () => { %s })();
process.stdout.write(JSON.stringify(answer ?? null, mark).replaceAll(/"@([^"]*)@"/g, "$1"));
"""


def run_js(script, body, data=None):
    """Run `body` with `demo` (the module of `script`, e.g. "perceptron.js") and `data`.

    Returns what the body returns, by way of JSON.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "demo.mjs").write_text(source(script), "utf-8")
        Path(folder, "run.mjs").write_text(RUNNER % body, "utf-8")
        done = subprocess.run(
            [compute_driver_executable()[0], str(Path(folder, "run.mjs"))],
            input=json.dumps(data),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
