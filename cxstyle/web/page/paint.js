// The hand that paints masks: what pointers and keys do over the sheets.
import { by, make } from "./dom.js";
import { desk, onMode, setMode } from "./desk.js";
import * as masks from "./masks.js";
import { on, state } from "./state.js";
import { choose, drawTools, hand, setUpTools } from "./tools.js";

export function setUpPaint() {
  setUpTools(() => showRing(), drawAll);
  for (const sheet of desk.sheets) listen(sheet);
  on("choice masks view", drawAll);
  onMode(drawAll);
}

const ERASER = 5; // The button of a pen that is turned round.
const painting = () => desk.mode === "masks" && state.view === "pictures";

function drawAll() {
  by("paint").hidden = by("meaning").hidden = desk.mode !== "masks";
  for (const sheet of desk.sheets) {
    sheet.paint.hidden = sheet.id === null || !(desk.mode === "masks" || (desk.mode === null && state.useMasks));
    sheet.stage.classList.toggle("painting", painting());
    if (sheet.id !== null && !sheet.paint.hidden) drawMask(sheet);
  }
  if (desk.mode === "masks") drawTools();
  else for (const sheet of desk.sheets) sheet.ring.hidden = true;
}

// Once for each frame of the screen, however many points a pointer has told.
function drawSoon(sheet) {
  sheet.soon ??= requestAnimationFrame(() => {
    sheet.soon = null;
    if (sheet.id !== null) drawMask(sheet);
  });
}

function drawMask(sheet) {
  const mask = masks.maskOf(sheet.id);
  if (sheet.paint.width !== mask.width || sheet.paint.height !== mask.height)
    Object.assign(sheet.paint, { width: mask.width, height: mask.height });
  mask.draw(sheet.paint.getContext("2d"));
  sheet.paint.style.opacity = (desk.mode === "masks" ? hand.opacity : 30) / 100;
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
  if (event.button !== 0 && event.button !== ERASER) return false;
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
const value = (event = null) => (hand.tool === "eraser" || event?.button === ERASER ? 0 : hand.color);

function begin(sheet, event) {
  event.preventDefault();
  sheet.stage.focus({ preventScroll: true });
  const mask = masks.maskOf(sheet.id),
    at = inMask(mask, sheet.viewer.at(event));
  masks.remember(mask);
  if (hand.tool === "fill") return fill(sheet, mask, at);
  sheet.stage.setPointerCapture(event.pointerId);
  const screen = { x: event.clientX, y: event.clientY };
  hand.stroke = { sheet, mask, pointer: event.pointerId, last: at, screen, value: value(event) };
  mask.stroke(at, at, radius(mask), hand.stroke.value);
  drawSoon(sheet);
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
    stroke.mask.stroke(stroke.last, to, radius(stroke.mask) * share, stroke.value);
    stroke.last = to;
  }
  drawSoon(sheet);
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
