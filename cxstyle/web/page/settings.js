// Presets as cards, strength as a slider, and the other settings folded away: all made of the fields that the server tells.
import { api } from "./api.js";
import { by, button, make } from "./dom.js";
import { changed, on, state } from "./state.js";
import { trying } from "./toast.js";

const LARGE = ["strength", "size"]; // Those that are not folded away.
const LEFT_OUT = ["init"]; // A picture's id or a word: nothing to type in.
const FIRST = ["default", "faithful", "painting", "fast"]; // What people mean most often; those of papers follow.
let preset = { name: null, values: {} };

export function setUpSettings() {
  on("choice", () => {
    if (preset.name !== state.preset) loadPreset();
    else draw();
  });
  by("presets").addEventListener("keydown", moveAmongCards);
  by("presets").append(make("div"), make("details", {}, make("summary", {}, "For comparison"), make("div")));
}

async function loadPreset() {
  const name = state.preset;
  const values = await trying(() => api.preset(name));
  if (!values || state.preset !== name) return;
  preset = { name, values };
  draw();
}

const valueOf = (field) => state.settings[field.name] ?? preset.values[field.name] ?? field.default;

function set(field, value) {
  const same = value === null || value === (preset.values[field.name] ?? field.default);
  state.settings = same ? without(field.name) : { ...state.settings, [field.name]: value };
  changed("choice");
}

function draw() {
  drawCards();
  const fields = state.about.fields,
    changes = Object.keys(state.settings).filter((name) => !LARGE.includes(name));
  // Made once: what is typed next, and where the keyboard is, outlive each change.
  if (!by("fields").childElementCount) {
    const shown = fields.filter(({ name }) => !LEFT_OUT.includes(name));
    by("main-settings").append(...LARGE.flatMap((name) => shown.filter((field) => field.name === name)).map(row));
    by("fields").append(...shown.filter(({ name }) => !LARGE.includes(name)).map(row));
  } else for (const field of fields) refresh(field);
  by("more-count").textContent = changes.length ? ` · ${changes.length} changed` : "";
}

function presets() {
  const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return [...state.about.presets].sort((a, b) => place(a) - place(b));
}

function drawCards() {
  const focused = by("presets").contains(document.activeElement);
  const [first, others] = [true, false].map((often) => presets().filter(({ name }) => FIRST.includes(name) === often));
  const fold = by("presets").lastChild;
  by("presets").firstChild.replaceChildren(...first.map(card));
  fold.lastChild.replaceChildren(...others.map(card));
  fold.hidden = !others.length;
  if (others.some(({ name }) => name === state.preset)) fold.open = true;
  if (focused) by("presets").querySelector("[aria-checked=true]").focus({ preventScroll: true });
}

function card({ name, description, needs }) {
  return make(
    "button",
    {
      role: "radio",
      className: "card",
      "data-preset": name,
      "aria-label": name,
      tabIndex: name === state.preset ? 0 : -1,
      "aria-checked": String(name === state.preset),
      onclick: () => choose(name),
      title: description,
    },
    make("b", {}, name, needs && make("i", {}, ` needs ${needs.toUpperCase()}`)),
    make("span", {}, description),
  );
}

function choose(name) {
  state.preset = name;
  drawCards();
  changed("choice");
}

function moveAmongCards(event) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const names = presets().map(({ name }) => name);
  choose(names[(names.indexOf(state.preset) + step + names.length) % names.length]);
  by("presets").querySelector("[aria-checked=true]").focus();
}

function row(field) {
  const id = "field-" + field.name,
    control = CONTROLS[field.kind](field, id);
  const reset = button(
    `Back to the preset's ${field.label}`,
    () => {
      state.settings = without(field.name);
      changed("choice");
      by(id).focus(); // The button has gone.
    },
    { picture: "undo", className: "tool reset" },
  );
  const help = field.help ? make("p", { className: "help", id: id + "-help" }, plainly(field.help)) : null;
  (control.querySelector("input") ?? control).setAttribute("aria-describedby", id + "-help");
  const made = make(
    "div",
    { className: "field " + field.kind + (field.name === "strength" ? " large" : ""), "data-field": field.name },
    make("label", { htmlFor: id }, field.label),
    reset,
    control,
    field.name === "strength" ? make("output", { htmlFor: id }) : null,
    help,
  );
  fillIn(field, made);
  return made;
}

// Options of the command line are settings here.
const plainly = (text) =>
  text.replaceAll("`", "").replace(/--([a-z][a-z-]*)/g, (_, option) => option.replaceAll("-", " "));

function without(name) {
  const { [name]: _, ...others } = state.settings;
  return others;
}

function refresh(field) {
  const made = document.querySelector(`[data-field="${CSS.escape(field.name)}"]`);
  if (made) fillIn(field, made);
}

function fillIn(field, made) {
  const control = made.querySelector("input, select"),
    value = valueOf(field);
  made.classList.toggle("changed", field.name in state.settings);
  // What is being typed, or can't be used yet, stays as it is.
  if (control.type === "range" || (control !== document.activeElement && control.validity.valid)) {
    if (field.kind === "flag") control.checked = Boolean(value);
    else control.value = value ?? "";
  }
  const output = made.querySelector("output");
  if (output) output.textContent = Math.round(100 * value) + " %";
}

// A field of a number without an end on both sides is typed; strength is slid.
function numeric(field, id) {
  const whole = field.kind === "integer";
  if (field.name === "strength") {
    return make("input", {
      type: "range",
      id,
      min: field.minimum,
      max: field.maximum,
      step: 0.05,
      oninput: (event) => set(field, Number(event.target.value)),
    });
  }
  const read = (event) => {
    const text = event.target.value.trim(),
      value = Number(text);
    if (event.target.reportValidity()) set(field, text === "" ? null : value);
  };
  return make("input", {
    type: "number",
    id,
    min: field.minimum,
    max: field.maximum,
    step: whole ? 1 : "any",
    onchange: read,
  });
}

// A text; some that it may be are offered.
function written(field, id) {
  const read = (event) => set(field, event.target.value.trim() || null);
  const input = make("input", { type: "text", id, spellcheck: false, autocomplete: "off", onchange: read });
  if (!field.choices) return input;
  input.setAttribute("list", id + "-words");
  return make(
    "span",
    {},
    input,
    make("datalist", { id: id + "-words" }, ...field.choices.map((value) => make("option", { value }))),
  );
}

const CONTROLS = {
  number: numeric,
  integer: numeric,
  choice: (field, id) =>
    make(
      "select",
      { id, onchange: (event) => set(field, event.target.value) },
      ...field.choices.map((choice) => make("option", { value: choice }, choice)),
    ),
  flag: (field, id) => make("input", { type: "checkbox", id, onchange: (event) => set(field, event.target.checked) }),
  text: written,
};
