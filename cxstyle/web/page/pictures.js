// Files into pictures and videos of the server, and pictures into the places of the choice.
import { addresses, api } from "./api.js";
import { changed, learn, nameOf, state } from "./state.js";
import { say, trying } from "./toast.js";

const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi)$/i;
const isVideo = (file) => file.type.startsWith("video/") || VIDEO.test(file.name);

// Sends a file; what is refused is told in one line that names the file. Returns its id, or null.
export async function upload(file) {
  const name = file.name || "pasted.png",
    limit = state.about.limits.bytes;
  if (limit && file.size > limit) {
    say(`${name} is too large: ${Math.ceil(file.size / 2 ** 20)} MiB, of ${Math.floor(limit / 2 ** 20)} at most`, {
      bad: true,
    });
    return null;
  }
  let done = () => {};
  const slow = setTimeout(() => {
    done = say(`Sending ${name} …`);
  }, 1000);
  try {
    const picture = await api.upload(file, name);
    learn([picture]);
    changed("pictures");
    return picture.id;
  } catch (error) {
    say(error.message.includes(name) ? error.message : `${name}: ${error.message}`, { bad: true });
    return null;
  } finally {
    clearTimeout(slow);
    done();
  }
}

// Files as they come by drop, paste or picker: the first to its place, the others as further targets.
export async function takeFiles(files, place = null) {
  let next = place;
  for (const file of files) {
    if (isVideo(file)) await takeVideo(file);
    else {
      const role = next ?? firstEmpty();
      reading(role, file.name || "pasted.png");
      const id = await upload(file);
      reading(role, null);
      if (id) put(id, next);
    }
    if (place !== null || (state.source && state.targets.length)) next = "another";
  }
}

// The place of a picture is empty, and says why, while its file is sent.
function reading(role, name) {
  state.reading = { ...state.reading, [role]: name };
  changed("choice");
}

const firstEmpty = () => (state.source === null && !state.video ? "source" : "target");

async function takeVideo(file) {
  if (!state.about.video)
    return say("Videos need PyAV: pip install 'cxstyle[video]', then start cxstyle serve again", { bad: true });
  const done = say(`Reading ${file.name} …`);
  const video = await trying(() => api.upload(file, file.name, "videos"));
  done();
  if (!video) return undefined;
  state.video = video;
  changed("choice");
  return undefined;
}

// Puts a picture into a place of the choice: source, target (the first), another, or, without one, the first empty one.
export function put(id, place = null) {
  const where = place ?? firstEmpty();
  if (where === "source") Object.assign(state, { source: id, video: null });
  else if (where === "another" && state.targets.length) {
    if (!state.targets.some((target) => target.id === id)) state.targets = [...state.targets, { id, weight: 1 }];
  } else state.targets = [{ id, weight: 1 }, ...state.targets.slice(1).filter((target) => target.id !== id)];
  state.view = "pictures";
  changed("choice", "view");
  if (place === null) say(`${nameOf(id)} is the ${where === "source" ? "source" : "target"}`);
}

// A run's result becomes a picture like any other, and the source.
export async function useResult(run, name) {
  await trying(async () => {
    const answer = await fetch(addresses.result(run.id, { format: "png" }));
    if (!answer.ok) throw new Error("The result can't be read");
    const id = await upload(new File([await answer.blob()], `${name}.png`, { type: "image/png" }));
    if (id) put(id, "source");
    if (id) say("The result is the source now");
  });
}

const loading = new Map();

// A picture, decoded. A few are kept, since both the stage and a comparison may show them.
export function image(address) {
  if (!loading.has(address)) {
    loading.set(address, decoded(address));
    loading.get(address).catch(() => loading.delete(address));
    if (loading.size > 8) loading.delete(loading.keys().next().value);
  }
  return loading.get(address);
}

// The same of one that is shown once, such as a preview.
export async function decoded(address) {
  const found = new Image();
  found.src = address;
  await found.decode();
  return found;
}
