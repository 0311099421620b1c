// What draws from what: a place of the source under the pointer, and the parts of the target that it matches.
import { api } from "./api.js";
import { by, make } from "./dom.js";
import { desk, onMode } from "./desk.js";
import { uploadedMasks } from "./masks.js";
import { on, state } from "./state.js";

const NEAR = 1.3; // Cells of the source around the pointer that are asked, as the deviation of a bell curve.
const DARK = { before: 110, pointing: 150 }; // Of 255, where nothing is drawn from.
const FINE = 12; // Pixels of the veil for a cell.
let found = null; // {key, source, target, cells, sure}
let asking = null;
let at = { x: 0.5, y: 0.5 };
let pointed = false; // whether somebody has pointed at a place since

export function setUpMatches() {
  by("desk-tools").append(make("p", { id: "matched", role: "status", hidden: true }));
  const [source] = desk.sheets;
  source.stage.addEventListener("pointermove", (event) => look(source.viewer.at(event)));
  source.stage.addEventListener("pointerdown", (event) => look(source.viewer.at(event)));
  source.stage.addEventListener("keydown", byKeys);
  onMode(update);
  on("view masks", update);
}

const active = () =>
  desk.mode === "matches" && state.view === "pictures" && desk.sheets.every((sheet) => sheet.id !== null);

async function update() {
  by("matched").hidden = desk.mode !== "matches";
  for (const sheet of desk.sheets) sheet.glow.hidden = desk.mode !== "matches";
  if (!active()) return;
  const [source, target] = desk.sheets.map((sheet) => sheet.id);
  const { source_mask, target_masks } = await uploadedMasks(source, [target]).catch(() => ({}));
  const wanted = { source, target, ...(source_mask ? { source_mask, target_mask: target_masks[0] } : {}) },
    key = JSON.stringify(wanted);
  if (found?.key === key) return show();
  if (asking === key) return undefined;
  asking = key;
  pointed = false;
  clear();
  tell("Comparing the pictures …");
  try {
    const match = await api.match(wanted);
    if (asking === key) found = { key, ...match };
    if (active()) {
      show();
    }
  } catch (error) {
    tell(error.message);
  }
  if (asking === key) asking = null;
  return undefined;
}

const tell = (text) => {
  by("matched").textContent = text;
};

function clear() {
  for (const { glow } of desk.sheets) glow.getContext("2d").clearRect(0, 0, glow.width, glow.height);
}

function look(place) {
  if (!active() || !found) return;
  at = place;
  pointed = true;
  if (at.x < 0 || at.y < 0 || at.x > 1 || at.y > 1) return;
  show();
}

function byKeys(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!active() || !found || !step) return;
  event.preventDefault();
  look({
    x: Math.min(1, Math.max(0, at.x + step[0] / found.source[1])),
    y: Math.min(1, Math.max(0, at.y + step[1] / found.source[0])),
  });
}

function show() {
  const { light, sure } = gathered();
  const [source, target] = desk.sheets;
  veil(source.glow, found.source, (y, x) =>
    Math.exp(-((x + 0.5 - at.x * found.source[1]) ** 2 + (y + 0.5 - at.y * found.source[0]) ** 2) / (2 * NEAR * NEAR)),
  );
  const most = Math.max(...light, 1e-9);
  veil(target.glow, found.target, (y, x) => light[y * found.target[1] + x] / most);
  if (pointed) outline(source.glow);
  tell(
    pointed
      ? `Bright in the target: what this part draws from. Sure ${Math.round(100 * sure)} %`
      : "Point at the source",
  );
}

// How much each cell of the target is drawn from by those around the pointer, and how sure these are.
function gathered() {
  const [rows, columns] = found.source,
    light = new Float32Array(found.target[0] * found.target[1]);
  const cx = at.x * columns,
    cy = at.y * rows,
    reach = Math.ceil(3 * NEAR);
  let sure = 0,
    total = 0;
  for (let y = Math.max(0, Math.floor(cy) - reach); y <= Math.min(rows - 1, cy + reach); y++) {
    for (let x = Math.max(0, Math.floor(cx) - reach); x <= Math.min(columns - 1, cx + reach); x++) {
      const share = Math.exp(-((x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2) / (2 * NEAR * NEAR)),
        i = y * columns + x;
      spread(light, found.cells[i], share * (0.15 + found.sure[i]));
      sure += share * found.sure[i];
      total += share;
    }
  }
  return { light, sure: total ? sure / total : 0 };
}

// A cell and, less, those beside it.
function spread(light, [row, column], share) {
  const [rows, columns] = found.target;
  for (let dy = -2; dy <= 2; dy++) {
    for (let dx = -2; dx <= 2; dx++) {
      const y = row + dy,
        x = column + dx;
      if (y >= 0 && x >= 0 && y < rows && x < columns)
        light[y * columns + x] += share * Math.exp(-(dx * dx + dy * dy) / 2);
    }
  }
}

// The cell that is pointed at.
function outline(canvas) {
  const [rows, columns] = found.source,
    context = canvas.getContext("2d");
  const cell = (share, count) => FINE * Math.min(count - 1, Math.floor(share * count));
  const place = [cell(at.x, columns), cell(at.y, rows), FINE, FINE];
  Object.assign(context, { lineWidth: 4, strokeStyle: "#000" });
  context.strokeRect(...place);
  Object.assign(context, { lineWidth: 2, strokeStyle: "#fff" });
  context.strokeRect(...place);
}

// Darkens a picture except where there is light, smoothly between the cells.
function veil(canvas, [rows, columns], light) {
  const small = make("canvas", { width: columns, height: rows }),
    context = small.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++)
      pixels.data[4 * (y * columns + x) + 3] =
        (pointed ? DARK.pointing : DARK.before) * (1 - Math.min(1, 1.3 * light(y, x)));
  }
  context.putImageData(pixels, 0, 0);
  Object.assign(canvas, { width: columns * FINE, height: rows * FINE });
  const large = canvas.getContext("2d");
  large.imageSmoothingQuality = "high";
  large.drawImage(small, 0, 0, canvas.width, canvas.height);
}
