// The places of source and targets: a click chooses, a drop or a paste puts something in.
import { addresses } from "./api.js";
import { button, by, icon, make, redraw } from "./dom.js";
import { isPainted } from "./masks.js";
import { choosePicture } from "./picker.js";
import { changed, nameOf, on, state } from "./state.js";

export function setUpWells() {
  on("choice pictures masks", draw);
}

function draw() {
  const known = [state.source, ...state.targets.map(({ id }) => id)].map(
    (id) => id && [nameOf(id), state.useMasks && isPainted(id)],
  );
  const several = state.targets.length > 1;
  const target = () => well("target", "Target", state.targets[0]?.id ?? null, () => choose({ targets: [] }));
  by("wells").className = several ? "several" : "";
  redraw("wells", [state.reading, state.source, state.targets, state.video?.id, known], () => [
    state.video ? videoWell() : well("source", "Source", state.source, () => choose({ source: null })),
    several ? make("div", { className: "targets" }, ...state.targets.map(small)) : target(),
    exchange(several),
    state.targets.length ? another() : "",
  ]);
}

function choose(changes) {
  Object.assign(state, changes);
  changed("choice");
}

function exchange(several) {
  const disabled = several || (!state.source && !state.targets.length) || Boolean(state.video);
  return button("Exchange source and target", swap, { picture: "swap", id: "swap", disabled });
}

function another() {
  const given = { id: "another", className: "quiet", onclick: () => choosePicture("another") };
  return make("button", given, icon("plus"), "Another target");
}

// Of a place in which something is.
function captionOf(label, name, note = "") {
  return make("span", { className: "caption" }, make("b", {}, label), ` ${name}`, note && make("i", {}, ` ${note}`));
}

function well(place, label, id, remove) {
  const open = make("button", {
    id: `choose-${place}`,
    className: "open",
    title: `Choose ${id ? "another" : "the"} ${place}`,
    draggable: Boolean(id),
    onclick: () => choosePicture(place),
    ondragstart: (event) => drag(event, id),
  });
  if (state.reading[place]) {
    open.append(
      make("span", { className: "hint" }, `Reading ${state.reading[place]} …`),
      make("span", { className: "caption" }, make("b", {}, label)),
    );
  } else if (id) {
    const note = state.useMasks && isPainted(id) ? "masked" : "";
    open.append(
      make("img", { src: addresses.picture(id, 400), alt: "", draggable: false }),
      captionOf(label, nameOf(id), note),
    );
  } else {
    open.setAttribute("aria-label", `Choose the ${place}`);
    const hint = make("span", { className: "hint", "aria-hidden": "true" }, icon("plus"), "drop, paste or click");
    open.append(hint, make("span", { className: "caption" }, make("b", {}, label)));
  }
  return make(
    "div",
    { className: id ? "well filled" : "well", "data-drop": place },
    open,
    id ? button(`Remove the ${place}`, remove, { picture: "close", className: "tool remove" }) : null,
  );
}

function small(target) {
  const name = nameOf(target.id);
  const weigh = (event) => {
    target.weight = Math.max(0.01, Number(event.target.value) || 1);
    changed("choice");
  };
  const remove = () => choose({ targets: state.targets.filter((other) => other !== target) });
  return make(
    "div",
    { className: "small filled", "data-drop": "another" },
    make("img", { src: addresses.picture(target.id, 200), alt: "" }),
    make("span", { className: "name", title: name }, name),
    make(
      "label",
      { title: "How much it counts, beside the others" },
      "weight ",
      make("input", {
        type: "number",
        min: 0.01,
        step: "any",
        value: target.weight,
        onchange: weigh,
        "aria-label": `Weight of ${name}`,
      }),
    ),
    button(`Remove the target ${name}`, remove, { picture: "close" }),
  );
}

function videoWell() {
  return make(
    "div",
    { className: "well filled", "data-drop": "source" },
    make(
      "button",
      { id: "choose-source", className: "open", onclick: () => choosePicture("source") },
      make("img", { id: "video-thumb", src: addresses.frame(state.video.id, state.video.at ?? 0, 400), alt: "" }),
      captionOf("Video", state.video.name),
    ),
    button("Remove the video", () => choose({ video: null }), { picture: "close", className: "tool remove" }),
  );
}

function swap() {
  const [target] = state.targets;
  choose({ targets: state.source ? [{ id: state.source, weight: 1 }] : [], source: target?.id ?? null });
}

export const DRAGGED = "text/x-cxstyle-picture";

export function drag(event, id) {
  event.dataTransfer.setData(DRAGGED, id);
  event.dataTransfer.effectAllowed = "copy";
}
