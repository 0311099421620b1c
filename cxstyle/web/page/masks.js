// Masks: for each picture a map of which named colour each place has. The same colour in both pictures means that one
// becomes the other; white, which is where nothing is painted, is everything else.
import { addresses, api } from "./api.js";
import { kept, make } from "./dom.js";
import { decoded } from "./pictures.js";
import { changed, nameOf, state } from "./state.js";

const EDGE = 1024; // Of a mask in pixels; it needn't have its picture's size, only its shape.
const LEAST = 0.005; // Share of a mask that a colour must cover to count (`cxstyle docs masks`).
const SAME = 24; // Colours nearer than this are one.
const MOST = 32;
const STEPS = 40; // That can be undone.
const START = [
  ["Everything else", "#ffffff"],
  ["Red", "#e6194b"],
  ["Blue", "#0a64d8"],
  ["Green", "#19a34a"],
  ["Yellow", "#ffd000"],
  ["Violet", "#8a2be2"],
  ["Orange", "#ff7a00"],
  ["Teal", "#00b8c4"],
  ["Black", "#000000"],
];

export const palette = (kept.get("palette") ?? START).map(([name, color]) => ({ name, color, rgb: rgbOf(color) }));
const masks = new Map(); // picture id -> Mask
const done = [],
  undone = []; // {mask, data}: what a mask was before a step

function rgbOf(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

class Mask {
  constructor(id, width, height) {
    Object.assign(this, { id, width, height, data: new Uint8Array(width * height) });
  }

  // Shares of the mask that colours cover, by their numbers in the palette.
  get shares() {
    const counts = new Array(palette.length).fill(0);
    for (const value of this.data) counts[value]++;
    return counts.map((count) => count / this.data.length);
  }

  get empty() {
    return this.data.every((value) => value === 0);
  }

  // Paints everything nearer than a radius to a line, in the mask's pixels.
  stroke(from, to, radius, value) {
    const { width, height, data } = this,
      reach = Math.max(0.5, radius);
    const [left, right] = bounds(from.x, to.x, reach, width),
      [top, bottom] = bounds(from.y, to.y, reach, height);
    const dx = to.x - from.x,
      dy = to.y - from.y,
      length = dx * dx + dy * dy || 1;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const px = x + 0.5 - from.x,
          py = y + 0.5 - from.y,
          along = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
        if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= reach * reach) data[y * width + x] = value;
      }
    }
  }

  // Paints what hangs together with a place: of the same mark, or, with a reach, of colours of the picture near to its.
  fill(at, value, pixels = null, reach = 0) {
    const { width, height, data } = this,
      start = Math.floor(at.y) * width + Math.floor(at.x);
    if (at.x < 0 || at.y < 0 || at.x >= width || at.y >= height) return;
    const old = data[start],
      first = pixels && [0, 1, 2].map((i) => pixels[4 * start + i]);
    const near = (i) =>
      (pixels[4 * i] - first[0]) ** 2 + (pixels[4 * i + 1] - first[1]) ** 2 + (pixels[4 * i + 2] - first[2]) ** 2 <=
      reach * reach;
    const belongs = (i) => (pixels ? near(i) : data[i] === old);
    const seen = new Uint8Array(data.length),
      open = [start];
    seen[start] = 1;
    while (open.length) {
      const i = open.pop(),
        x = i % width;
      data[i] = value;
      for (const next of [x > 0 ? i - 1 : -1, x < width - 1 ? i + 1 : -1, i - width, i + width]) {
        if (next >= 0 && next < data.length && !seen[next] && belongs(next)) {
          seen[next] = 1;
          open.push(next);
        }
      }
    }
  }

  // Onto a canvas of its size; where nothing is painted it stays clear, unless it is to be whole.
  draw(context, whole = false) {
    const pixels = context.createImageData(this.width, this.height),
      out = new Uint32Array(pixels.data.buffer);
    const colors = palette.map(({ rgb: [r, g, b] }, i) =>
      i === 0 && !whole ? 0 : ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0,
    );
    for (let i = 0; i < out.length; i++) out[i] = colors[this.data[i]];
    context.putImageData(pixels, 0, 0);
  }

  canvas() {
    const canvas = make("canvas", { width: this.width, height: this.height });
    this.draw(canvas.getContext("2d"), true);
    return canvas;
  }

  blob() {
    return new Promise((resolve) => this.canvas().toBlob(resolve, "image/png"));
  }
}

function bounds(a, b, reach, size) {
  return [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(size - 1, Math.ceil(Math.max(a, b) + reach))];
}

// The mask of a picture, as it was left; nothing painted at first.
export function maskOf(id) {
  const { width, height } = state.pictures.get(id),
    scale = Math.min(1, EDGE / Math.max(width, height));
  if (!masks.has(id)) {
    const mask = new Mask(id, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    masks.set(id, mask);
    const before = kept.get("mask " + id);
    if (before)
      mask.ready = decoded(before).then(
        (picture) => {
          adopt(mask, picture);
          changed("masks");
        },
        () => {},
      );
  }
  return masks.get(id);
}

// Takes over the colours of a picture. Those that the palette lacks join it where they cover enough to count.
function adopt(mask, picture) {
  const canvas = make("canvas", { width: mask.width, height: mask.height }),
    context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, mask.width, mask.height);
  const { data } = context.getImageData(0, 0, mask.width, mask.height),
    counts = new Map();
  const at = (i) => (data[4 * i + 3] < 128 ? 0xffffff : (data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2]);
  for (let i = 0; i < mask.data.length; i++) counts.set(at(i), (counts.get(at(i)) ?? 0) + 1);
  for (const [color, count] of [...counts].sort((a, b) => b[1] - a[1])) {
    if (count >= LEAST * mask.data.length && nearest(color).far >= SAME && palette.length < MOST) addColor(color);
  }
  const numbers = new Map([...counts.keys()].map((color) => [color, nearest(color).number]));
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = numbers.get(at(i));
}

function nearest(color) {
  const rgb = [color >> 16, (color >> 8) & 255, color & 255],
    far = palette.map((entry) => Math.hypot(...entry.rgb.map((value, i) => value - rgb[i])));
  const best = Math.min(...far);
  return { number: far.indexOf(best), far: best };
}

function addColor(color) {
  const hex = "#" + color.toString(16).padStart(6, "0");
  palette.push({ name: hex, color: hex, rgb: rgbOf(hex) });
  keepPalette();
}

export function keepPalette() {
  kept.set(
    "palette",
    palette.map(({ name, color }) => [name, color]),
  );
}

// Before a change: what can be undone.
export function remember(mask) {
  done.push({ mask, data: mask.data.slice() });
  undone.length = 0;
  if (done.length > STEPS) done.shift();
}

// After a change.
export function painted(mask) {
  mask.uploaded = null;
  kept.set("mask " + mask.id, mask.empty ? null : mask.canvas().toDataURL("image/png"));
  changed("masks");
}

function back(from, to) {
  const step = from.pop();
  if (!step) return false;
  to.push({ mask: step.mask, data: step.mask.data });
  step.mask.data = step.data;
  painted(step.mask);
  return true;
}

export const undo = () => back(done, undone);
export const redo = () => back(undone, done);
export const canUndo = () => done.length > 0;
export const canRedo = () => undone.length > 0;

// Forgets a step that was given up, such as a stroke that became a pinch.
export function takeBack() {
  const step = done.pop();
  if (step) step.mask.data = step.data;
  changed("masks");
}

export async function load(mask, file) {
  const address = URL.createObjectURL(file);
  try {
    const picture = await decoded(address),
      ratio = picture.naturalWidth / picture.naturalHeight;
    if (Math.abs(ratio / (mask.width / mask.height) - 1) > 0.02)
      throw new Error(`${file.name} has not the shape of ${nameOf(mask.id)}`);
    remember(mask);
    adopt(mask, picture);
    painted(mask);
  } finally {
    URL.revokeObjectURL(address);
  }
}

// The mask of a picture as it was for a run.
export async function restore(id, mask) {
  if (!state.pictures.has(id) || !mask) return;
  const place = maskOf(id),
    picture = await decoded(addresses.picture(mask)).catch(() => null);
  if (!picture) return;
  await place.ready;
  remember(place);
  adopt(place, picture);
  painted(place);
}

export const isPainted = (id) => id !== null && state.pictures.has(id) && !maskOf(id).empty;

// What the colours do, for each of the palette: "both", or what becomes of one that only one side has.
export function meanings(source, targets) {
  const shares = (id) => (id !== null && state.pictures.has(id) ? maskOf(id).shares : []);
  const here = shares(source),
    there = targets.map(shares);
  return palette.map((_, i) => ({
    source: here[i] > 0,
    target: there.some((one) => one[i] > 0),
    small: [here, ...there].some((one) => one[i] > 0) && ![here, ...there].some((one) => one[i] >= LEAST),
  }));
}

// Masks for a run, where any is painted and they are wanted: {source_mask, target_masks}.
export async function uploadedMasks(source, targets) {
  const all = [source, ...targets];
  await Promise.all(all.map((id) => maskOf(id).ready));
  if (!state.useMasks || !all.some(isPainted)) return {};
  const [own, ...others] = await Promise.all(all.map(uploaded));
  return { source_mask: own, target_masks: others };
}

async function uploaded(id) {
  const mask = maskOf(id);
  mask.uploaded ??= (await api.upload(await mask.blob(), `${nameOf(id)}_mask.png`)).id;
  return mask.uploaded;
}
