// The middle of the page: pictures before a run, the picture while it comes about, the result, or two tries side by side.
import { addresses } from "./api.js";
import { all, by, make } from "./dom.js";
import { deskViewers } from "./desk.js";
import { decoded, image } from "./pictures.js";
import { chosen, lookOf } from "./runs.js";
import { changed, isActive, on, runsInOrder, state, titleOf } from "./state.js";
import { Viewer } from "./viewer.js";

const VIEWS = ["pictures", "result", "compare"];
const LARGEST = 4096; // Pixels of the long edge that the page shows; the file has all.
let main = null;
let pair = [];

export function setUpStage() {
  main = new RunStage(by("result-stage"));
  pair = [0, 1].map(() => comparedPane());
  link(pair.map(({ stage }) => stage.viewer));
  main.viewer.onview = showZoom;
  for (const viewer of deskViewers()) viewer.onview = showZoom;
  for (const name of VIEWS)
    by("tab-" + name).addEventListener("click", () => {
      chosen();
      state.view = name;
      changed("view");
    });
  by("views").addEventListener("keydown", moveAmongTabs);
  for (const [id, factor] of [
    ["zoom-in", 1.5],
    ["zoom-out", 1 / 1.5],
  ])
    by(id).addEventListener("click", () => zoomBy(factor));
  setUpPeek();
  by("zoom-fit").addEventListener("click", () => viewers().forEach((viewer) => viewer.fit()));
  const active =
    runsInOrder().find((run) => run.status === "running") ?? runsInOrder().find((run) => run.status === "waiting");
  state.shown = (active ?? runsInOrder()[0])?.id ?? null;
  if (active) state.view = "result";
  on("runs view pictures choice", draw);
  new ResizeObserver(showZoom).observe(by("desk"));
}

// Two tries are looked at as one: the same place, the same zoom, the same share of the source; at first none of it.
function link(both) {
  for (const [one, other] of [both, [...both].reverse()]) {
    one.onslide = () => other.slide(one.cut, true);
    one.onview = () => {
      other.look(one.view, true);
      showZoom();
    };
  }
}

export function viewers() {
  return { pictures: deskViewers(), result: [main.viewer], compare: pair.map(({ stage }) => stage.viewer) }[state.view];
}

// Whether the source of what is shown can be seen, and seeing it for as long as a button or a key is held.
const comparing = () => viewers().filter((viewer) => viewer.before && !viewer.slider.hidden);

export const peek = (on) => comparing().forEach((viewer) => viewer.peek(on));

function setUpPeek() {
  for (const name of ["pointerup", "pointercancel", "pointerleave", "keyup", "blur"])
    by("peek").addEventListener(name, () => peek(false));
  by("peek").addEventListener("pointerdown", () => peek(true));
  by("peek").addEventListener("contextmenu", (event) => event.preventDefault());
  by("peek").addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") peek(true);
  });
}

export const zoomBy = (factor) => viewers().forEach((viewer) => viewer.zoomBy(factor));

function showZoom() {
  const [viewer] = viewers().filter((one) => one.size.width > 1 && one.pair.offsetWidth > 0);
  by("zoom").hidden = !viewer;
  by("peek").hidden = !comparing().length;
  if (!viewer) return;
  // Of the result's pixels, which a run that goes on hasn't yet.
  const run = state.view === "result" ? state.runs.get(state.shown) : null;
  by("zoom-fit").textContent = run && isActive(run) ? "Fit" : Math.round(100 * viewer.scale) + " %";
}

function moveAmongTabs(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key],
    tabs = all("[role=tab]:not([hidden])", by("views"));
  if (!step) return;
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
}

function draw() {
  const shown = state.runs.get(state.shown) ?? null,
    beside = state.runs.get(state.beside) ?? null;
  if (state.view === "compare" && !(shown && beside)) state.view = "result";
  for (const name of VIEWS) {
    by(name + "-view").hidden = name !== state.view;
    by("tab-" + name).setAttribute("aria-selected", String(name === state.view));
    by("tab-" + name).tabIndex = name === state.view ? 0 : -1;
  }
  by("tab-compare").hidden = !beside;
  const blank = shown && !isActive(shown) && !shown.result;
  by("result-empty").hidden = Boolean(shown) && !blank;
  by("result-stage").hidden = !shown || Boolean(blank);
  by("result-empty").textContent = blank
    ? shown.error || "It ended before its first picture."
    : state.runs.size
      ? "Nothing is shown. Choose a try in the history, or Run."
      : "Nothing has run yet. Choose a source and a target, then Run.";
  by("result-empty").classList.toggle("bad", Boolean(blank && shown.error));
  if (state.view === "result" && shown && !blank) main.show(shown);
  if (state.view === "compare") [shown, beside].forEach((run, i) => pair[i].show(run, [shown, beside][1 - i]));
  title(state.view === "result" ? shown : null);
  showZoom();
}

function title(run) {
  const parts = run ? titleOf(run) : null;
  by("title").replaceChildren(
    ...(run ? [parts[0], ...(parts[1] ? [make("i", {}, " in the look of "), parts[1]] : [])] : []),
  );
  const running = runsInOrder().find((one) => one.status === "running");
  document.title = (running ? `${Math.round(100 * (running.done ?? 0))} % · ` : "") + "cxstyle";
}

// A run in a viewer: its picture on a canvas, which is drawn on when the next one has been decoded, so nothing flickers.
class RunStage {
  constructor(stage) {
    this.canvas = make("canvas", { width: 1, height: 1, role: "img" });
    this.source = make("img", { alt: "" });
    this.film = make("video", { controls: true, loop: true, hidden: true, className: "film", preload: "metadata" });
    this.viewer = new Viewer(stage, { layers: [this.canvas], before: this.source, cut: 0, grip: true });
    stage.append(this.film);
    this.drawn = {};
  }

  show(run) {
    if (this.run?.id !== run.id) {
      this.drawn = {};
      this.viewer.fit();
    }
    this.run = run;
    this.canvas.setAttribute("aria-label", `${run.result ? "Result" : "Picture so far"}: ${lookOf(run)}`);
    this.viewer.corners[1].textContent = isActive(run) ? "so far" : "result";
    this.showFilm(run);
    this.update(run);
  }

  showFilm(run) {
    const done = run.kind === "animation" && run.result;
    this.film.hidden = !done;
    this.viewer.pair.hidden = Boolean(done);
    if (done && this.film.dataset.run !== run.id) {
      this.film.dataset.run = run.id;
      this.film.src = addresses.video(run.id);
    }
    if (!done) this.film.pause();
  }

  // The newest picture that there is, and the source, which has the same shape, before the first.
  async update(run) {
    const ended = run.result && !isActive(run),
      edge = Math.max(run.width || 0, run.height || 0) > LARGEST ? { edge: LARGEST } : {};
    const address =
      run.kind === "animation" && ended
        ? null
        : ended
          ? addresses.result(run.id, { format: "png", ...edge, v: run.ended })
          : run.picture_number
            ? addresses.preview(run.id, run.picture_number)
            : addresses.origin(run, 1024);
    if (address && this.drawn.address !== address && this.loading !== address) await this.paint(run, address);
    const compares = run.kind !== "animation" && (ended || run.picture_number > 0) && state.pictures.has(run.source);
    this.viewer.slides(compares);
    showZoom();
    if (compares) await this.showSource(run);
  }

  async paint(run, address) {
    this.loading = address;
    try {
      const picture = await decoded(address);
      if (this.run.id !== run.id || this.loading !== address) return; // a newer one has overtaken it
      this.canvas.width = picture.naturalWidth;
      this.canvas.height = picture.naturalHeight;
      this.canvas.getContext("2d").drawImage(picture, 0, 0);
      this.viewer.shape(picture.naturalWidth, picture.naturalHeight);
      this.drawn = { address };
      Object.assign(this.canvas.dataset, { run: run.id, picture: run.picture_number ?? 0 });
      showZoom();
    } catch {
      /* a preview that is gone already: the next one comes */
    }
    if (this.loading === address) this.loading = null;
  }

  async showSource(run) {
    const edge = Math.min(LARGEST, Math.max(run.width || 0, run.height || 0, 512)),
      address = addresses.picture(run.source, edge);
    if (this.source.dataset.address === address) return;
    this.source.dataset.address = address;
    try {
      await image(address);
    } catch {
      return;
    }
    if (this.source.dataset.address === address) this.source.src = address;
  }
}

// One of two tries side by side, with what sets it apart.
function comparedPane() {
  const stage = make("div", { className: "stage" }),
    caption = make("p", { className: "caption" });
  by("compare-view").append(make("div", { className: "pane" }, stage, caption));
  const shown = new RunStage(stage);
  return {
    stage: shown,
    show(run, other) {
      shown.show(run);
      caption.textContent = setApart(run, other) || "The same settings";
    },
  };
}

// What one run has and the other hasn't.
function setApart(run, other) {
  const names = [...new Set([run, other].flatMap(({ settings }) => Object.keys(settings ?? {})))];
  const differing = names.filter((name) => run.settings?.[name] !== other.settings?.[name]);
  const masks = [run, other].map((one) => (one.source_mask ? "with masks" : "without masks"));
  return [
    lookOf(run) === lookOf(other) ? "" : lookOf(run),
    run.preset === other.preset ? "" : run.preset,
    ...differing.map((name) => `${name} ${run.settings?.[name] ?? "as in the preset"}`),
    masks[0] === masks[1] ? "" : masks[0],
  ]
    .filter(Boolean)
    .join(" · ");
}

// How a run was made, in short.
export function distinctions(run) {
  if (run.kind === "animation") return run.minutes ? `${run.minutes} min of training` : "animation";
  const { size, strength, ...others } = run.settings ?? {};
  const told = Object.entries(strength === undefined ? others : { strength, ...others });
  const long = size ?? Math.max(run.width ?? 0, run.height ?? 0);
  return [
    run.preset,
    long ? `${long} px` : "",
    ...told.map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`),
    run.source_mask || run.target_masks?.length ? "masks" : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
