// A before/after slider: two pictures over each other, the upper one cut off at the position of a range input.

function picture(content, label, side) {
  const image = document.createElement("img");
  image.src = URL.createObjectURL(new Blob([content], { type: "image/png" }));
  image.alt = label;
  image.draggable = false;
  image.className = `p2p-compare-${side}`;
  return image;
}

function caption(label, side) {
  const span = document.createElement("span");
  span.className = `p2p-compare-label p2p-compare-label-${side}`;
  span.textContent = label;
  span.setAttribute("aria-hidden", "true"); // the pictures have it as their description
  return span;
}

function slider([before, after]) {
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: 0, max: 100, step: 1 });
  input.setAttribute("aria-label", `How much of ${before} covers ${after}`);
  return input;
}

function render({ model, el }) {
  const labels = model.get("labels");
  const under = picture(model.get("result"), labels[1], "under");
  const over = picture(model.get("source"), labels[0], "over");
  const line = document.createElement("div");
  line.className = "p2p-compare-line";
  const input = slider(labels);
  const frame = document.createElement("div");
  frame.className = "p2p-compare";
  frame.append(under, over, line, caption(labels[0], "left"), caption(labels[1], "right"), input);
  el.dataset.lmSuppressShortcuts = "true"; // arrow keys belong to the slider, not to JupyterLab's cells
  el.append(frame);

  const show = () => {
    const position = model.get("position");
    input.value = position;
    input.setAttribute("aria-valuetext", `${Math.round(position)} % ${labels[0]}`);
    frame.style.setProperty("--position", `${position}%`);
  };
  input.addEventListener("input", () => model.set("position", Number(input.value)));
  input.addEventListener("change", () => model.save_changes()); // Python is told once the slider rests
  model.on("change:position", show);
  show();
  return () => {
    model.off("change:position", show);
    URL.revokeObjectURL(under.src);
    URL.revokeObjectURL(over.src);
  };
}

export default { render };
