// Keys of the whole page, and the list of them. Nobody is surprised while typing: fields keep their own.
import { by, fillDialog, make } from "./dom.js";
import { desk, setMode } from "./desk.js";
import { triesInOrder } from "./history.js";
import { paintKey } from "./paint.js";
import { open, start, stop } from "./runs.js";
import { peek, viewers, zoomBy } from "./stage.js";
import { changed, state } from "./state.js";

const LIST = [
  [
    "Everywhere",
    [
      ["Ctrl Enter", "run"],
      ["S", "stop, and keep the picture"],
      ["J  K", "older and newer try"],
      ["P  R  C", "pictures, result, compare"],
      ["?", "this list"],
    ],
  ],
  [
    "Looking",
    [
      ["wheel, pinch", "zoom"],
      ["double click, Z", "to the pixel and back"],
      ["+  −  0", "zoom in, out, whole picture"],
      ["← →", "move the slider"],
      ["O", "the source, while held"],
      ["Ctrl V", "paste a picture"],
    ],
  ],
  [
    "Masks",
    [
      ["M", "paint masks"],
      ["B  F  E", "brush, fill, eraser"],
      ["1 … 9  0", "colours"],
      ["[  ], Alt wheel", "size"],
      ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
      ["arrows, space", "move the brush, paint"],
      ["W", "what draws from what"],
    ],
  ],
];

export function setUpKeys() {
  fillDialog(
    "help",
    "Keys",
    make(
      "div",
      { className: "scroll" },
      ...LIST.flatMap(([title, keys]) => [
        make("h3", {}, title),
        make("dl", {}, ...keys.flatMap(([key, told]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, told)])),
      ]),
      make(
        "p",
        { className: "soft" },
        `cxstyle ${state.about.version}, on ${state.about.device}. cxstyle docs web tells more.`,
      ),
    ),
  );
  by("help-open").addEventListener("click", () => by("help").showModal());
  for (const tab of document.querySelectorAll("#tabs button"))
    tab.addEventListener("click", () => {
      document.body.dataset.tab = tab.dataset.tab;
    });
  addEventListener("keydown", key);
  addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "o") peek(false);
  });
  addEventListener("blur", () => peek(false));
}

const typing = (element) => element.matches?.("input:not([type=range]):not([type=checkbox]), select, textarea");

function key(event) {
  if (document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return taken(event, start);
  if (typing(event.target)) return undefined;
  if (paintKey(event)) return event.preventDefault();
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  return action ? taken(event, action) : undefined;
}

function taken(event, action) {
  event.preventDefault();
  action();
}

const show = (view) => () => {
  state.view = view;
  changed("view");
};

function mode(name) {
  state.view = "pictures";
  changed("view");
  if (desk.sheets.every((sheet) => sheet.id !== null)) setMode(desk.mode === name ? null : name);
}

function step(by) {
  const ids = triesInOrder().map((run) => run.id),
    next = ids[ids.indexOf(state.shown) + by];
  if (next) open(next);
}

const ACTIONS = {
  "?": () => by("help").showModal(),
  s: () => {
    if (state.runs.get(state.shown)?.status === "running") stop(state.shown);
  },
  j: () => step(1),
  k: () => step(-1),
  p: show("pictures"),
  r: show("result"),
  c: show("compare"),
  m: () => mode("masks"),
  w: () => mode("matches"),
  "+": () => zoomBy(1.5),
  "=": () => zoomBy(1.5),
  "-": () => zoomBy(1 / 1.5),
  0: () => viewers().forEach((viewer) => viewer.fit()),
  o: () => peek(true),
  z: () => viewers().forEach((viewer) => viewer.toggle()),
};
