// Many pictures through one model: files are sent one after the other, rows come back as they are done, and all of them as a zip.
// Python's side is p2p_lib/widgets/batch.py.

const ANSWER_MS = 60000; // then Python is taken for gone

// What comes next of some kinds of messages; rejects where nothing comes.
function nextMessage(model, kinds) {
  return new Promise((done, failed) => {
    const stop = () => (clearTimeout(timer), model.off("msg:custom", receive));
    const receive = (message, buffers) => {
      if (!kinds.includes(message.kind)) return;
      stop();
      done({ ...message, buffers });
    };
    const timer = setTimeout(() => (stop(), failed(new Error("The kernel does not answer; is it running?"))), ANSWER_MS);
    model.on("msg:custom", receive);
  });
}

async function ask(model, question, answers, buffers) {
  const answer = nextMessage(model, answers);
  model.send(question, undefined, buffers);
  return answer;
}

async function sendAll(model, files, say) {
  await ask(model, { kind: "begin" }, ["took"]);
  for (const [i, file] of files.entries()) {
    say(`Sending ${i + 1} of ${files.length}`);
    const large = file.size > MAX_UPLOAD_BYTES;
    const message = { kind: large ? "refuse" : "file", name: file.name, note: large ? tooLarge(file) : "" };
    await ask(model, message, ["took"], large ? [] : [await file.arrayBuffer()]);
  }
  model.send({ kind: "start" });
}

async function fetchZip(model, say) {
  const parts = [];
  for (let count = 1; parts.length < count; ) {
    const { kind, of, note, buffers } = await ask(model, { kind: "zip", part: parts.length }, ["zip", "no zip"]);
    if (kind === "no zip") throw new Error(note);
    parts.push(buffers[0]);
    count = of;
    say(`Fetched ${parts.length} of ${count}`);
  }
  return new Blob(parts, { type: "application/zip" });
}

function saveAs(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function rowElement({ name, note }, buffers) {
  const row = make("li", { className: note ? "p2p-batch-wrong" : "p2p-batch-done" });
  if (buffers.length) row.append(make("img", { src: URL.createObjectURL(toBlob(buffers[0])), alt: "" }));
  row.append(make("span", { textContent: note || name }));
  return row;
}

function render({ model, el }) {
  const status = make("p", { className: "p2p-status" });
  status.setAttribute("role", "status");
  const say = (text) => (status.textContent = text);
  const bar = make("progress", { className: "p2p-batch-progress", value: 0 });
  bar.setAttribute("aria-label", "Pictures done");
  const list = make("ul", { className: "p2p-batch-rows", tabIndex: 0 }); // it scrolls
  list.setAttribute("aria-label", "Results");
  const attempt = (action) => action().catch((error) => say(error.message));

  const choose = fileButton("Choose pictures", { multiple: true, className: "p2p-file p2p-batch-file" }, (input) => {
    const files = [...input.files];
    input.value = "";
    if (files.length) attempt(() => sendAll(model, files, say));
  });
  const folder = make("input", { type: "text", className: "p2p-batch-folder", placeholder: "or a folder on the machine where the kernel runs" });
  folder.setAttribute("aria-label", "Folder with pictures");
  const go = button("Translate the folder", () => model.send({ kind: "folder", path: folder.value }));
  folder.addEventListener("keydown", (event) => event.key === "Enter" && !go.disabled && go.click());
  const stop = button("Stop", () => model.send({ kind: "stop" }));
  const zip = button("Download all as a zip", () => attempt(async () => {
    saveAs(await fetchZip(model, say), `${model.get("title")}.zip`);
    say(model.get("note"));
  }));

  const first = make("div", { className: "p2p-bar" }, choose, folder, go);
  const second = make("div", { className: "p2p-bar" }, bar, stop, zip);
  const batch = make("div", { className: "p2p-batch p2p-widget" }, first, second, status, list);
  batch.setAttribute("role", "group");
  batch.setAttribute("aria-label", `Many pictures through ${model.get("title")}`);
  keepKeys(el);
  el.append(batch);

  const clear = () => {
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren();
  };
  const receive = (message, buffers) => {
    if (message.kind === "cleared") clear();
    if (message.kind !== "row") return;
    const row = rowElement(message, buffers);
    if (list.children[message.index]) list.children[message.index].replaceWith(row);
    else list.append(row);
  };
  const show = () => {
    const [busy, done, total] = ["busy", "done", "total"].map((name) => model.get(name));
    Object.assign(bar, { max: Math.max(total, 1), value: done });
    choose.querySelector("input").disabled = go.disabled = busy;
    choose.classList.toggle("p2p-disabled", busy);
    stop.disabled = !busy;
    zip.disabled = busy || !model.get("ready");
    say(model.get("note"));
  };
  model.on("msg:custom", receive);
  const traits = ["busy", "done", "total", "ready", "note"];
  for (const name of traits) model.on(`change:${name}`, show);
  show();
  model.send({ kind: "shown" }); // rows that were there before this view
  return () => {
    model.off("msg:custom", receive);
    for (const name of traits) model.off(`change:${name}`, show);
    clear();
  };
}

export default { render };
