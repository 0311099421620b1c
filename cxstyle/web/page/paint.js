// The hand that paints masks: tools, their keys, and what pointers do over the sheets.
import { all, button, by, make } from "./dom.js";
import { desk, onMode, setMode } from "./desk.js";
import * as masks from "./masks.js";
import { changed, nameOf, on, state } from "./state.js";
import { say } from "./toast.js";

const TOOLS = [
  ["brush", "Brush", "B"],
  ["fill", "Fill", "F"],
  ["eraser", "Eraser", "E"],
];
const hand = {
  tool: "brush",
  color: 1,
  size: 6,
  reach: 0,
  opacity: 60,
  sheet: null,
  stroke: null,
  at: { x: 0.5, y: 0.5 },
};
// size: a brush's diameter in hundredths of the picture's long edge; reach: of the fill in colours, 0 for marks alone

export function setUpPaint() {
  by("desk-tools").append(
    make(
      "p",
      { id: "meaning", role: "status" },
      make("span"),
      " ",
      make("button", { type: "button", id: "rename", className: "quiet", onclick: () => rename(hand.color) }, "Rename"),
    ),
    toolbar(),
  );
  for (const sheet of desk.sheets) listen(sheet);
  on("choice masks view", drawAll);
  onMode(drawAll);
}

const painting = () => desk.mode === "masks" && state.view === "pictures";

function toolbar() {
  const slide = (id, label, min, max, change) =>
    make(
      "label",
      { className: "slide", id: id + "-label" },
      label,
      make("input", {
        type: "range",
        id,
        min,
        max,
        step: 0.5,
        value: hand[id],
        oninput: (event) => {
          hand[id] = Number(event.target.value);
          change();
        },
      }),
    );
  const tool = ([name, label, key]) =>
    button(label, () => choose({ tool: name }), {
      picture: name,
      id: "tool-" + name,
      title: `${label} (${key})`,
      "aria-pressed": "false",
    });
  return make(
    "div",
    { id: "paint" },
    make(
      "div",
      { className: "strip" },
      make("div", { role: "group", "aria-label": "Tools" }, ...TOOLS.map(tool)),
      make("div", { id: "palette", role: "radiogroup", "aria-label": "Colours, shared by both pictures" }),
      make(
        "div",
        { role: "group", "aria-label": "Steps" },
        button("Undo", masks.undo, { picture: "undo", id: "undo", title: "Undo (Ctrl-Z)" }),
        button("Redo", masks.redo, { picture: "redo", id: "redo", title: "Redo (Ctrl-Shift-Z)" }),
      ),
    ),
    make(
      "div",
      { className: "strip" },
      make(
        "div",
        { className: "sliders" },
        slide("size", "Size", 0.5, 40, showRing),
        slide("reach", "Follow the picture", 0, 90, () => {}),
        slide("opacity", "Opacity", 10, 100, drawAll),
      ),
      make(
        "div",
        { role: "group", "aria-label": "Masks", className: "files" },
        button("Clear", clear, { id: "clear", title: "Clears both masks" }),
        menu("Load", "load-mask", load),
        menu("Save", "save-mask", save),
      ),
      make(
        "label",
        { className: "use" },
        make("input", {
          type: "checkbox",
          id: "use-masks",
          onchange: (event) => {
            state.useMasks = event.target.checked;
            changed("choice");
          },
        }),
        "use in runs",
      ),
    ),
  );
}

// One for each picture.
function menu(label, id, action) {
  const one = ({ role }, i) =>
    make(
      "button",
      {
        type: "button",
        className: "plain",
        id: `${id}-${role}`,
        title: `${label} the ${role}'s mask`,
        "aria-label": `${label} the ${role}'s mask`,
        onclick: () => action(desk.sheets[i]),
      },
      role,
    );
  return make("span", { className: "split", role: "group", "aria-label": label }, label, ...desk.sheets.map(one));
}

function choose(changes) {
  Object.assign(hand, changes);
  drawTools();
}

function drawAll() {
  by("paint").hidden = by("meaning").hidden = desk.mode !== "masks";
  for (const sheet of desk.sheets) {
    sheet.paint.hidden = sheet.id === null || !(desk.mode === "masks" || (desk.mode === null && state.useMasks));
    sheet.stage.classList.toggle("painting", painting());
    if (sheet.id !== null && !sheet.paint.hidden) drawMask(sheet);
  }
  if (desk.mode === "masks") drawTools();
  else
    all(".ring").forEach((ring) => {
      ring.hidden = true;
    });
}

function drawMask(sheet) {
  const mask = masks.maskOf(sheet.id);
  if (sheet.paint.width !== mask.width || sheet.paint.height !== mask.height)
    Object.assign(sheet.paint, { width: mask.width, height: mask.height });
  mask.draw(sheet.paint.getContext("2d"));
  sheet.paint.style.opacity = (desk.mode === "masks" ? hand.opacity : 30) / 100;
}

function drawTools() {
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
  by("palette").replaceChildren(
    ...masks.palette.map(({ name, color }, i) => {
      const { source, target } = meanings[i],
        where = source && target ? "both" : source ? "source" : target ? "target" : "none";
      const made = make(
        "button",
        {
          type: "button",
          role: "radio",
          className: "swatch " + where,
          "data-color": i,
          "aria-checked": String(i === hand.color),
          "aria-label": `${name}${TOLD[where] && i ? ", " + TOLD[where] : ""}`,
          title: `${name}${i && i < 10 ? ` (${i})` : ""}`,
          onclick: () => choose({ color: i, tool: hand.tool === "eraser" ? "brush" : hand.tool }),
        },
        make("i"),
      );
      made.firstChild.style.background = color;
      return made;
    }),
  );
  if (focused !== undefined) by("palette").children[focused]?.focus({ preventScroll: true });
  by("meaning").firstChild.textContent = meaning(meanings);
  by("rename").hidden = hand.color === 0;
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

function listen(sheet) {
  const { stage } = sheet;
  const ring = make("span", { className: "ring", hidden: true, "aria-hidden": "true" });
  stage.append(ring);
  sheet.ring = ring;
  sheet.taker = (event) => take(sheet, event);
  stage.addEventListener("pointermove", (event) => moved(sheet, event));
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => ended(sheet, event));
  stage.addEventListener("pointerleave", () => {
    if (!hand.stroke) ring.hidden = true;
  });
  stage.addEventListener("keydown", (event) => byKeys(sheet, event));
}

// What of a sheet's events is painting rather than looking: strokes, and the wheel with Alt.
function take(sheet, event) {
  if (!painting()) return false;
  if (event.type === "dblclick") return true;
  if (event.type === "wheel") {
    if (!event.altKey) return false;
    event.preventDefault();
    resize(Math.exp(-(event.deltaY || event.deltaX) * 0.002), sheet, event);
    return true;
  }
  if (event.button !== 0) return false;
  if (hand.stroke) return handOver(sheet, event);
  begin(sheet, event);
  return true;
}

// A second finger: it was no stroke but a pinch.
function handOver(sheet, event) {
  if (hand.stroke.sheet !== sheet || event.pointerType !== "touch") return true;
  masks.takeBack();
  sheet.viewer.pointers.set(hand.stroke.pointer, hand.stroke.screen);
  hand.stroke = null;
  return false;
}

const inMask = (mask, { x, y }) => ({ x: x * mask.width, y: y * mask.height });
const radius = (mask) => (hand.size / 200) * Math.max(mask.width, mask.height);
const value = () => (hand.tool === "eraser" ? 0 : hand.color);

function begin(sheet, event) {
  event.preventDefault();
  sheet.stage.focus({ preventScroll: true });
  const mask = masks.maskOf(sheet.id),
    at = inMask(mask, sheet.viewer.at(event));
  masks.remember(mask);
  if (hand.tool === "fill") return fill(sheet, mask, at);
  sheet.stage.setPointerCapture(event.pointerId);
  hand.stroke = { sheet, mask, pointer: event.pointerId, last: at, screen: { x: event.clientX, y: event.clientY } };
  mask.stroke(at, at, radius(mask), value());
  drawMask(sheet);
  return undefined;
}

function fill(sheet, mask, at) {
  mask.fill(at, value(), hand.reach > 0 ? pixelsOf(sheet, mask) : null, hand.reach);
  masks.painted(mask);
}

function pixelsOf(sheet, mask) {
  const context = make("canvas", { width: mask.width, height: mask.height }).getContext("2d", {
    willReadFrequently: true,
  });
  context.filter = "blur(2px)"; // Grain would leave holes in what hangs together.
  context.drawImage(sheet.picture, 0, 0, mask.width, mask.height);
  return context.getImageData(0, 0, mask.width, mask.height).data;
}

function moved(sheet, event) {
  if (!painting() || sheet.id === null) return;
  hand.at = sheet.viewer.at(event);
  showRing(sheet, event);
  const { stroke } = hand;
  if (!stroke || stroke.pointer !== event.pointerId) return;
  for (const point of event.getCoalescedEvents?.() ?? [event]) {
    const to = inMask(stroke.mask, sheet.viewer.at(point));
    // A pen that is pressed lightly draws thinner.
    const share = event.pointerType === "pen" && event.pressure > 0 ? 0.4 + 0.6 * event.pressure : 1;
    stroke.mask.stroke(stroke.last, to, radius(stroke.mask) * share, value());
    stroke.last = to;
  }
  drawMask(sheet);
}

function ended(sheet, event) {
  if (hand.stroke?.pointer !== event.pointerId) return;
  const { mask } = hand.stroke;
  hand.stroke = null;
  masks.painted(mask);
}

// The brush as a ring below the pointer.
function showRing(sheet = hand.sheet, event = null) {
  hand.sheet = sheet;
  if (!sheet?.ring) return;
  const { width, height, left, top } = sheet.viewer.whole(),
    stage = sheet.stage.getBoundingClientRect();
  const size = hand.tool === "fill" ? 6 : Math.max(3, (hand.size / 100) * Math.max(width, height));
  const x = event ? event.clientX : left + hand.at.x * width,
    y = event ? event.clientY : top + hand.at.y * height;
  for (const other of desk.sheets) other.ring.hidden = other !== sheet;
  Object.assign(sheet.ring.style, {
    width: size + "px",
    height: size + "px",
    left: x - stage.left + "px",
    top: y - stage.top + "px",
  });
}

function resize(factor, sheet = hand.sheet, event = null) {
  hand.size = Math.min(40, Math.max(0.5, hand.size * factor));
  by("size").value = hand.size;
  showRing(sheet, event);
}

// Painting without a pointer: arrows move the brush, the space bar paints.
function byKeys(sheet, event) {
  if (!painting() || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step && event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  if (step) {
    const far = event.shiftKey ? 0.002 : 0.02,
      clamp = (share) => Math.min(1, Math.max(0, share));
    hand.at = { x: clamp(hand.at.x + step[0] * far), y: clamp(hand.at.y + step[1] * far) };
    return showRing(sheet);
  }
  const mask = masks.maskOf(sheet.id),
    at = inMask(mask, hand.at);
  masks.remember(mask);
  if (hand.tool === "fill") return fill(sheet, mask, at);
  mask.stroke(at, at, radius(mask), value());
  return masks.painted(mask);
}

// Keys of the whole page while masks are painted. Returns whether it was one.
export function paintKey(event) {
  if (!painting()) return false;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "z")
    return event.shiftKey ? (masks.redo(), true) : (masks.undo(), true);
  if ((event.ctrlKey || event.metaKey) && key === "y") return (masks.redo(), true);
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const tool = { b: "brush", f: "fill", e: "eraser" }[key];
  if (tool) return (choose({ tool }), true);
  if (key === "[" || key === "]") return (resize(key === "]" ? 1.2 : 1 / 1.2), true);
  if (/^[0-9]$/.test(key) && masks.palette[key]) return (choose({ color: Number(key) }), true);
  if (key === "escape") return (setMode(null), true);
  return false;
}
