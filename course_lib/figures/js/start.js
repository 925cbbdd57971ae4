(page) => {
  // Run a widget's module without a kernel: the model is this object, nothing is sent anywhere.
  const listeners = {};
  const state = { _label: page.label, ...page.state };
  for (const [name, text] of Object.entries(page.blobs)) {
    state[name] = new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  }
  const fire = (event, ...values) => (listeners[event] || []).forEach((call) => call(...values));
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      fire("change:" + name, model, value);
      fire("change", model);
    },
    on: (events, call) => events.split(" ").forEach((e) => (listeners[e] ||= []).push(call)),
    off: (event, call) => { listeners[event] = (listeners[event] || []).filter((other) => other !== call); },
    save_changes() {},
    send() {},
  };

  // Figures of one kind share one module and one style sheet per page.
  const shared = (globalThis.insideGPT ||= { modules: new Map(), sheets: new Set() });
  if (!shared.sheets.has(page.css)) {
    shared.sheets.add(page.css);
    document.head.append(Object.assign(document.createElement("style"), { textContent: page.css }));
  }
  if (!shared.modules.has(page.esm)) {
    const url = URL.createObjectURL(new Blob([page.esm], { type: "text/javascript" }));
    shared.modules.set(page.esm, import(url));
  }
  const el = document.getElementById(page.id);
  shared.modules.get(page.esm)
    .then(async (module) => {
      el.replaceChildren();
      await module.default.render({ model, el });
    })
    .catch((error) => {
      el.textContent = "This figure could not start: " + error;
      console.error(error);
    });
}
