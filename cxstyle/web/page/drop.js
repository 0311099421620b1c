// Pictures that are dropped anywhere, or pasted. While something is dragged over the page, large places show what it
// would become.
import { by } from "./dom.js";
import { put, takeFiles } from "./pictures.js";
import { state } from "./state.js";
import { say } from "./toast.js";
import { DRAGGED } from "./wells.js";

const ours = (event) => [...event.dataTransfer.types].some((type) => type === "Files" || type === DRAGGED);
let leaving = null;

export function setUpDrop() {
  addEventListener("dragover", over);
  addEventListener("dragleave", () => {
    leaving = setTimeout(hide, 80);
  });
  addEventListener("dragend", hide);
  addEventListener("drop", drop);
  addEventListener("paste", paste);
}

function over(event) {
  if (!ours(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  clearTimeout(leaving);
  by("drop").hidden = document.querySelector("dialog[open]") !== null;
  by("drop").lastElementChild.hidden = !state.targets.length;
  for (const zone of by("drop").children) zone.classList.toggle("on", zone === event.target.closest?.(".zone"));
}

function hide() {
  by("drop").hidden = true;
}

function drop(event) {
  if (!ours(event)) return;
  event.preventDefault();
  hide();
  const place = event.target.closest?.("[data-drop]")?.dataset.drop ?? null,
    id = event.dataTransfer.getData(DRAGGED);
  const files = [...event.dataTransfer.files];
  by("picker").close();
  if (id) put(id, place);
  else if (files.length) takeFiles(files, place);
  else say("Nothing in what was dropped is a file", { bad: true });
}

function paste(event) {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  const picker = by("picker"),
    place = picker.open ? picker.dataset.place : null;
  picker.close();
  takeFiles(files, place);
}
