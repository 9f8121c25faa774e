// The style panel of a pad whose model has a latent code: a slider for every number of it, eight answers with other codes, and the
// style of a photo. Python's side is p2p_lib/widgets/styles.py.

const REACH = 3; // nearly every code of a normal distribution lies within

function styleSlider(i, moved) {
  const input = make("input", { type: "range", min: -REACH, max: REACH, step: 0.1 });
  input.setAttribute("aria-label", `Number ${i + 1} of the style`);
  input.addEventListener("input", () => moved(i, Number(input.value)));
  const shown = make("output", { className: "p2p-style-value" });
  return { row: make("div", { className: "p2p-style-slider" }, `z${i + 1}`, input, shown), input, shown };
}

function styleButton(i, chosen) {
  const element = make("button", { type: "button", className: "p2p-style-sample" }, make("img", { alt: "" }));
  element.setAttribute("aria-label", `Take style ${i + 1}`);
  element.addEventListener("click", chosen);
  return element;
}

function stylePanel(model, say, changed) {
  const show = () => {
    for (const [i, { input, shown }] of sliders.entries()) {
      input.value = model.get("code")[i];
      shown.textContent = tenths(model.get("code")[i]);
    }
  };
  const take = (code) => {
    model.set("code", [...code]);
    show();
    changed();
  };
  const moved = (i, value) => take(model.get("code").map((old, j) => (j === i ? value : old)));
  const sliders = model.get("code").map((_, i) => styleSlider(i, moved));

  const samples = model.get("samples").map((_, i) => styleButton(i, () => take(model.get("codes")[i])));
  const showSamples = () => {
    for (const [i, content] of model.get("samples").entries()) { // the buttons stay: one may have the focus
      const image = samples[i].firstChild;
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(toBlob(content));
    }
    legend.textContent = `Eight styles, drawn with seed ${model.get("sampled")}`;
  };
  const legend = make("span", {});
  const another = button("Another eight", () => {
    model.set("seed", model.get("seed") + 1);
    changed();
  });
  const middle = button("Middle style", () => take(model.get("code").map(() => 0)));
  const bar = make("div", { className: "p2p-bar" }, another, middle);
  if (model.get("reads_photos")) {
    const upload = fileButton("Style from a photo", { className: "p2p-file p2p-style-file" }, (input) => sendFile(model, input, say, "style"));
    bar.append(upload);
  }
  const dials = make("div", { className: "p2p-style-sliders" }, ...sliders.map(({ row }) => row));
  const panel = make("fieldset", { className: "p2p-style" }, make("legend", { textContent: "Style" }), dials, bar, legend);
  panel.append(make("div", { className: "p2p-style-samples" }, ...samples));

  show();
  showSamples();
  model.on("change:samples", showSamples);
  model.on("change:code", show);
  const close = () => {
    model.off("change:samples", showSamples);
    model.off("change:code", show);
  };
  return { panel, take, close };
}
