// Making and finding elements, and a few texts. Names reach the page as text only: a file may be called anything.
export const by = (id) => document.getElementById(id);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// An element with attributes, listeners ("onclick") and children; what is null is left out.
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  if (tag === "button") element.type = "button";
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-") && name !== "list")
      element[name === "class" ? "className" : name] = value;
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// One of the drawings at the end of the page.
export function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  use.setAttribute("href", "#icon-" + name);
  drawing.append(use);
  return drawing;
}

export function button(label, onclick, given = {}) {
  const { picture, ...rest } = given;
  const shown = picture ? [icon(picture)] : [label];
  return make(
    "button",
    {
      className: picture ? "tool" : "plain",
      onclick,
      ...rest,
      ...(picture ? { title: rest.title ?? label, "aria-label": label } : {}),
    },
    ...shown,
  );
}

const drawn = new Map();

// Fills a place anew where what it depends on has changed: an element that is replaced takes no click and no drop.
export function redraw(id, signature, children) {
  const text = JSON.stringify(signature);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  const focused = document.activeElement?.id;
  by(id).replaceChildren(...children());
  if (focused) by(focused)?.focus({ preventScroll: true });
}

// A dialog of the page with its title; its button, Escape and a click beside it close it.
export function fillDialog(id, title, ...content) {
  const dialog = by(id),
    close = button("Close", () => dialog.close(), { picture: "close" });
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();
  };
  dialog.replaceChildren(make("header", {}, make("h2", { id: id + "-title" }, title), close), ...content);
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return whole + " s";
  if (whole < 3600)
    return Math.floor(whole / 60) + " min" + (whole < 600 && whole % 60 ? " " + (whole % 60) + " s" : "");
  return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
}

export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  return Math.abs(value) < 0.001 || Math.abs(value) >= 1e5 ? value.toExponential(2) : value.toPrecision(4);
}

export function listed(words) {
  return words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " and " + words.at(-1);
}

// Kept by the browser for the next visit; where it keeps nothing, nothing is lost but that.
export const kept = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem("cxstyle " + name));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem("cxstyle " + name);
      else localStorage.setItem("cxstyle " + name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};
