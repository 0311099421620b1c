// The losses of a run as two lines over its course, each on its own scale: what matters is how they fall.
const WIDTH = 240,
  HEIGHT = 56,
  PAD = 3;
const NAMES = ["style", "content"];

function drawn(tag, given) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  return element;
}

export class Curve {
  constructor() {
    this.element = drawn("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      class: "curve",
      role: "img",
      preserveAspectRatio: "none",
    });
    this.lines = NAMES.map((name) => drawn("path", { class: name }));
    this.element.append(drawn("path", { class: "base", d: `M0 ${HEIGHT - 0.5}H${WIDTH}` }), ...this.lines);
  }

  // points: [done, style, content]...
  show(points) {
    NAMES.forEach((name, i) => this.lines[i].setAttribute("d", path(points.map((point) => [point[0], point[i + 1]]))));
    this.element.setAttribute(
      "aria-label",
      points.length
        ? "Losses over the run: " +
            NAMES.map((name, i) => told(name, points, i + 1))
              .filter(Boolean)
              .join(", ")
        : "No losses yet",
    );
  }
}

function told(name, points, column) {
  const values = points.map((point) => point[column]).filter(Number.isFinite);
  return values.length ? `${name} from ${values[0].toPrecision(3)} to ${values.at(-1).toPrecision(3)}` : "";
}

// By its logarithm where it is positive, as losses are: early falls would flatten all that follows.
function path(points) {
  const found = points.filter(([, value]) => Number.isFinite(value));
  if (found.length < 2) return "";
  const logs = found.every(([, value]) => value > 0);
  const heights = found.map(([, value]) => (logs ? Math.log(value) : value));
  const low = Math.min(...heights),
    span = Math.max(...heights) - low || 1;
  const y = (height) => HEIGHT - PAD - ((height - low) / span) * (HEIGHT - 2 * PAD);
  return found.map(([x], i) => `${i ? "L" : "M"}${(x * WIDTH).toFixed(1)} ${y(heights[i]).toFixed(1)}`).join("");
}
