const data = JSON.parse(document.getElementById("data").textContent);
const filters = by("filters"), cards = by("cards"), viewer = by("viewer");
const images = { result: make("img"), source: make("img") };
const pair = new Viewer(by("stage"), { layers: [images.result], before: images.source });
pair.pair.id = "pair";
const SELECTS = ["source", "target", "preset", "seed", "status"];
const KEYS = ["q", ...SELECTS, "sort"];
const collator = new Intl.Collator(undefined, { numeric: true });
const plain = (text) => text.normalize("NFKC").toLowerCase();

function picture(number) {
  return "data:image/jpeg;base64," + by("picture-" + number).textContent;
}

function show(image, number) {
  if (number === null || number === undefined) image.removeAttribute("src");
  else image.src = picture(number);
}

// What each result is called, and what the filters ask of it.
for (const result of data.results) {
  const source = data.originals[result.source].name, targets = result.targets.map((i) => data.originals[i].name);
  result.sourceName = source;
  result.targetName = targets.join(" + ");
  result.values = { source: [source], target: targets, preset: [result.preset], seed: [result.seed], status: [result.status] };
  result.text = plain([result.output, source, ...targets, result.preset, "seed " + result.seed, result.status, result.reason,
    data.originals[result.source].path, ...result.targets.map((i) => data.originals[i].path)].join("\n"));
}
data.results.sort((a, b) => collator.compare(a.sourceName, b.sourceName) || collator.compare(a.targetName, b.targetName) ||
  collator.compare(a.preset, b.preset) || collator.compare(a.seed, b.seed) || collator.compare(a.output, b.output));
const options = {};
for (const name of SELECTS) {
  options[name] = [...new Set(data.results.flatMap((result) => result.values[name]))].sort(collator.compare);
}
const varies = (name) => options[name].length > 1;
const pictures = data.results.filter((result) => result.picture !== null);
const without = data.results.filter((result) => result.picture === null);

// The hash holds what is chosen and what is open, so that a link leads to the same view and the back button works.
let state = {};

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const found = { open: given.get("open") || "" };
  for (const name of KEYS) {
    const value = given.get(name) || "";
    const known = name === "q" || [...filters.elements[name].options].some((option) => option.value === value);
    found[name] = known ? value : "";
  }
  return found;
}

function address(wanted) {
  const given = new URLSearchParams();
  for (const name of [...KEYS, "open"]) if (wanted[name]) given.set(name, wanted[name]);
  const text = given.toString();
  return text ? "#" + text : location.href.split("#")[0];
}

function go(changes, how) {
  const wanted = { ...state, ...changes };
  const pushes = how === "push";
  const inside = pushes ? { opened: Boolean(changes.open) } : history.state;
  history[pushes ? "pushState" : "replaceState"](inside, "", address(wanted));
  apply(wanted);
}

function apply(wanted) {
  const before = state;
  state = wanted;
  if (KEYS.some((name) => before[name] !== state[name])) {
    list();
    scrollTo(0, Math.min(scrollY, filters.previousElementSibling.offsetHeight));
  }
  const shown = pictures.find((result) => result.output === state.open);
  if (shown) open(shown);
  else if (viewer.open) viewer.close();
}

// The grid.
let matching = [];
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) show(entry.target, entry.isIntersecting ? entry.target.result.picture : null);
}, { rootMargin: "900px 0px" });

const SORTED = {
  style: (result) => [result.style, "style loss"],
  content: (result) => [result.content, "content loss"],
  seconds: (result) => [result.seconds, "seconds"],
};

function describe(result) {
  return result.sourceName + " in the look of " + result.targetName + ", " + result.preset +
    (varies("seed") ? ", seed " + result.seed : "") + (result.status === "complete" ? "" : ", " + result.status);
}

function details(result) {
  return [result.targetName, ...(varies("preset") ? [result.preset] : []), ...(varies("seed") ? ["seed " + result.seed] : [])];
}

function card(result) {
  const item = make("li"), opener = make("button", { class: "card" }), image = make("img");
  const first = make("span"), second = make("span");
  item.style.setProperty("--ratio", Math.min(2.4, Math.max(0.5, result.width / result.height)));
  image.alt = describe(result);
  image.result = result;
  first.append(make("span", { class: "name" }, result.sourceName), make("span", { class: "value" }));
  second.append(make("span", { class: "name" }, details(result).join(" · ")));
  if (result.status !== "complete") second.append(make("span", { class: "bad" }, result.status));
  for (const line of [first, second]) line.setAttribute("aria-hidden", "true"); // the picture's text says all of it
  opener.title = [result.sourceName, ...details(result)].join(" · ");
  opener.append(image, first, second);
  opener.addEventListener("click", () => go({ open: result.output }, "push"));
  item.append(opener);
  watcher.observe(image);
  result.value = first.lastChild;
  result.item = item;
  return item;
}

function row(result) {
  const name = [result.sourceName, ...details(result)].join(" · ");
  return make("li", {}, name, make("br"), make("span", {}, result.reason || result.status));
}

function matches(result, words) {
  return SELECTS.every((name) => !state[name] || result.values[name].includes(state[name])) &&
    words.every((word) => result.text.includes(word));
}

function list() {
  for (const name of KEYS) {
    const field = filters.elements[name];
    if (field.value !== state[name]) field.value = state[name];
    field.classList.toggle("chosen", Boolean(state[name]));
  }
  const words = plain(state.q).split(/\s+/).filter(Boolean), chosen = KEYS.some((name) => name !== "sort" && state[name]);
  matching = pictures.filter((result) => matches(result, words));
  const failed = without.filter((result) => matches(result, words));
  if (state.sort === "newest") matching.sort((a, b) => collator.compare(b.time, a.time));
  else if (state.sort) {
    const key = (result) => SORTED[state.sort](result)[0] ?? Infinity;
    matching.sort((a, b) => (key(a) === key(b) ? 0 : key(a) - key(b)));
  }
  for (const result of matching) {
    const [value, unit] = SORTED[state.sort] ? SORTED[state.sort](result) : [null];
    result.value.textContent = value === null ? "" : number(value) + (unit === "seconds" ? " s" : "");
  }
  cards.className = matching.length <= 8 ? "few" : matching.length <= 150 ? "some" : "";
  cards.replaceChildren(...matching.map((result) => result.item));
  by("without").lastElementChild.replaceChildren(...failed.map(row));
  by("without").hidden = !failed.length;
  by("nothing").hidden = Boolean(matching.length || failed.length);
  by("clear").hidden = !chosen;
  by("show").textContent = chosen ? "Filters (" + KEYS.slice(0, -1).filter((name) => state[name]).length + ")" : "Filters";
  by("count").textContent = counted(matching.length, pictures.length, chosen, "result") +
    (without.length ? ", " + counted(failed.length, without.length, chosen) + " without a picture" : "");
}

function counted(some, all, chosen, noun) {
  return (chosen ? some + " of " + all : String(all)) + (noun ? " " + noun + (all === 1 ? "" : "s") : "");
}

// One result, large.
let current = null;

function open(result) {
  if (current !== result || !viewer.open) fill(result);
  current = result;
  if (!viewer.open) {
    viewer.showModal();
    by("next").focus();
    if (by("next").disabled) by("close").focus();
  }
  const at = matching.indexOf(result);
  by("place").textContent = at < 0 ? "not among those chosen" : at + 1 + " of " + matching.length;
  for (const [id, step] of [["previous", -1], ["next", 1]]) {
    const none = at < 0 || !matching[at + step];
    if (none && document.activeElement === by(id)) by("close").focus();
    by(id).disabled = none;
  }
}

function fill(result) {
  const source = data.originals[result.source];
  pair.shape(result.width, result.height, 3 * result.width);
  pair.fit();
  show(images.result, result.picture);
  show(images.source, source.picture);
  images.result.alt = "Result: " + describe(result);
  images.source.alt = "Source: " + source.name;
  pair.slides(source.picture !== null);
  by("viewer-title").replaceChildren(result.sourceName, make("span", {}, " in the look of "), result.targetName);
  by("viewer-sub").textContent = result.preset + ", seed " + result.seed;
  by("reason").textContent = result.reason + (source.picture === null ? (result.reason ? "; " : "") + source.note : "");
  by("reason").hidden = !by("reason").textContent;
  by("full").href = result.href;
  by("targets").className = result.targets.length > 1 ? "several" : "";
  by("targets").replaceChildren(...result.targets.map((index, i) => figure(data.originals[index], result.weights?.[i])));
  rows(by("losses"), Object.entries(result.losses).filter(([name]) => name !== "scale" && name !== "iteration")
    .sort(([a], [b]) => (b === "total") - (a === "total")).map(([name, value]) => [name, number(value)]));
  rows(by("run"), result.facts);
  const settings = Object.entries(data.settings[result.settings]), differing = differ(result.preset);
  const own = settings.filter(([name]) => differing.has(name));
  by("differ-title").hidden = by("differ").hidden = !own.length;
  rows(by("differ"), own);
  rows(by("settings"), settings);
  by("facts").scrollTop = 0;
}

function figure(target, weight) {
  const found = make("figure"), image = make("img");
  const caption = "target " + target.name + (weight === undefined ? "" : ", weight " + weight);
  image.alt = "Target: " + target.name;
  if (target.picture === null) found.append(make("p", { class: "bad" }, target.note));
  else { show(image, target.picture); found.append(image); }
  found.append(make("figcaption", {}, caption));
  return found;
}

function rows(place, pairs) {
  place.replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

const known = new Map();
// Names of settings that are not the same in all results of a preset.
function differ(preset) {
  if (known.has(preset)) return known.get(preset);
  const all = [...new Set(data.results.filter((r) => r.preset === preset).map((r) => r.settings))].map((i) => data.settings[i]);
  const names = new Set(all.flatMap((settings) => Object.keys(settings)));
  known.set(preset, new Set([...names].filter((name) => all.some((settings) => settings[name] !== all[0][name]))));
  return known.get(preset);
}

function step(by) {
  const next = matching[matching.indexOf(current) + by];
  if (next && matching.includes(current)) go({ open: next.output });
}

// Wiring.
document.title = by("title").textContent = data.title;
for (const name of SELECTS) {
  const select = filters.elements[name];
  select.append(new Option("All", ""), ...options[name].map((value) => new Option(value, value)));
  select.parentElement.hidden = !varies(name);
}
const none = Object.fromEntries(KEYS.filter((name) => name !== "sort").map((name) => [name, ""]));
pictures.forEach(card);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", (event) => {
  const { name, value } = event.target;
  go({ [name]: value }, name === "q" ? "replace" : "push");
});
for (const id of ["clear", "clear-all"]) {
  by(id).addEventListener("click", () => { go(none, "push"); filters.elements.q.focus(); });
}
by("show").addEventListener("click", () => {
  by("show").setAttribute("aria-expanded", by("more").classList.toggle("open"));
});
by("previous").addEventListener("click", () => step(-1));
by("next").addEventListener("click", () => step(1));
by("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("close", () => {
  if (current && current.item.isConnected) current.item.firstChild.focus();
  if (!state.open) return;
  // Back to before it was opened here; a link that opened it leads to the grid instead.
  if (history.state && history.state.opened) { state.open = ""; history.back(); }
  else go({ open: "" });
});
viewer.addEventListener("keydown", (event) => {
  if (event.target === pair.slider || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
window.addEventListener("hashchange", () => apply(read()));
history.scrollRestoration = "manual";
apply(read());
