// What the server tells by itself. When the connection is lost, the browser goes on trying; when it is back, everything
// is asked for anew, since nobody knows what was missed.
import { addresses, api } from "./api.js";
import { by } from "./dom.js";
import { changed, learn, state } from "./state.js";

const PATIENCE = 1500; // Milliseconds that a connection may be away before the page says so.
let stream = null;
let timer = null;

export function connect() {
  stream?.close();
  stream = new EventSource(addresses.events);
  stream.addEventListener("open", () => refresh());
  stream.addEventListener("error", () => lost());
  stream.addEventListener("run", (event) => heard(JSON.parse(event.data)));
  stream.addEventListener("gone", (event) => gone(JSON.parse(event.data).id));
  stream.addEventListener("queue", (event) => {
    state.waiting = JSON.parse(event.data).waiting;
    changed("queue");
  });
}

async function refresh() {
  try {
    const [pictures, runs] = await Promise.all([api.pictures(), api.runs()]);
    learn(pictures, true);
    state.runs = new Map(runs.map((run) => [run.id, run]));
    state.waiting = runs
      .filter((run) => run.status === "waiting")
      .sort((a, b) => a.position - b.position)
      .map((run) => run.id);
  } catch {
    return lost();
  }
  clearTimeout(timer);
  timer = null;
  away(false);
  changed("pictures", "runs", "queue", "choice");
  return undefined;
}

function lost() {
  timer ??= setTimeout(() => away(true), PATIENCE);
  // A browser gives up on a stream that was answered with an error; the page doesn't.
  if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
}

// What would need the server can't be asked for until it is back.
function away(gone) {
  by("lost").hidden = !gone;
  for (const id of ["progress", "queue", "run"]) by(id).inert = gone;
  state.away = gone;
  if (gone) changed("runs");
}

function heard(run) {
  const { curve_tail: tail, ...rest } = run,
    before = state.runs.get(run.id);
  state.runs.set(run.id, { ...rest, curve: run.curve ?? joined(before?.curve ?? [], tail ?? []) });
  changed("runs");
}

// Points of the curve that are new go after the old ones; one that went back, as after a resume, cuts what follows it.
function joined(curve, tail) {
  return tail.length ? [...curve.filter((point) => point[0] < tail[0][0]), ...tail] : curve;
}

function gone(id) {
  state.runs.delete(id);
  changed("runs");
}
