// All tries that have ended, newest first, with their pictures.
import { addresses } from "./api.js";
import { button, by, make, redraw } from "./dom.js";
import { chosen, lookOf, open } from "./runs.js";
import { distinctions } from "./stage.js";
import { changed, isActive, on, runsInOrder, state, titleOf } from "./state.js";

export function setUpHistory() {
  on("runs view pictures", draw);
}

export const triesInOrder = () => runsInOrder().filter((run) => !isActive(run));

function draw() {
  const runs = triesInOrder();
  by("history-empty").hidden = runs.length > 0;
  const known = runs.map((run) => [run.id, run.status, run.result, run.ended, lookOf(run)]);
  redraw("history", [known, state.shown, state.beside], () => runs.map(card));
}

function card(run) {
  const shown = run.id === state.shown,
    told = run.status === "complete" ? "" : run.status;
  const open_ = make(
    "button",
    {
      id: "try-" + run.id,
      className: "try",
      onclick: () => pick(run),
      title: `${timeOf(run)}: ${lookOf(run)}`,
      "aria-current": shown ? "true" : null,
    },
    thumb(run),
    make("span", { className: "name" }, distinctions(run)),
    make("span", { className: "soft" }, [told, titleOf(run).join(" · ")].filter(Boolean).join(" · ")),
  );
  return make(
    "li",
    { className: shown ? "on" : run.id === state.beside ? "beside" : "" },
    open_,
    shown || !run.result
      ? null
      : button(`Compare with ${lookOf(run)}`, () => beside(run), {
          picture: "compare",
          className: "tool compare",
          title: "Side by side with the one shown",
        }),
  );
}

function thumb(run) {
  const none = !run.result || run.kind === "animation",
    seen = run.kind === "animation" && run.picture_number > 0;
  const address = seen
    ? addresses.preview(run.id, run.picture_number, 256)
    : none
      ? addresses.origin(run, 256)
      : addresses.result(run.id, { format: "jpg", edge: 256, v: run.ended });
  return make("img", {
    src: address,
    alt: run.result ? `Result: ${lookOf(run)}` : "",
    className: run.result ? "" : "faint",
    loading: "lazy",
  });
}

const timeOf = (run) => new Date(1000 * run.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

// While two are side by side, another one takes the place of the second.
function pick(run) {
  if ((state.choosing || state.view === "compare") && run.result && run.id !== state.shown) beside(run);
  else open(run.id);
}

function beside(run) {
  if (!state.runs.get(state.shown)?.result) return open(run.id);
  Object.assign(state, { beside: run.id, view: "compare" });
  chosen();
  document.body.dataset.tab = "centre";
  changed("view");
  return undefined;
}
