// A drawing pad with the translated picture beside it. The pencil runs here; only drawings travel, as PNG, one at a time: while one is
// being translated, the newest waits. Python's side is p2p_lib/widgets/playground.py.

const UNDO_STEPS = 40;
const UNDO_PIXELS = 16e6;
const TOOLS = { brush: "Brush", rectangle: "Rectangle", eraser: "Eraser" };

function copyOf(canvas) {
  const copy = make("canvas", { width: canvas.width, height: canvas.height });
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}

function paste(canvas, picture) {
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

// What was on the canvas before each step; the oldest are forgotten.
class History {
  constructor(canvas) {
    this.canvas = canvas;
    this.steps = [];
  }

  remember() {
    this.steps.push(copyOf(this.canvas));
    const pixels = () => this.steps.reduce((sum, step) => sum + step.width * step.height, 0);
    while (this.steps.length > UNDO_STEPS || (this.steps.length > 1 && pixels() > UNDO_PIXELS)) this.steps.shift();
  }

  back() {
    const before = this.steps.pop();
    if (before) paste(this.canvas, before);
    return Boolean(before);
  }
}

function strokes(canvas, hand, changed) {
  const context = canvas.getContext("2d");
  let start = null; // where the stroke began, and `before`, what was under a rectangle
  let last = null;
  let before = null;

  function line(from, to) {
    Object.assign(context, { strokeStyle: hand.color(), lineWidth: hand.size(), lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }

  function rectangle(from, to) {
    paste(canvas, before);
    const [left, right] = [from[0], to[0]].sort((a, b) => a - b).map(Math.floor);
    const [top, bottom] = [from[1], to[1]].sort((a, b) => a - b).map(Math.floor);
    context.fillStyle = hand.color();
    context.fillRect(left, top, right - left + 1, bottom - top + 1);
  }

  const draw = (to) => (hand.tool() === "rectangle" ? rectangle(start, to) : line(last, to));
  return {
    down: (at) => {
      before = copyOf(canvas);
      start = last = at;
      draw(at);
      changed();
    },
    move: (to) => {
      if (!start) return;
      draw(to);
      last = to;
      changed();
    },
    up: () => {
      start = before = null;
    },
    drawing: () => Boolean(start),
  };
}

// Mouse, pen and touch.
function followPointer(canvas, pen, remember) {
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    remember();
    pen.down(at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) pen.move(at(one)); // made-up events have none
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => pen.up());
}

// Arrow keys move a cross; Enter or space puts the pen down and lifts it again.
function followKeys(canvas, cross, pen, remember, undo) {
  let place = null;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const inside = (value, size) => Math.min(Math.max(value, 0.5), size - 0.5);

  function show() {
    cross.hidden = false;
    cross.style.left = `${(100 * place[0]) / canvas.width}%`;
    cross.style.top = `${(100 * place[1]) / canvas.height}%`;
    cross.classList.toggle("p2p-pad-down", pen.drawing());
  }
  canvas.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      undo();
    } else if (step[event.key]) {
      place ??= [Math.floor(canvas.width / 2) + 0.5, Math.floor(canvas.height / 2) + 0.5];
      const far = Math.max(1, Math.round(canvas.width / 64)) * (event.shiftKey ? 8 : 1);
      place = step[event.key].map((way, i) => inside(place[i] + way * far, [canvas.width, canvas.height][i]));
      pen.move(place);
      show();
    } else if ((event.key === "Enter" || event.key === " ") && place) {
      if (pen.drawing()) pen.up();
      else {
        remember();
        pen.down(place);
      }
      show();
    } else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    cross.hidden = true;
    pen.up();
  });
}

function choices(legend, name, entries, chosen) {
  const set = make("fieldset", { className: "p2p-pad-choices" }, make("legend", { textContent: legend }));
  for (const { value, label, color } of entries) {
    const input = make("input", { type: "radio", name, value, checked: value === chosen });
    const swatch = color ? [make("span", { className: "p2p-pad-swatch", style: `background: ${color}` })] : [];
    set.append(make("label", {}, input, ...swatch, label));
  }
  return { set, value: () => set.querySelector("input:checked").value };
}

function exampleButton(content, number, load) {
  const image = make("img", { src: URL.createObjectURL(toBlob(content)), alt: "" });
  const element = make("button", { type: "button", className: "p2p-pad-example" }, image);
  element.setAttribute("aria-label", `Example ${number}`);
  element.addEventListener("click", () => load(content));
  return element;
}

function render({ model, el }) {
  const id = ownName("pad");
  const canvas = make("canvas", { className: "p2p-pad-canvas", tabIndex: 0, width: model.get("side"), height: model.get("side") });
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Drawing pad: arrow keys move a cross, Enter puts the pen down and lifts it, Control+Z undoes");
  const cross = make("span", { className: "p2p-pad-cross", hidden: true });
  const result = make("img", { className: "p2p-pad-result", alt: "The translated picture" });
  const status = make("p", { className: "p2p-pad-status p2p-status" });
  status.setAttribute("role", "status");
  const say = (text) => (status.textContent = text);

  const tools = choices("Tool", `${id}-tool`, Object.entries(TOOLS).map(([value, label]) => ({ value, label })), model.get("tool"));
  const colors = model.get("colors").map(({ name, color }) => ({ value: color, label: name, color }));
  const palette = choices("Colour", `${id}-colour`, colors, colors[0].value);
  const size = make("input", { type: "range", min: 1, max: 16, step: 1, value: 2 });
  const sizeLabel = make("label", { className: "p2p-pad-size" }, "Size ", size);
  const hand = {
    tool: tools.value,
    color: () => (tools.value() === "eraser" ? model.get("blank") : palette.value()),
    size: () => {
      const width = Math.max(1, (Number(size.value) * canvas.width) / 256); // the same share of every pad
      return tools.value() === "eraser" ? width + 2 : width; // a stroke's soft edges go with it
    },
  };

  const history = new History(canvas);
  let drawn = false; // since the last question; else only the style has changed
  const prepare = async () => {
    if (!drawn) return;
    drawn = false;
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    model.set("drawing", new DataView(await blob.arrayBuffer()));
  };
  const sender = new Sender(model, prepare, (busy) => result.setAttribute("aria-busy", busy));
  const changed = () => {
    drawn = true;
    sender.change();
  };
  const pen = strokes(canvas, hand, changed);
  const remember = () => {
    say("");
    history.remember();
    undoButton.disabled = false;
  };
  const undo = () => {
    pen.up();
    if (history.back()) changed();
    undoButton.disabled = history.steps.length === 0;
  };
  const clear = () => {
    remember();
    Object.assign(canvas, { width: model.get("side"), height: model.get("side") });
    fill();
    changed();
  };
  const fill = () => {
    const context = canvas.getContext("2d");
    context.fillStyle = model.get("blank");
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  const load = async (content) => {
    const picture = await createImageBitmap(toBlob(content));
    remember();
    paste(canvas, picture);
    changed();
  };

  const undoButton = button("Undo", undo);
  undoButton.disabled = true;
  const upload = fileButton("Upload a picture", { className: "p2p-file p2p-pad-file" }, (input) => sendFile(model, input, say, "upload"));
  const download = make("a", { className: "p2p-button", textContent: "Download the result", download: `${model.get("title")}.png` });
  const examples = model.get("examples").map((content, i) => exampleButton(content, i + 1, load));

  const bar = make("div", { className: "p2p-bar" }, tools.set, sizeLabel, undoButton, button("Clear", clear));
  bar.append(upload, download);
  const sheet = make("div", { className: "p2p-pad-sheet" }, canvas, cross);
  const pictures = make("div", { className: "p2p-pad-pictures" });
  pictures.append(make("figure", {}, make("figcaption", { textContent: "Draw here" }), sheet));
  pictures.append(make("figure", {}, make("figcaption", { textContent: "The model's answer" }), result));
  const style = model.get("code").length ? stylePanel(model, say, () => sender.change()) : null;
  const pad = make("div", { className: "p2p-pad p2p-widget" }, bar, palette.set, pictures, status);
  if (style) status.before(style.panel);
  if (examples.length) pad.append(make("div", { className: "p2p-pad-examples" }, make("span", { textContent: "Examples" }), ...examples));
  pad.setAttribute("role", "group");
  pad.setAttribute("aria-label", `Drawing pad for ${model.get("title")}`);
  keepKeys(el);
  el.append(pad);

  const show = () => {
    URL.revokeObjectURL(download.href);
    download.href = result.src = URL.createObjectURL(toBlob(model.get("picture")));
  };
  const answer = () => {
    show();
    if (model.get("note")) say(model.get("note"));
    sender.free();
  };
  const receive = async (message, buffers) => {
    if (message.kind === "load") await load(buffers[0]);
    if (message.kind === "style") style.take(message.code);
    say(message.note);
  };

  followPointer(canvas, pen, remember);
  followKeys(canvas, cross, pen, remember, undo);
  fill();
  createImageBitmap(toBlob(model.get("drawing"))).then((picture) => paste(canvas, picture));
  show();
  model.on("change:answered", answer);
  model.on("msg:custom", receive);
  return () => {
    model.off("change:answered", answer);
    model.off("msg:custom", receive);
    sender.close();
    style?.close();
    for (const image of pad.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  };
}

export default { render };
