// Small mends, so that every reader gets everywhere with a keyboard or a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  // jupyterquiz gives its text fields no name of their own.
  for (const field of document.querySelectorAll(".Quiz input:not([aria-label])")) {
    field.setAttribute("aria-label", "Your answer");
  }
});

// A formula or a table wider than the screen scrolls: let the keyboard scroll it, too.
addEventListener("load", () => {
  const wide = "mjx-container[display=true], .cell_output .text_html, .demo";
  const mark = () => {
    for (const box of document.querySelectorAll(wide)) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    }
  };
  (window.MathJax?.startup?.promise ?? Promise.resolve()).then(mark);
});
