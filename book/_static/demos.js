// Brings the stored demos of a page to life, without a kernel and without a network.
//
// A notebook stores the state of each widget; the page carries it as JSON. Every demo of the book
// is an anywidget: its state holds one JavaScript module (`_esm`) with a function `render`. This
// file gives that module what Jupyter would give it: a model to read and write, and an element.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  function bytes(base64) {
    const text = atob(base64);
    return new DataView(Uint8Array.from(text, (sign) => sign.charCodeAt(0)).buffer);
  }

  const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

  // A widget's traits, with the events of an anywidget model: "change", "change:NAME", "msg:custom".
  function makeModel(stored) {
    const state = { ...stored.state };
    for (const { path, data } of stored.buffers ?? []) {
      const parent = path.slice(0, -1).reduce((place, key) => place[key], state);
      parent[path.at(-1)] = bytes(data);
    }
    const listeners = new Map();
    const emit = (event, ...values) => {
      for (const listener of [...(listeners.get(event) ?? [])]) listener(...values);
    };
    const model = {
      get: (name) => state[name],
      set(name, value) {
        const changes = typeof name === "object" ? name : { [name]: value };
        const changed = Object.keys(changes).filter((key) => !same(state[key], changes[key]));
        Object.assign(state, changes);
        for (const key of changed) emit(`change:${key}`, model, state[key]);
        if (changed.length) emit("change", model);
      },
      save_changes() {}, // nobody listens: the page has no kernel
      send() {},
      on(event, listener) {
        if (!listeners.has(event)) listeners.set(event, new Set());
        listeners.get(event).add(listener);
      },
      off(event, listener) {
        if (!event) listeners.clear();
        else if (!listener) listeners.delete(event);
        else listeners.get(event)?.delete(listener);
      },
      widget_manager: null,
    };
    return model;
  }

  const modules = new Map(); // source -> promise of the module's default export
  function load(source) {
    if (!modules.has(source)) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const loaded = import(url).then((module) => {
        URL.revokeObjectURL(url);
        return typeof module.default === "function" ? module.default() : module.default;
      });
      modules.set(source, loaded);
    }
    return modules.get(source);
  }

  async function show(script, widgets, models) {
    const id = JSON.parse(script.textContent).model_id;
    const stored = widgets[id];
    const place = document.createElement("div");
    place.className = "demo";
    script.replaceWith(place);
    if (!stored?.state?._esm) {
      place.textContent = "This control needs a running notebook: open the chapter with `make lab`.";
      return;
    }
    try {
      const demo = await load(stored.state._esm);
      if (!models.has(id)) {
        const model = makeModel(stored);
        models.set(id, Promise.resolve(demo.initialize?.({ model })).then(() => model));
      }
      if (stored.state._css) {
        const style = document.createElement("style");
        style.textContent = stored.state._css;
        place.append(style);
      }
      const el = document.createElement("div");
      place.append(el);
      await demo.render({ model: await models.get(id), el });
      place.dataset.ready = "true";
    } catch (error) {
      place.textContent = `This demo could not start: ${error.message}`;
      console.error(error);
    }
  }

  function start() {
    const widgets = {};
    for (const script of document.querySelectorAll(STATE)) {
      Object.assign(widgets, JSON.parse(script.textContent).state);
    }
    const models = new Map();
    for (const script of document.querySelectorAll(VIEW)) show(script, widgets, models);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
