// What is done with runs: starting one of what is chosen, ending it, going on, and what becomes of its result.
import { LOST, addresses, api } from "./api.js";
import { by, listed } from "./dom.js";
import { restore, uploadedMasks } from "./masks.js";
import { changed, isActive, on, runsInOrder, state, titleOf } from "./state.js";
import { announce, say, trying } from "./toast.js";

export function setUpRunButton() {
  by("run").addEventListener("click", start);
  on("choice runs", drawButton);
}

let starting = false;

function missing() {
  const lacks = [];
  if (!state.source && !state.video) lacks.push("a source");
  if (!state.targets.length && !(state.video && state.model)) lacks.push("a target");
  return lacks;
}

function drawButton() {
  const waits = runsInOrder().some(isActive);
  by("run").setAttribute("aria-disabled", String(obstacle() !== ""));
  by("run").setAttribute("aria-busy", String(starting));
  by("run").textContent = starting ? "Starting …" : state.video ? "Animate" : waits ? "Add to the queue" : "Run";
  by("missing").textContent = obstacle();
}

// The network that the look is made for and that isn't on the machine, unless another one is asked for.
function absent() {
  const { needs } = state.about.presets.find(({ name }) => name === state.preset) ?? {};
  return needs && !state.video && (state.settings.features ?? needs) === needs ? needs.toUpperCase() : null;
}

// What keeps a run from being started, in a line.
function obstacle() {
  const lacks = missing();
  if (state.away) return LOST;
  if (lacks.length) return `Choose ${listed(lacks)} first`;
  return absent()
    ? `${state.preset} needs ${absent()}, which isn't on this machine: take another look, or set Features to auto`
    : "";
}

// The body of POST /api/runs for what is chosen.
async function wanted() {
  const targets = state.targets.map(({ id }) => id);
  if (state.video) {
    const how = state.model
      ? { model: state.model, targets: state.runs.get(state.model)?.targets ?? [] } // what it has learnt
      : { minutes: state.minutes, targets: targets.slice(0, 1) };
    return { kind: "animation", video: state.video.id, ...how };
  }
  const body = { source: state.source, targets, preset: state.preset, settings: state.settings };
  if (targets.length > 1 && state.targets.some(({ weight }) => weight !== 1))
    body.weights = state.targets.map(({ weight }) => weight);
  return { ...body, ...(await uploadedMasks(state.source, targets)) };
}

// A field with something in it that its setting can't be is shown, and said of in a line.
function wrongField() {
  const wrong = by("setup").querySelector("input:invalid");
  if (!wrong) return false;
  by("more").open = true;
  wrong.focus();
  say(`${wrong.labels[0]?.textContent.trim() ?? "A setting"}: ${wrong.validationMessage}`, { bad: true });
  return true;
}

export async function start() {
  if (obstacle()) {
    say(obstacle(), { bad: true });
    if (missing().length) by(state.source || state.video ? "choose-target" : "choose-source")?.focus();
    return undefined;
  }
  if (wrongField()) return undefined;
  if (starting) return undefined; // A double click is one wish.
  starting = true;
  drawButton();
  await trying(async () => begun(await api.start(await wanted())));
  starting = false;
  drawButton();
  return undefined;
}

export async function startStill(still) {
  await trying(async () => {
    const targets = state.targets.map(({ id }) => id);
    begun(await api.start({ source: still, targets, preset: state.preset, settings: state.settings }));
  });
}

function begun(run) {
  const watching = state.runs.get(state.shown),
    waits = watching?.status === "running" && state.view === "result";
  state.runs.set(run.id, run);
  if (waits) say("Waits in the queue");
  else open(run.id);
  announce(waits ? "Added to the queue" : "The run has been started");
  changed("runs");
}

// Shows a run on the stage.
export function open(id) {
  chosen();
  Object.assign(state, { shown: id, view: "result" });
  document.body.dataset.tab = "centre";
  changed("view");
}

export const stop = (id) => trying(() => api.stop(id));

export async function resume(id) {
  const run = await trying(() => api.resume(id));
  if (run?.id) state.runs.set(run.id, run);
  changed("runs");
}

export async function remove(id) {
  const run = state.runs.get(id);
  const question = { waiting: "", running: "Discard this try? What it has so far is lost; Stop and keep keeps it." };
  const asked = question[run?.status] ?? "Delete this try and its files?";
  if (run && asked && !confirm(asked)) return;
  if ((await trying(() => api.remove(id))) === undefined) return;
  state.runs.delete(id);
  if (state.beside === id) Object.assign(state, { beside: null, view: "result" });
  if (state.shown === id) state.shown = null; // Another one in its place would lie under the mouse, with its Delete.
  changed("runs", "view", "queue");
  say(run && isActive(run) ? "Discarded" : "Deleted");
}

// Everything as it was for this run, to be changed and run again.
export function again(run) {
  const weights = run.weights ?? [];
  Object.assign(state, {
    source: run.source ?? null,
    preset: run.preset ?? state.preset,
    settings: { ...run.settings },
    video: null,
    targets: (run.targets ?? []).map((id, i) => ({ id, weight: weights[i] ?? 1 })),
    useMasks: Boolean(run.source_mask || run.target_masks?.length),
    view: "pictures",
  });
  document.body.dataset.tab = "setup";
  restore(run.source, run.source_mask);
  (run.targets ?? []).forEach((id, i) => restore(id, run.target_masks?.[i]));
  changed("choice", "view");
  say("Pictures and settings are as in this try. Change what you like, then Run");
}

export async function copy(run) {
  const png = async () => (await fetch(addresses.result(run.id, { format: "png" }))).blob();
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png() })]);
    say("Copied");
  } catch {
    say("This browser lets no page copy pictures here; download it instead", { bad: true });
  }
}

// The next click in the history says which one; once more, or another view, is a change of mind.
export function compareWith() {
  if (state.choosing) {
    chosen();
    return changed("view");
  }
  state.choosing = say("Click the try to compare with in the history");
  document.body.dataset.tab = "shelf";
  return changed("view");
}

export function chosen() {
  state.choosing?.();
  state.choosing = null;
}

export const lookOf = (run) => `${titleOf(run)[0]} in the look of ${titleOf(run)[1]}`;
