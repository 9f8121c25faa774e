// A before/after slider: two pictures over each other, the upper one cut off at the position of a range input. With a third picture
// there is a choice of the two.

const NAMES = ["source", "result", "truth"];

function caption(side) {
  const span = make("span", { className: `p2p-compare-label p2p-compare-label-${side}` });
  span.setAttribute("aria-hidden", "true"); // the pictures have it as their description
  return span;
}

function pairChoice(labels, chosen) {
  const name = ownName("compare");
  const set = make("fieldset", { className: "p2p-compare-pairs" }, make("legend", { textContent: "Compare" }));
  const inputs = [[0, 1], [1, 2], [0, 2]].map((pair) => {
    const input = make("input", { type: "radio", name });
    input.addEventListener("change", () => chosen(pair));
    set.append(make("label", {}, input, `${labels[pair[0]]} and ${labels[pair[1]]}`));
    return { input, pair };
  });
  const show = (now) => inputs.forEach(({ input, pair }) => (input.checked = String(pair) === String(now)));
  return { set, show };
}

function render({ model, el }) {
  const labels = model.get("labels");
  const pictures = labels.map((_, i) => URL.createObjectURL(toBlob(model.get(NAMES[i]))));
  const under = make("img", { className: "p2p-compare-under", draggable: false });
  const over = make("img", { className: "p2p-compare-over", draggable: false });
  const left = caption("left");
  const right = caption("right");
  const input = make("input", { type: "range", min: 0, max: 100, step: 1 });
  const frame = make("div", { className: "p2p-compare" }, under, over, make("div", { className: "p2p-compare-line" }), left, right, input);
  keepKeys(el);

  const show = () => {
    const [before, after] = model.get("pair");
    const position = model.get("position");
    if (over.getAttribute("src") !== pictures[before]) over.src = pictures[before];
    if (under.getAttribute("src") !== pictures[after]) under.src = pictures[after];
    left.textContent = over.alt = labels[before];
    right.textContent = under.alt = labels[after];
    input.value = position;
    input.setAttribute("aria-label", `How much of ${labels[before]} covers ${labels[after]}`);
    input.setAttribute("aria-valuetext", `${Math.round(position)} % ${labels[before]}`);
    frame.style.setProperty("--position", `${position}%`);
    choice?.show([before, after]);
  };
  const choose = (pair) => {
    model.set("pair", pair);
    model.save_changes();
  };
  const choice = labels.length > 2 ? pairChoice(labels, choose) : null;
  if (choice) el.append(choice.set);
  el.append(frame);
  input.addEventListener("input", () => model.set("position", Number(input.value)));
  input.addEventListener("change", () => model.save_changes()); // Python is told once the slider rests
  model.on("change:position", show);
  model.on("change:pair", show);
  show();
  return () => {
    model.off("change:position", show);
    model.off("change:pair", show);
    pictures.forEach((url) => URL.revokeObjectURL(url));
  };
}

export default { render };
