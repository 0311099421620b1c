// Under the stage: how far the run shown is, what it costs, and what can be done with it.
import { addresses } from "./api.js";
import { Curve } from "./curve.js";
import { openDownload } from "./download.js";
import { by, button, duration, make, number } from "./dom.js";
import { useResult } from "./pictures.js";
import { again, compareWith, copy, lookOf, remove, resume, stop } from "./runs.js";
import { distinctions } from "./stage.js";
import { isActive, on, state } from "./state.js";
import { announce } from "./toast.js";

let parts = null;
const told = new Map(); // run id -> the last status that was read out

export function setUpProgress() {
  parts = build();
  on("runs view", draw);
}

const current = () => state.runs.get(state.shown);

// [id, label, what it does, when it is there (active, done: with a result, picture: no animation), title]
const ACTIONS = [
  [
    "stop",
    "Stop and keep",
    (run) => stop(run.id),
    ({ run }) => run.status === "running",
    "Ends after this iteration and keeps the picture; it can go on later (S)",
  ],
  [
    "go-on",
    "Go on",
    (run) => resume(run.id),
    ({ run, active }) => !active && run.resumable,
    "Goes on from where it stopped",
  ],
  ["save", "Download", openDownload, ({ done }) => done],
  ["copy", "Copy", copy, ({ done, picture }) => done && picture],
  ["again", "Reuse settings", again, ({ active, picture }) => !active && picture],
  [
    "compare",
    "Compare with …",
    compareWith,
    ({ run, done }) => done && [...state.runs.values()].some((other) => other.result && other.id !== run.id),
    "Side by side with another try, which you click in the history",
  ],
  ["use", "Use as source", (run) => useResult(run, fileNameOf(run)), ({ done, picture }) => done && picture],
  ["delete", "Delete", (run) => remove(run.id), ({ active }) => !active],
  ["discard", "Discard", (run) => remove(run.id), ({ active }) => active, "Drops this try; nothing of it is kept"],
];

const fileNameOf = (run) => lookOf(run).replace(/[^\p{L}\p{N}]+/gu, "_");

function build() {
  const buttons = ACTIONS.map(([id, label, action, , title]) =>
    button(label, () => current() && action(current()), { id, title }),
  );
  const curve = new Curve(),
    bar = make("progress", { max: 1, value: 0, "aria-label": "Done" });
  const [status, place, left, facts] = ["status", "place", "left", "facts"].map((name) =>
    make("span", { className: name }),
  );
  const error = make("p", { className: "bad" }),
    notes = make("ul", { className: "notes" });
  const details = make("details", {}, make("summary", {}, "Losses and settings"), make("dl"));
  const legend = ["style", "content"].map((name) => make("span", { className: name }, name));
  by("progress").append(
    bar,
    make(
      "div",
      { className: "row" },
      make("div", { className: "words" }, make("p", {}, status, place, left, facts), error, notes),
      details,
      make(
        "figure",
        { className: "losses" },
        curve.element,
        make("p", { className: "legend", "aria-hidden": "true" }, ...legend),
      ),
    ),
    make("div", { className: "buttons" }, ...buttons),
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
  by("progress").hidden = state.view !== "result";
  by("progress").classList.toggle("idle", !shown);
  if (!shown) return;
  const active = isActive(run);
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
  const given = { run, active, done: run.result && !active, picture: run.kind !== "animation" };
  ACTIONS.forEach(([, , , when], i) => {
    parts.buttons[i].hidden = !when(given);
  });
  by("compare").setAttribute("aria-pressed", String(Boolean(state.choosing)));
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
  return [distinctions(run), run.seconds ? duration(run.seconds) : ""].filter(Boolean).join(" · ");
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
