// Under the stage: how far the run shown is, what it costs, and what can be done with it.
import { addresses } from "./api.js";
import { Curve } from "./curve.js";
import { by, button, duration, make, number } from "./dom.js";
import { useResult } from "./pictures.js";
import { again, copy, lookOf, remove, resume, stop } from "./runs.js";
import { distinctions } from "./stage.js";
import { isActive, on, state } from "./state.js";
import { announce } from "./toast.js";

let parts = null;
const told = new Map(); // run id -> the last status that was read out

export function setUpProgress() {
  parts = build();
  on("runs view", draw);
  by("download").addEventListener("click", (event) => {
    if (event.target === by("download")) by("download").close();
  });
}

const current = () => state.runs.get(state.shown);

function build() {
  const act = (action) => () => {
    const run = current();
    if (run) action(run);
  };
  const buttons = {
    stop: button(
      "Stop",
      act((run) => stop(run.id)),
      { id: "stop", title: "Ends after this iteration and keeps the picture (S)" },
    ),
    resume: button(
      "Go on",
      act((run) => resume(run.id)),
      { id: "go-on", title: "Goes on from where it stopped" },
    ),
    cancel: button(
      "Cancel",
      act((run) => remove(run.id)),
      { id: "cancel", title: "Drops this run" },
    ),
    download: button("Download", act(openDownload), { id: "save" }),
    copy: button("Copy", act(copy), { id: "copy" }),
    again: button("Again with other settings", act(again), { id: "again" }),
    source: button(
      "Use as source",
      act((run) => useResult(run, lookOf(run).replace(/[^\p{L}\p{N}]+/gu, "_"))),
      { id: "use" },
    ),
    remove: button(
      "Delete",
      act((run) => remove(run.id)),
      { id: "delete" },
    ),
  };
  const curve = new Curve(),
    bar = make("progress", { max: 1, value: 0, "aria-label": "Done" });
  const [status, place, left, facts] = ["status", "place", "left", "facts"].map((name) =>
    make("span", { className: name }),
  );
  const error = make("p", { className: "bad" }),
    notes = make("ul", { className: "notes" }),
    details = make("details", {}, make("summary", {}, "Losses and settings"), make("dl"));
  const legend = make(
    "p",
    { className: "legend", "aria-hidden": "true" },
    make("span", { className: "style" }, "style"),
    make("span", { className: "content" }, "content"),
  );
  by("progress").append(
    bar,
    make(
      "div",
      { className: "row" },
      make("div", { className: "words" }, make("p", {}, status, place, left, facts), error, notes),
      make("figure", { className: "losses" }, curve.element, legend),
    ),
    make("div", { className: "buttons" }, ...Object.values(buttons), details),
  );
  return { buttons, curve, bar, status, place, left, facts, error, notes, details };
}

const STATUS = {
  waiting: "Waiting",
  running: "Running",
  stopped: "Stopped",
  complete: "Done",
  failed: "Failed",
  diverged: "Diverged",
  "out of memory": "Out of memory",
};

function draw() {
  const run = current(),
    shown = Boolean(run) && state.view === "result";
  by("progress").hidden = !shown;
  if (!shown) return;
  const active = isActive(run),
    { buttons } = parts;
  Object.assign(by("progress").dataset, { run: run.id, status: run.status });
  parts.bar.value = run.status === "complete" ? 1 : (run.done ?? 0);
  parts.bar.hidden = run.status === "complete";
  write(parts.status, STATUS[run.status] ?? run.status);
  write(parts.place, placeOf(run));
  write(
    parts.left,
    run.status === "running" && Number.isFinite(run.seconds_left) ? `${duration(run.seconds_left)} left` : "",
  );
  write(parts.facts, active ? "" : facts(run));
  write(parts.error, run.error ?? "");
  drawNotes(run);
  parts.curve.show(run.curve ?? []);
  parts.curve.element.parentElement.hidden = (run.curve ?? []).length < 2;
  const picture = run.kind !== "animation",
    done = run.result && !active;
  const seen = {
    stop: run.status === "running",
    resume: !active && run.resumable,
    cancel: active,
    download: done,
    copy: done && picture,
    again: !active && picture,
    source: done && picture,
    remove: !active,
  };
  for (const [name, element] of Object.entries(buttons)) element.hidden = !seen[name];
  drawDetails(run);
  tell(run);
}

// Where it is, in words.
function placeOf(run) {
  if (run.status === "waiting")
    return state.waiting.indexOf(run.id) > 0 ? `${state.waiting.indexOf(run.id)} before it` : "";
  if (run.status === "running") return run.place || "getting ready";
  return run.status === "stopped" ? run.place : "";
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

function facts(run) {
  const size = run.width ? `${run.width} × ${run.height} px` : "";
  return [
    size,
    distinctions(run),
    run.seconds ? duration(run.seconds) : "",
    run.source_mask || run.target_masks?.length ? "with masks" : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function drawNotes(run) {
  const lines = (run.notes ?? []).join("\n");
  if (parts.notes.dataset.lines === lines) return;
  parts.notes.dataset.lines = lines;
  parts.notes.replaceChildren(...(run.notes ?? []).map((line) => make("li", {}, line)));
}

function drawDetails(run) {
  const rows = [
    ...Object.entries(run.losses ?? {}).map(([name, value]) => [name, number(value)]),
    ...Object.entries(run.settings ?? {}),
    ["preset", run.preset],
  ].filter(([, value]) => value !== null && value !== undefined);
  parts.details.hidden = !rows.length || isActive(run);
  if (!parts.details.hidden)
    parts.details.lastChild.replaceChildren(
      ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]),
      make("dt", {}, "record"),
      make("dd", {}, make("a", { href: addresses.record(run.id), target: "_blank", rel: "noopener" }, "JSON")),
    );
}

// A new status is read out; each step would be too much.
function tell(run) {
  const key = `${run.status} ${run.scale ?? ""}`;
  if (told.get(run.id) !== key && told.has(run.id))
    announce(
      run.status === "running" && run.scales > 1
        ? `Scale ${run.scale} of ${run.scales}`
        : `${STATUS[run.status] ?? run.status}: ${lookOf(run)}`,
    );
  told.set(run.id, key);
}

const QUALITIES = ["jpg", "webp"];

function openDownload(run) {
  if (run.kind === "animation") return save(addresses.video(run.id));
  const quality = make("input", { type: "range", id: "quality", min: 1, max: 100, value: 92 }),
    shown = make("output", { htmlFor: "quality" }, "92");
  const row = make("div", { className: "field" }, make("label", { htmlFor: "quality" }, "Quality"), quality, shown);
  const format = make(
    "select",
    { id: "format" },
    ...["png", "jpg", "webp", "tif"].map((name) => make("option", { value: name }, name.toUpperCase())),
  );
  const update = () => {
    row.hidden = !QUALITIES.includes(format.value);
    shown.textContent = quality.value;
  };
  const go = () => {
    save(
      addresses.result(run.id, {
        format: format.value,
        ...(QUALITIES.includes(format.value) ? { quality: quality.value } : {}),
        download: 1,
      }),
    );
    by("download").close();
  };
  for (const control of [format, quality]) control.addEventListener("input", update);
  update();
  by("download").replaceChildren(
    make(
      "header",
      {},
      make("h2", { id: "download-title" }, "Download"),
      button("Close", () => by("download").close(), { picture: "close" }),
    ),
    make("div", { className: "field" }, make("label", { htmlFor: "format" }, "Format"), format),
    row,
    make("p", { className: "soft" }, "PNG and TIFF keep every pixel; every file tells how it was made."),
    button("Download", go, { className: "primary" }),
  );
  by("download").showModal();
  return undefined;
}

function save(address) {
  const link = make("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
