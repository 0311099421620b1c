// What the page knows, and who wants to know of changes. Parts don't call each other: they change this and say so.
import { kept } from "./dom.js";

export const state = {
  about: null, // GET /api
  pictures: new Map(), // id -> {id, name, width, height, alpha}
  runs: new Map(), // id -> run, as the server tells it
  waiting: [], // ids, in their order
  // What is chosen for the next run.
  source: null, // picture id
  targets: [], // {id, weight}
  video: null, // {id, name, seconds, ...} in place of the source
  minutes: 10,
  preset: null,
  settings: {}, // those that differ from the preset's
  useMasks: true,
  // What is shown.
  view: "pictures", // or "result" or "compare"
  shown: null, // run id
  beside: null, // run id, while comparing
  reading: {}, // role -> the name of a file that is being sent for it
  choosing: null, // while the next try that is clicked on stands beside the one shown: what ends saying so
  away: false, // whether the server doesn't answer
};

const listeners = new Map();

// Calls back after a change of any of these kinds: about, pictures, runs, queue, choice, masks, view.
export function on(kinds, callback) {
  for (const kind of kinds.split(" ")) {
    if (!listeners.has(kind)) listeners.set(kind, new Set());
    listeners.get(kind).add(callback);
  }
}

export function changed(...kinds) {
  for (const callback of new Set(kinds.flatMap((kind) => [...(listeners.get(kind) ?? [])]))) callback();
}

// What is known of pictures, of samples too, which the server doesn't list among those that were sent.
export function learn(pictures, anew = false) {
  if (anew) state.pictures = new Map(state.about.samples.map((sample) => [sample.id, { ...sample, sample: true }]));
  for (const picture of pictures) state.pictures.set(picture.id, { ...state.pictures.get(picture.id), ...picture });
}

export const nameOf = (id) => (state.pictures.get(id)?.name ?? "a picture that is gone").replace(/\.\w{2,5}$/, "");
export const isActive = (run) => run.status === "waiting" || run.status === "running";

// Newest first.
export function runsInOrder() {
  return [...state.runs.values()].sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0));
}

// [what it is made of, in what look]; of pictures that are gone the run itself knows the names.
export function titleOf(run) {
  const [first, ...others] = (run.name ?? "").split(" + "),
    known = (id) => state.pictures.has(id);
  const from = run.kind !== "animation" && known(run.source) ? nameOf(run.source) : first;
  return [
    from,
    (run.targets ?? []).map((id, i) => (known(id) ? nameOf(id) : (others[i] ?? "a picture that is gone"))).join(" + "),
  ];
}

// Masks that were painted here are pictures, too, but nobody chooses them as one.
export const isMask = (picture) => picture.name.endsWith("_mask.png");

const CHOICE = ["source", "targets", "video", "minutes", "preset", "settings", "useMasks"];

export function keepChoice() {
  kept.set("choice", Object.fromEntries(CHOICE.map((name) => [name, state[name]])));
}

// The choice of the last visit, as far as its pictures are still there.
export function restoreChoice() {
  const found = kept.get("choice");
  if (!found || typeof found !== "object") return;
  for (const name of CHOICE) if (found[name] !== undefined) state[name] = found[name];
  if (!state.pictures.has(state.source)) state.source = null;
  state.targets = Array.isArray(state.targets) ? state.targets.filter(({ id }) => state.pictures.has(id)) : [];
}
