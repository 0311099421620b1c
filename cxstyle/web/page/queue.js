// What runs and what waits. Waiting runs change places by dragging or by their buttons.
import { addresses, api } from "./api.js";
import { button, by, duration, make, redraw } from "./dom.js";
import { lookOf, open, remove } from "./runs.js";
import { distinctions } from "./stage.js";
import { changed, on, runsInOrder, state, titleOf } from "./state.js";
import { announce, trying } from "./toast.js";

let dragged = null;

export function setUpQueue() {
  on("runs queue view", draw);
}

function waitingRuns() {
  const known = state.waiting.map((id) => state.runs.get(id)).filter((run) => run?.status === "waiting");
  const others = runsInOrder()
    .reverse()
    .filter((run) => run.status === "waiting" && !known.includes(run));
  return [...known, ...others];
}

function draw() {
  const running = runsInOrder().filter((run) => run.status === "running"),
    waiting = waitingRuns();
  by("queue").hidden = !running.length && !waiting.length;
  redraw("waiting", [[...running, ...waiting].map((run) => [run.id, run.status]), state.shown], () => [
    ...running.map((run) => item(run)),
    ...waiting.map((run, i) => item(run, i, waiting)),
  ]);
  for (const run of running) progress(run);
}

function progress(run) {
  const row = by("queued-" + run.id);
  row.querySelector("progress").value = run.done ?? 0;
  const left = run.seconds_left ?? null;
  row.querySelector(".state").textContent = left === null ? "running" : `${duration(left)} left`;
}

function item(run, place = null, waiting = []) {
  const waits = place !== null,
    name = `${lookOf(run)}, ${distinctions(run)}`;
  const move = (step) => reorder(run.id, place + step);
  const row = make(
    "li",
    { id: "queued-" + run.id, className: run.id === state.shown ? "on" : "", draggable: waits },
    make(
      "button",
      { className: "queued", onclick: () => open(run.id), title: name },
      make(
        "span",
        { className: "both" },
        make("img", { src: addresses.origin(run, 96), alt: "" }),
        ...(run.targets ?? []).slice(0, 1).map((id) => make("img", { src: addresses.picture(id, 96), alt: "" })),
      ),
      make("span", { className: "soft state" }, waits ? `number ${place + 1}` : "running"),
      make("span", { className: "name" }, distinctions(run)),
      make("span", { className: "soft" }, titleOf(run).join(" · ")),
    ),
    waits
      ? button(`Earlier: ${name}`, () => move(-1), { picture: "up", id: "up-" + run.id, disabled: place === 0 })
      : null,
    waits
      ? button(`Later: ${name}`, () => move(1), {
          picture: "down",
          id: "down-" + run.id,
          disabled: place === waiting.length - 1,
        })
      : null,
    button(`Discard: ${name}`, () => remove(run.id), { picture: "close" }),
    waits ? null : make("progress", { max: 1, value: run.done ?? 0, "aria-label": "Done" }),
  );
  if (waits) draggable(row, run);
  return row;
}

function draggable(row, run) {
  row.addEventListener("dragstart", (event) => {
    dragged = run.id;
    event.dataTransfer.effectAllowed = "move";
  });
  row.addEventListener("dragend", () => {
    dragged = null;
    row.classList.remove("over");
  });
  row.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    row.classList.add("over");
  });
  row.addEventListener("dragleave", () => row.classList.remove("over"));
  row.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    reorder(
      dragged,
      waitingRuns().findIndex((other) => other.id === run.id),
    );
  });
}

async function reorder(id, place) {
  const ids = waitingRuns()
    .map((run) => run.id)
    .filter((other) => other !== id);
  ids.splice(place, 0, id);
  state.waiting = ids;
  changed("queue");
  announce(`Number ${place + 1} of ${ids.length}`);
  await trying(() => api.order(ids));
}
