// The dialog that chooses a picture: from this computer, among the samples, or among those that were here before.
import { addresses, api } from "./api.js";
import { button, by, fillDialog, make } from "./dom.js";
import { put, takeFiles } from "./pictures.js";
import { changed, isMask, nameOf, on, state } from "./state.js";
import { trying } from "./toast.js";

const TITLES = { source: "Choose the source", target: "Choose the target", another: "Choose another target" };

export function setUpPicker() {
  on("pictures", () => {
    if (by("picker").open) fill();
  });
}

export function choosePicture(place) {
  by("picker").dataset.place = place;
  fill();
  by("picker").showModal();
}

function fill() {
  const { place } = by("picker").dataset,
    known = [...state.pictures.values()].filter((picture) => !isMask(picture));
  const samples = known.filter((picture) => picture.sample),
    others = known.filter((picture) => !picture.sample);
  fillDialog(
    "picker",
    TITLES[place],
    make(
      "div",
      { className: "scroll" },
      make("label", { className: "plain file" }, "From this computer …", fileInput(place)),
      make(
        "p",
        { className: "soft" },
        "Or drop a file anywhere on the page, or paste a picture." +
          (place === "source" && state.about.video ? " A video as the source is animated." : ""),
      ),
      ...group("Samples", samples, place),
      ...group("Here before", others, place),
    ),
  );
}

function fileInput(place) {
  const input = make("input", {
    type: "file",
    className: "unseen",
    multiple: place !== "source",
    "aria-label": "From this computer",
  });
  input.accept = place === "source" ? "image/*,video/*" : "image/*";
  input.addEventListener("change", () => {
    by("picker").close();
    takeFiles([...input.files], place);
  });
  return input;
}

function group(title, pictures, place) {
  if (!pictures.length) return [];
  return [
    make("h3", {}, title),
    make("ul", { className: "shelf" }, ...pictures.map((picture) => tile(picture, place))),
  ];
}

function tile(picture, place) {
  const choose = () => {
    by("picker").close();
    put(picture.id, place);
  };
  const forget = () =>
    trying(async () => {
      await api.forget(picture.id);
      dropped(picture.id);
    });
  return make(
    "li",
    {},
    make(
      "button",
      { className: "tile", onclick: choose, title: picture.name },
      make("img", { src: addresses.picture(picture.id, 200), alt: "", loading: "lazy" }),
      make("span", {}, nameOf(picture.id)),
    ),
    picture.sample ? null : button(`Delete ${picture.name}`, forget, { picture: "delete", className: "tool remove" }),
  );
}

function dropped(id) {
  state.pictures.delete(id);
  if (state.source === id) state.source = null;
  state.targets = state.targets.filter((target) => target.id !== id);
  changed("pictures", "choice");
}
