// Source and target side by side, large: to look at, to paint masks on, and to see what draws from what.
import { addresses } from "./api.js";
import { all, button, by, make } from "./dom.js";
import { image } from "./pictures.js";
import { setUpMatches } from "./matches.js";
import { setUpPaint } from "./paint.js";
import { choosePicture } from "./picker.js";
import { nameOf, on, state } from "./state.js";
import { Viewer } from "./viewer.js";

const EDGE = 1600;
export const desk = { mode: null, sheets: [], target: 0 }; // mode: null, "masks" or "matches"; target: which of several is shown
const listeners = new Set();

export function setUpDesk() {
  desk.sheets = [new Sheet("source"), new Sheet("target")];
  by("sheets").append(...desk.sheets.map((sheet) => sheet.element));
  const modes = [
    ["masks", "Masks", "Paint what becomes what (M)"],
    ["matches", "What draws from what", "Hover over the source (W)"],
  ];
  by("desk-tools").append(
    make(
      "div",
      { className: "modes" },
      ...modes.map(([mode, label, title]) =>
        button(label, () => setMode(desk.mode === mode ? null : mode), {
          id: "mode-" + mode,
          title,
          "aria-pressed": "false",
        }),
      ),
    ),
  );
  by("desk-tools").append(
    make(
      "div",
      { id: "sides", role: "group", "aria-label": "Which picture" },
      ...desk.sheets.map(({ role }) =>
        make("button", { className: "chip", "data-side": role, onclick: () => showSide(role) }, role),
      ),
    ),
  );
  showSide("source");
  setUpPaint();
  setUpMatches();
  on("choice pictures view", draw);
}

export const deskViewers = () => desk.sheets.map((sheet) => sheet.viewer);

export function onMode(callback) {
  listeners.add(callback);
}

export function setMode(mode) {
  desk.mode = mode;
  for (const name of ["masks", "matches"]) by("mode-" + name).setAttribute("aria-pressed", String(name === mode));
  by("pictures-view").dataset.mode = mode ?? "";
  for (const callback of listeners) callback();
}

// On a phone masks are painted on one picture at a time.
function showSide(role) {
  by("sheets").dataset.side = role;
  for (const chip of by("sides").children) chip.setAttribute("aria-pressed", String(chip.dataset.side === role));
}

// One picture with two canvases over it: what is painted, and what a hand points at.
class Sheet {
  constructor(role) {
    this.role = role;
    this.id = null;
    this.taker = () => false;
    this.picture = make("img", { alt: "" });
    this.paint = make("canvas", { className: "paint", width: 1, height: 1, "aria-hidden": "true" });
    this.glow = make("canvas", { className: "glow", width: 1, height: 1, "aria-hidden": "true" });
    this.stage = make("div", { className: "stage" });
    this.reading = make("p", { className: "reading", role: "status", hidden: true });
    this.empty = make(
      "button",
      { className: "empty", "data-drop": role, onclick: () => choosePicture(role) },
      make("b", {}, role === "source" ? "Source" : "Target"),
      make("span", {}, role === "source" ? "the picture to change" : "the look it takes"),
      make("small", {}, "drop, paste or click"),
    );
    this.caption = make("p", { className: "caption" });
    this.element = make(
      "div",
      { className: "sheet", "data-role": role, "data-drop": role },
      this.stage,
      this.empty,
      this.reading,
      this.caption,
    );
    this.viewer = new Viewer(this.stage, {
      layers: [this.picture, this.paint, this.glow],
      take: (event) => this.taker(event),
    });
    this.viewer.slides(false);
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "group");
  }

  show(id, caption) {
    const sent = state.reading[this.role];
    this.empty.hidden = id !== null || Boolean(sent);
    this.stage.hidden = id === null || Boolean(sent);
    this.caption.replaceChildren(...(sent ? [] : caption));
    this.wait(sent ?? (id !== null && this.waits ? nameOf(id) : null));
    if (this.id === id) return;
    this.id = id;
    this.glow.width = this.glow.width; // clears it
    if (id === null) return;
    const { width, height } = state.pictures.get(id);
    this.viewer.shape(width, height);
    this.viewer.fit();
    this.picture.alt = this.role === "source" ? `Source: ${nameOf(id)}` : `Target: ${nameOf(id)}`;
    this.stage.setAttribute("aria-label", this.picture.alt);
    this.load(id);
  }

  // An empty frame, rather than the picture before, until this one is there.
  wait(name) {
    this.reading.hidden = !name;
    this.stage.classList.toggle("waits", Boolean(name));
    if (name) this.reading.textContent = `Reading ${name} …`;
  }

  // A video's still in place of a picture: it is looked at, and neither painted on nor matched.
  film(video) {
    this.id = null;
    this.waits = false;
    this.wait(null);
    this.empty.hidden = true;
    this.stage.hidden = false;
    this.caption.replaceChildren(make("b", {}, "Video "), video.name);
    this.viewer.shape(video.width, video.height);
    this.picture.alt = `Video: ${video.name}`;
    this.stage.setAttribute("aria-label", this.picture.alt);
    this.picture.src = addresses.frame(video.id, video.at ?? 0, 640);
  }

  async load(id) {
    const address = addresses.picture(id, EDGE);
    this.waits = true;
    this.wait(state.reading[this.role] ?? nameOf(id));
    try {
      await image(address);
      if (this.id !== id) return;
      this.picture.src = address;
      await this.picture.decode();
    } catch {
      if (this.id !== id) return;
      this.picture.removeAttribute("src"); // its name is seen in its place, not the picture before
    }
    if (this.id !== id) return;
    this.waits = false;
    this.wait(state.reading[this.role]);
  }
}

function draw() {
  const ids = state.targets.map(({ id }) => id);
  desk.target = Math.min(desk.target, Math.max(0, ids.length - 1));
  const [source, target] = desk.sheets,
    before = [source.id, target.id];
  if (state.video) source.film(state.video);
  else
    source.show(
      state.pictures.has(state.source) ? state.source : null,
      state.source ? [make("b", {}, "Source "), nameOf(state.source)] : [],
    );
  target.show(
    ids[desk.target] ?? null,
    ids.length ? [make("b", {}, "Target "), ...(ids.length > 1 ? ids.map(chip) : [nameOf(ids[0])])] : [],
  );
  for (const mode of all("#desk-tools .modes button")) mode.disabled = source.id === null || target.id === null;
  if (before[0] !== source.id || before[1] !== target.id)
    setMode(source.id === null || target.id === null ? null : desk.mode);
}

function chip(id, i) {
  return make(
    "button",
    {
      className: "chip",
      "aria-pressed": String(i === desk.target),
      onclick: () => {
        desk.target = i;
        draw();
      },
    },
    nameOf(id),
  );
}
