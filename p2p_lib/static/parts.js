// What the widgets' front ends share. A widget's module reaches the browser as one text, without neighbours that it could import;
// `front_end` in p2p_lib/widgets/base.py puts this before it.

const SETTLE_MS = 40; // what changes within this time goes as one question
const PATIENCE_MS = 10000; // then an answer is taken for lost and the next question sent
const MAX_UPLOAD_BYTES = 8e6; // one message from the browser to Jupyter may have 10 MB

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A hidden file input inside a label that looks like a button: the keyboard reaches the input.
function fileButton(label, properties, chosen) {
  const input = make("input", { type: "file", accept: "image/*", className: "p2p-file", ...properties });
  input.addEventListener("change", () => chosen(input));
  return make("label", { className: "p2p-button" }, label, input);
}

// Keys pressed here belong to the widget. JupyterLab looks for its shortcuts from the focused element outwards, and stops at this attribute;
// further out it comes too late for the arrow keys of sliders and radio buttons.
function keepKeys(el) {
  el.addEventListener("focusin", ({ target }) => (target.dataset.lmSuppressShortcuts = "true"));
}

// Radio buttons need a name of their own in every view. Each widget has a copy of this text, so views cannot be counted.
const ownName = (what) => `p2p-${what}-${Math.random().toString(36).slice(2)}`;

const tenths = (number) => (Math.round(10 * number) / 10 + 0).toFixed(1); // + 0: never "-0.0"
const toBlob = (content) => new Blob([content], { type: "image/png" });

function button(label, action) {
  const element = make("button", { type: "button", textContent: label });
  element.addEventListener("click", action);
  return element;
}

// Asks Python: never more than one question on its way, and always the last one. `prepare` writes the question into the model's traits,
// `mark` is told whether an answer is awaited.
class Sender {
  constructor(model, prepare, mark) {
    Object.assign(this, { model, prepare, mark, changed: false, busy: false, timer: null });
  }

  change() {
    this.changed = true;
    this.pump();
  }

  pump() {
    if (!this.changed || this.busy || this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.send();
    }, SETTLE_MS);
  }

  async send() {
    this.changed = false;
    this.busy = true;
    this.mark(true);
    await this.prepare();
    this.model.set("number", this.model.get("number") + 1);
    this.model.save_changes();
    this.lost = setTimeout(() => this.free(), PATIENCE_MS);
  }

  free() {
    clearTimeout(this.lost);
    this.busy = false;
    this.mark(this.changed);
    this.pump();
  }

  close() {
    clearTimeout(this.lost);
    clearTimeout(this.timer);
  }
}

const tooLarge = (file) =>
  `${file.name} has ${(file.size / 1e6).toFixed(1)} MB, and an upload takes up to ${MAX_UPLOAD_BYTES / 1e6} MB; make it smaller first.`;

// Sends the file that was chosen to Python as a message of that kind, or says why not.
async function sendFile(model, input, say, kind) {
  const [file] = input.files;
  input.value = ""; // so that the same file can be chosen again
  if (!file) return;
  if (file.size > MAX_UPLOAD_BYTES) {
    say(tooLarge(file));
    return;
  }
  say(`Reading ${file.name} ...`);
  model.send({ kind, name: file.name }, undefined, [await file.arrayBuffer()]);
}
