// The page of `cxstyle serve`: brings its parts together.
import { api } from "./api.js";
import { by } from "./dom.js";
import { setUpDesk } from "./desk.js";
import { setUpDrop } from "./drop.js";
import { setUpHistory } from "./history.js";
import { setUpKeys } from "./keys.js";
import { connect } from "./live.js";
import { setUpPicker } from "./picker.js";
import { setUpProgress } from "./progress.js";
import { setUpQueue } from "./queue.js";
import { setUpRunButton } from "./runs.js";
import { setUpSettings } from "./settings.js";
import { setUpStage } from "./stage.js";
import { changed, keepChoice, learn, on, restoreChoice, state } from "./state.js";
import { setUpVideo } from "./video.js";
import { setUpWells } from "./wells.js";

async function begin() {
  try {
    const [about, pictures, runs] = await Promise.all([api.about(), api.pictures(), api.runs()]);
    state.about = about;
    learn(pictures, true);
    state.runs = new Map(runs.map((run) => [run.id, run]));
  } catch {
    by("lost").hidden = false;
    setTimeout(begin, 2000);
    return;
  }
  by("lost").hidden = true;
  restoreChoice();
  state.preset = state.about.presets.some(({ name }) => name === state.preset)
    ? state.preset
    : state.about.default_preset;
  for (const part of PARTS) part();
  on("choice", keepChoice);
  changed("about", "pictures", "choice", "runs", "queue", "view");
  connect();
}

const PARTS = [
  setUpWells,
  setUpDrop,
  setUpPicker,
  setUpVideo,
  setUpSettings,
  setUpDesk,
  setUpStage,
  setUpProgress,
  setUpQueue,
  setUpHistory,
  setUpRunButton,
  setUpKeys,
];

begin();
