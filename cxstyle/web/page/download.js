// The dialog that saves a result: format and quality.
import { addresses } from "./api.js";
import { button, by, fillDialog, make } from "./dom.js";

const QUALITIES = ["jpg", "webp"];

export function openDownload(run) {
  if (run.kind === "animation") return save(addresses.video(run.id));
  const quality = make("input", { type: "range", id: "quality", min: 1, max: 100, value: 92 }),
    shown = make("output", { htmlFor: "quality" }, "92");
  const row = make("div", { className: "field" }, make("label", { htmlFor: "quality" }, "Quality"), quality, shown);
  const format = make(
    "select",
    { id: "format" },
    ...["png", "jpg", "webp", "tif"].map((name) => make("option", { value: name }, name.toUpperCase())),
  );
  const update = () => {
    row.hidden = !QUALITIES.includes(format.value);
    shown.textContent = quality.value;
  };
  const go = () => {
    save(
      addresses.result(run.id, {
        format: format.value,
        ...(QUALITIES.includes(format.value) ? { quality: quality.value } : {}),
        download: 1,
      }),
    );
    by("download").close();
  };
  for (const control of [format, quality]) control.addEventListener("input", update);
  update();
  fillDialog(
    "download",
    "Download",
    make("div", { className: "field" }, make("label", { htmlFor: "format" }, "Format"), format),
    row,
    make("p", { className: "soft" }, "PNG and TIFF keep every pixel; every file tells how it was made."),
    button("Download", go, { className: "primary" }),
  );
  by("download").showModal();
  return undefined;
}

function save(address) {
  const link = make("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
