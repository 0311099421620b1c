// A video in place of the source: a still of it to try looks on, how long to train, and a network that there is already.
import { addresses } from "./api.js";
import { desk } from "./desk.js";
import { by, button, duration, make } from "./dom.js";
import { decoded, upload } from "./pictures.js";
import { lookOf, startStill } from "./runs.js";
import { changed, keepChoice, on, runsInOrder, state } from "./state.js";
import { say } from "./toast.js";

let shown = null;

export function setUpVideo() {
  on("choice", draw);
}

function draw() {
  by("still").hidden = !state.video;
  by("look-title").textContent = state.video ? "Look of the still" : "Look";
  if (shown === (state.video?.id ?? null)) return;
  shown = state.video?.id ?? null;
  by("still").replaceChildren(...(state.video ? controls(state.video) : []));
}

function controls(video) {
  const moment = make("output", { htmlFor: "moment" }, "0.0 s");
  const scrub = make("input", {
    type: "range",
    id: "moment",
    min: 0,
    max: Math.max(0, video.seconds - 1 / (video.frames_per_second || 25)),
    step: 1 / (video.frames_per_second || 25),
    value: video.at ?? 0,
  });
  scrub.addEventListener("input", () => {
    video.at = Number(scrub.value);
    moment.textContent = video.at.toFixed(1) + " s";
    scrubTo(video);
  });
  const minutes = make("input", {
    type: "number",
    id: "minutes",
    min: 0.1,
    step: "any",
    value: state.minutes,
    onchange: (event) => {
      state.minutes = Math.max(0.1, Number(event.target.value) || 10);
      changed("choice");
    },
  });
  return [
    make("p", { className: "soft" }, `${video.width} × ${video.height}, ${duration(video.seconds)}`),
    make("div", { className: "field large" }, make("label", { htmlFor: "moment" }, "Still"), scrub, moment),
    button("Try the look on this still", () => tryStill(video)),
    make(
      "div",
      { className: "field number" },
      make("label", { htmlFor: "minutes" }, "Minutes of training"),
      minutes,
      make("p", { className: "help" }, "A network learns the look, then draws every frame. Longer is finer."),
    ),
    ...networks(),
  ];
}

// Networks of earlier animations draw another video without a training.
function networks() {
  const made = runsInOrder().filter((run) => run.kind === "animation" && run.result);
  state.model = null;
  if (!made.length) return [];
  const choose = (event) => {
    state.model = event.target.value || null;
    changed("choice");
  };
  return [
    make(
      "div",
      { className: "field choice" },
      make("label", { htmlFor: "network" }, "Network"),
      make(
        "select",
        { id: "network", onchange: choose },
        make("option", { value: "" }, "a new one"),
        ...made.map((run) => make("option", { value: run.id }, "that of " + lookOf(run))),
      ),
    ),
  ];
}

// Where the video's still is seen: in its place on the left, and large.
function showFrame(address) {
  for (const image of [by("video-thumb"), desk.sheets[0].picture]) if (image) image.src = address;
}

let wanted = null;

// One frame at a time: those that the hand has passed already aren't asked for.
async function scrubTo(video) {
  const busy = wanted !== null;
  wanted = video.at;
  if (busy) return;
  while (wanted !== null) {
    const at = wanted,
      address = addresses.frame(video.id, at, 640);
    if (await decoded(address).catch(() => null)) showFrame(address); // else the next may be readable
    if (wanted === at) wanted = null;
  }
  keepChoice();
}

async function tryStill(video) {
  if (!state.targets.length) return say("Choose a target first", { bad: true });
  const answer = await fetch(addresses.frame(video.id, video.at ?? 0, Math.max(video.width, video.height)));
  if (!answer.ok) return say("This frame can't be read", { bad: true });
  const name = video.name.replace(/\.\w+$/, "") + ` at ${(video.at ?? 0).toFixed(1)} s.jpg`;
  const id = await upload(new File([await answer.blob()], name, { type: "image/jpeg" }));
  if (id) await startStill(id);
  return undefined;
}
