// The tools of masks: brush, fill and eraser, the colours and what each of them does, and files.
import { button, by, make } from "./dom.js";
import { desk } from "./desk.js";
import * as masks from "./masks.js";
import { changed, nameOf, state } from "./state.js";
import { say } from "./toast.js";

const TOOLS = [
  ["brush", "Brush", "B"],
  ["fill", "Fill", "F"],
  ["eraser", "Eraser", "E"],
];

// What the hand holds. size: a brush's diameter in hundredths of the picture's long edge; reach: of the fill in colours,
// 0 for marks alone; opacity: in hundredths; at: where it is on the sheet, in shares.
export const hand = {
  tool: "brush",
  color: 1,
  size: 6,
  reach: 0,
  opacity: 60,
  sheet: null,
  stroke: null,
  at: { x: 0.5, y: 0.5 },
};

// onsize, onopacity: called after a slider has moved.
export function setUpTools(onsize, onopacity) {
  const naming = make("button", { id: "rename", className: "quiet", onclick: () => rename(hand.color) }, "Rename");
  const sliders = [
    slide("size", "Size", 0.5, 40, onsize),
    slide("reach", "Follow the picture", 0, 90, () => {}),
    slide("opacity", "Opacity", 10, 100, onopacity),
  ];
  by("desk-tools").append(
    make("p", { id: "meaning", role: "status" }, make("span"), " ", naming),
    make(
      "div",
      { id: "paint" },
      make(
        "div",
        { className: "strip" },
        group("Tools", TOOLS.map(tool)),
        make("div", { id: "palette", role: "radiogroup", "aria-label": "Colours, shared by both pictures" }),
        group("Steps", [stepButton("Undo", masks.undo, "Ctrl-Z"), stepButton("Redo", masks.redo, "Ctrl-Shift-Z")]),
      ),
      make(
        "div",
        { className: "strip" },
        make("div", { className: "sliders" }, ...sliders),
        group(
          "Masks",
          [button("Clear", clear, { id: "clear", title: "Clears both masks" }), menu("Load", load), menu("Save", save)],
          "files",
        ),
        use(),
      ),
    ),
  );
}

function group(label, parts, className = "") {
  return make("div", { role: "group", "aria-label": label, className }, ...parts);
}

function tool([name, label, key]) {
  const given = { picture: name, id: "tool-" + name, title: `${label} (${key})`, "aria-pressed": "false" };
  return button(label, () => choose({ tool: name }), given);
}

function stepButton(label, step, keys) {
  const name = label.toLowerCase();
  return button(label, step, { picture: name, id: name, title: `${label} (${keys})` });
}

function slide(name, label, min, max, onchange) {
  const oninput = (event) => {
    hand[name] = Number(event.target.value);
    onchange();
  };
  const input = make("input", { type: "range", id: name, min, max, step: 0.5, value: hand[name], oninput });
  return make("label", { className: "slide", id: name + "-label" }, label, input);
}

function use() {
  const onchange = (event) => {
    state.useMasks = event.target.checked;
    changed("choice");
  };
  return make(
    "label",
    { className: "use" },
    make("input", { type: "checkbox", id: "use-masks", onchange }),
    "use in runs",
  );
}

// A button for each of the two masks.
function menu(label, action) {
  const one = (sheet) => {
    const told = `${label} the ${sheet.role}'s mask`;
    return make(
      "button",
      { className: "plain", title: told, "aria-label": told, onclick: () => action(sheet) },
      sheet.role,
    );
  };
  return make("span", { className: "split", role: "group", "aria-label": label }, label, ...desk.sheets.map(one));
}

export function choose(changes) {
  Object.assign(hand, changes);
  drawTools();
}

export function drawTools() {
  for (const [name] of TOOLS) by("tool-" + name).setAttribute("aria-pressed", String(hand.tool === name));
  by("reach-label").hidden = hand.tool !== "fill";
  by("size-label").hidden = hand.tool === "fill";
  by("size").value = hand.size;
  by("undo").disabled = !masks.canUndo();
  by("redo").disabled = !masks.canRedo();
  by("use-masks").checked = state.useMasks;
  drawPalette();
}

function drawPalette() {
  const meanings = masks.meanings(
      state.source,
      state.targets.map(({ id }) => id),
    ),
    focused = document.activeElement?.dataset?.color;
  by("palette").replaceChildren(...masks.palette.map((_, i) => swatch(i, meanings[i])));
  if (focused !== undefined) by("palette").children[focused]?.focus({ preventScroll: true });
  by("meaning").firstChild.textContent = meaning(meanings);
  by("rename").hidden = hand.color === 0;
}

function swatch(i, { source, target }) {
  const { name, color } = masks.palette[i];
  const where = source && target ? "both" : source ? "source" : target ? "target" : "none";
  const made = make(
    "button",
    {
      role: "radio",
      className: "swatch " + where,
      "data-color": i,
      "aria-checked": String(i === hand.color),
      "aria-label": name + (TOLD[where] && i ? ", " + TOLD[where] : ""),
      title: name + (i && i < 10 ? ` (${i})` : ""),
      onclick: () => choose({ color: i, tool: hand.tool === "eraser" ? "brush" : hand.tool }),
    },
    make("i"),
  );
  made.firstChild.style.background = color;
  return made;
}

const TOLD = { both: "in both pictures", source: "in the source alone", target: "in the target alone" };

// What the colour in hand does, in a line.
function meaning(meanings) {
  const { name } = masks.palette[hand.color],
    { source, target, small } = meanings[hand.color];
  if (hand.color === 0) return "Everything else: all that is not painted";
  if (small) return `${name}: too small to count, under half a percent`;
  if (source && target) return `${name}: this part of the source takes after this part of the target`;
  if (source) return `${name}: only in the source, so it stays as it is`;
  if (target) return `${name}: only in the target, so nothing draws from it`;
  return `${name}: paint the same part in both pictures`;
}

function rename(i) {
  const name = prompt("A name for this colour, such as face or sky", masks.palette[i].name)?.trim();
  if (!name) return;
  masks.palette[i].name = name.slice(0, 40);
  masks.keepPalette();
  drawPalette();
}

function clear() {
  for (const sheet of desk.sheets.filter(({ id }) => id !== null && !masks.maskOf(id).empty)) {
    const mask = masks.maskOf(sheet.id);
    masks.remember(mask);
    mask.data = new Uint8Array(mask.data.length);
    masks.painted(mask);
  }
}

async function save(sheet) {
  const link = make("a", {
    href: URL.createObjectURL(await masks.maskOf(sheet.id).blob()),
    download: `${nameOf(sheet.id)}_mask.png`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function load(sheet) {
  const input = make("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    try {
      await masks.load(masks.maskOf(sheet.id), file);
    } catch (error) {
      say(error instanceof DOMException ? `${file.name} can't be read as a picture` : error.message, { bad: true });
    }
  });
  input.click();
}
