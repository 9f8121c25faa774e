// A square of latent codes with the answer to one of them: drag the cross over the map, or move it with the arrow keys. Python's side is
// p2p_lib/widgets/explorer.py.

const STEP = 0.02;

function render({ model, el }) {
  const map = make("img", { className: "p2p-explorer-map", alt: "", draggable: false });
  const cross = make("span", { className: "p2p-explorer-cross" });
  const pad = make("div", { className: "p2p-explorer-pad", tabIndex: 0 }, map, cross);
  pad.setAttribute("role", "application");
  pad.setAttribute("aria-label", "Map of four styles and what lies between: drag, or use the arrow keys; Shift goes further");
  const result = make("img", { className: "p2p-explorer-result", alt: "The answer at this place" });
  const source = make("img", { className: "p2p-explorer-source", alt: "What is translated" });
  const status = make("p", { className: "p2p-status" });
  status.setAttribute("role", "status");

  const sender = new Sender(model, async () => {}, (busy) => result.setAttribute("aria-busy", busy));
  const inside = (value) => Math.min(Math.max(value, 0), 1);
  const place = () => [model.get("x"), model.get("y")];
  const where = () => {
    const [x, y] = place();
    const percent = (share) => `${(100 * (0.5 + share * (model.get("steps") - 1))) / model.get("steps")}%`; // middles of the map's pictures
    Object.assign(cross.style, { left: percent(x), top: percent(y) });
  };
  const go = (x, y) => {
    model.set("x", inside(x));
    model.set("y", inside(y));
    where();
    sender.change();
  };
  const follow = (event) => {
    const box = pad.getBoundingClientRect();
    const steps = model.get("steps");
    const share = (at, from, size) => (((at - from) / size) * steps - 0.5) / (steps - 1);
    go(share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height));
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    pad.focus({ preventScroll: true });
    pad.setPointerCapture(event.pointerId);
    follow(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) follow(event);
  });
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const [x, y] = place();
    const far = STEP * (event.shiftKey ? 5 : 1);
    go(x + way[0] * far, y + way[1] * far);
  });
  const another = button("Another four styles", () => {
    another.disabled = true;
    model.set("seed", model.get("seed") + 1);
    sender.change();
  });

  const picture = (name, image) => {
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(toBlob(model.get(name)));
  };
  const show = () => {
    picture("picture", result);
    if (!model.get("note")) status.textContent = `z = ${model.get("code").map(tenths).join(", ")}`;
    else status.textContent = model.get("note");
  };
  const showMap = () => {
    picture("map", map);
    another.disabled = false;
  };
  const answer = () => {
    show();
    another.disabled = false;
    sender.free();
  };

  const figure = (caption, content) => make("figure", {}, make("figcaption", { textContent: caption }), content);
  const pictures = make("div", { className: "p2p-explorer-pictures" });
  pictures.append(figure("Four styles in the corners", pad), figure("The answer at the cross", result), figure("The picture", source));
  const explorer = make("div", { className: "p2p-explorer p2p-widget" }, pictures, status, make("div", { className: "p2p-bar" }, another));
  explorer.setAttribute("role", "group");
  explorer.setAttribute("aria-label", "Latent explorer");
  keepKeys(el);
  el.append(explorer);

  picture("source", source);
  showMap();
  show();
  where();
  const listeners = { "change:answered": answer, "change:map": showMap, "change:x": where, "change:y": where };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
    sender.close();
    for (const image of explorer.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  };
}

export default { render };
