// The server's addresses (`cxstyle docs web`). Whatever goes wrong is an Error whose message is one line to show.
export const LOST = "The server doesn't answer; nothing is lost";

async function ask(method, address, body = null, type = "application/json") {
  const given = { method };
  if (body !== null)
    Object.assign(given, {
      body: type === "application/json" ? JSON.stringify(body) : body,
      headers: { "Content-Type": type },
    });
  let answer;
  try {
    answer = await fetch(address, given);
  } catch {
    throw new Error(LOST);
  }
  if (!answer.ok) throw new Error(await reason(answer));
  return answer.status === 204 ? null : answer.json();
}

async function reason(answer) {
  try {
    const { error } = await answer.json();
    if (error) return String(error);
  } catch {
    /* not from us: the status is all there is to tell */
  }
  return `The server refused this (status ${answer.status}).`;
}

const picture = (id, edge) => `/api/pictures/${encodeURIComponent(id)}` + (edge ? `?edge=${edge}` : "");
const run = (id, rest = "") => `/api/runs/${encodeURIComponent(id)}${rest}`;

export const api = {
  about: () => ask("GET", "/api"),
  preset: (name) => ask("GET", `/api/presets/${encodeURIComponent(name)}`),
  pictures: () => ask("GET", "/api/pictures"),
  upload: (file, name, kind = "pictures") =>
    ask("POST", `/api/${kind}?name=${encodeURIComponent(name)}`, file, "application/octet-stream"),
  forget: (id) => ask("DELETE", picture(id)),
  runs: () => ask("GET", "/api/runs"),
  run: (id) => ask("GET", run(id)),
  start: (wanted) => ask("POST", "/api/runs", wanted),
  stop: (id) => ask("POST", run(id, "/stop")),
  resume: (id) => ask("POST", run(id, "/resume")),
  remove: (id) => ask("DELETE", run(id)),
  order: (ids) => ask("POST", "/api/queue", { order: ids }),
  match: (wanted) => ask("POST", "/api/match", wanted),
};

export const addresses = {
  picture,
  preview: (id, n, edge) => run(id, `/preview?n=${n}`) + (edge ? `&edge=${edge}` : ""),
  result: (id, given = {}) => run(id, "/picture?") + new URLSearchParams(given),
  record: (id) => run(id, "/record"),
  video: (id) => run(id, "/video"),
  frame: (id, at, edge) => `/api/videos/${encodeURIComponent(id)}/frame?at=${at.toFixed(3)}&edge=${edge}`,
  // What a run is of: its source, or the first frame of its video.
  origin: (run, edge) => (run.kind === "animation" ? addresses.frame(run.video, 0, edge) : picture(run.source, edge)),
  events: "/api/events",
};
