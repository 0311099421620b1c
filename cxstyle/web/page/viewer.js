// Pictures of one shape over each other, with a slider between the topmost and the others, and zoom to the pixel. The
// gallery of a batch and the page of `cxstyle serve` share it.
const MOST_ZOOM = 64;
const ROUND = 17; // The radius of the handle.
const NEAR = 26; // How far from the slider's line, in pixels of the screen, a pointer takes hold of it.

export class Viewer {
  // stage: the element that the pictures fill; layers: images or canvases, the lowest first; before: the topmost, seen
  // left of the slider; labels: what stands in the corners; cut: where the slider is at first; grip: whether it is moved
  // by its handle alone; take(event): a pointer that something else makes use of.
  constructor(
    stage,
    { layers, before = null, labels = ["source", "result"], cut = 50, grip = false, take = () => false },
  ) {
    Object.assign(this, { stage, layers: before ? [...layers, before] : layers, before, cut, grip, take });
    this.view = { zoom: 1, x: 0, y: 0 };
    this.peeks = false;
    this.size = { width: 1, height: 1 };
    this.pointers = new Map();
    this.onview = this.onslide = () => {};
    this.build(labels);
    this.listen();
    this.place();
  }

  build(labels) {
    const element = (tag, className) => Object.assign(document.createElement(tag), { className });
    this.pair = element("div", this.grip ? "pair grip" : "pair");
    this.over = element("div", "over");
    this.slider = element("input", "slider");
    Object.assign(this.slider, { type: "range", min: 0, max: 100, step: 0.25, value: this.cut });
    this.slider.setAttribute("aria-label", "Source against result");
    this.handle = element("span", "handle");
    this.corners = ["left", "right"].map((side, i) =>
      Object.assign(element("span", "label " + side), { textContent: labels[i] }),
    );
    for (const part of [this.handle, ...this.corners]) part.setAttribute("aria-hidden", "true");
    for (const layer of this.layers) layer.classList.add("layer");
    this.over.append(this.slider, this.handle, ...this.corners);
    this.pair.append(...this.layers, this.over);
    this.stage.append(this.pair);
  }

  listen() {
    this.stage.addEventListener("pointerdown", (event) => this.press(event));
    this.stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"])
      this.stage.addEventListener(name, (event) => this.release(event));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("dblclick", (event) => this.toggle(event));
    this.slider.addEventListener("input", () => this.slide(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.place()).observe(this.stage);
  }

  // The picture's own size in pixels; its shape is that of the frame. Another picture is seen whole at first.
  shape(width, height, most = null) {
    if (width === this.size.width && height === this.size.height) return;
    const turned = Math.abs(width / height / (this.size.width / this.size.height) - 1) > 0.02;
    this.size = { width, height };
    this.stage.style.setProperty("--ratio", width / height);
    if (most) this.pair.style.setProperty("--most", most + "px");
    if (turned) this.fit();
    else this.place();
  }

  // Whether there is something to slide against.
  slides(on) {
    for (const part of [this.before, this.slider, this.handle, ...this.corners]) if (part) part.hidden = !on;
    this.pair.classList.toggle("alone", !on);
  }

  slide(share, quietly = false) {
    this.cut = Math.min(100, Math.max(0, share));
    this.slider.value = this.cut;
    this.place();
    if (!quietly) this.onslide(this);
  }

  // The whole source, for as long as somebody asks for it.
  peek(on) {
    this.peeks = on;
    this.place();
  }

  fit() {
    this.look({ zoom: 1, x: 0, y: 0 });
  }

  // Pixels of the screen for one of the picture.
  get scale() {
    return ((this.pair.offsetWidth || 1) * this.view.zoom * devicePixelRatio) / this.size.width;
  }

  look(view, quietly = false) {
    this.view = { ...view };
    this.place();
    if (!quietly) this.onview(this);
  }

  // Zooms by a factor; the place below a point of the screen stays there.
  zoomBy(factor, point = null) {
    const frame = this.pair.getBoundingClientRect(),
      { zoom, x, y } = this.view;
    const middle = { x: frame.left + frame.width / 2, y: frame.top + frame.height / 2 };
    const { x: px, y: py } = point ?? this.middle();
    const most = Math.max(1, (MOST_ZOOM * this.size.width) / (frame.width * devicePixelRatio || 1));
    const next = Math.min(most, Math.max(1, zoom * factor)),
      ratio = next / zoom;
    this.look({
      zoom: next,
      x: (px - middle.x) * (1 - ratio) + x * ratio,
      y: (py - middle.y) * (1 - ratio) + y * ratio,
    });
  }

  middle() {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return { x: left + width / 2, y: top + height / 2 };
  }

  // To the pixel and back. What is shown enlarged already goes on to where its pixels can be counted.
  toggle(event) {
    if (event && this.take(event)) return;
    if (this.earlier !== undefined) this.slide(this.earlier);
    if (this.view.zoom > 1) this.fit();
    else
      this.zoomBy(
        (this.scale < 0.95 ? 1 : Math.max(8, Math.ceil(3 * this.scale))) / this.scale,
        event && { x: event.clientX, y: event.clientY },
      );
  }

  // Where on the picture an event is: shares of its width and height.
  at(event) {
    const { left, top, width, height } = this.whole();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  }

  // The zoomed picture on the screen, seen or not.
  whole() {
    const frame = this.pair.getBoundingClientRect(),
      { zoom, x, y } = this.view;
    const width = frame.width * zoom,
      height = frame.height * zoom;
    return {
      left: frame.left + (frame.width - width) / 2 + x,
      top: frame.top + (frame.height - height) / 2 + y,
      width,
      height,
      frame,
    };
  }

  place() {
    this.hold();
    const { left, top, width, height, frame } = this.whole(),
      stage = this.stage.getBoundingClientRect();
    const { zoom, x, y } = this.view,
      zoomed = zoom > 1;
    const seen = { left: Math.max(left, stage.left), top: Math.max(top, stage.top) };
    const wide = Math.min(left + width, stage.right) - seen.left,
      high = Math.min(top + height, stage.bottom) - seen.top;
    const over = this.over.style;
    over.inset = zoomed ? "auto" : "";
    over.left = zoomed ? seen.left - frame.left + "px" : "";
    over.top = zoomed ? seen.top - frame.top + "px" : "";
    over.width = zoomed ? wide + "px" : "";
    over.height = zoomed ? high + "px" : "";
    this.over.style.setProperty("--cut", this.cut + "%");
    // At an edge the handle is seen whole.
    const along = (wide * this.cut) / 100,
      inward = Math.max(0, ROUND - along) - Math.max(0, ROUND - (wide - along));
    this.handle.style.setProperty("--inward", inward + "px");
    const cut = this.peeks ? 100 : zoomed ? ((seen.left + (wide * this.cut) / 100 - left) / width) * 100 : this.cut;
    for (const layer of this.layers) {
      layer.style.transform = zoomed ? `translate(${x}px, ${y}px) scale(${zoom})` : "";
      layer.classList.toggle("pixels", zoomed && this.scale >= 3);
    }
    if (this.before) this.before.style.clipPath = `inset(0 ${100 - cut}% 0 0)`;
    this.pair.classList.toggle("zoomed", zoomed);
    this.pair.classList.toggle("peeks", this.peeks);
    this.slider.setAttribute("aria-valuetext", Math.round(this.cut) + " % " + this.corners[0].textContent);
    this.corners[0].style.opacity = this.cut < 12 && !this.peeks ? 0 : 1;
    this.corners[1].style.opacity = this.cut > 88 || this.peeks ? 0 : 1;
  }

  // A zoomed picture leaves no more of the stage empty than it must.
  hold() {
    const { zoom } = this.view,
      wide = this.pair.offsetWidth * zoom,
      high = this.pair.offsetHeight * zoom;
    const most = (size, room) => Math.max(0, (size - room) / 2);
    const clamp = (value, limit) => Math.min(limit, Math.max(-limit, value));
    this.view.x = clamp(this.view.x, most(wide, this.stage.clientWidth));
    this.view.y = clamp(this.view.y, most(high, this.stage.clientHeight));
  }

  press(event) {
    if (this.take(event) || (event.button !== 0 && event.button !== 1)) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.stage.setPointerCapture(event.pointerId);
    this.held = "";
    if (this.pointers.size > 1) return;
    const line =
        this.handle.getBoundingClientRect().left + (parseFloat(this.handle.style.getPropertyValue("--inward")) || 0),
      near = Math.abs(event.clientX - line) < NEAR;
    const slides = !this.slider.hidden && event.button === 0 && (near || (this.view.zoom === 1 && !this.grip));
    this.held = slides ? "slider" : "picture";
    if (!slides) return;
    // A double click zooms where the slider was before its first.
    if (event.timeStamp - (this.pressed ?? -1e4) > 500) this.earlier = this.cut;
    this.pressed = event.timeStamp;
    this.slider.focus({ preventScroll: true });
    if (event.pointerType === "mouse") this.drag(event);
  }

  drag(event) {
    const { left, width } = this.over.getBoundingClientRect();
    this.slide(((event.clientX - left) / width) * 100);
  }

  move(event) {
    const from = this.pointers.get(event.pointerId);
    if (!from) return;
    const to = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) this.pinch(event.pointerId, from, to);
    else if (this.held === "slider") this.drag(event);
    else if (this.held === "picture")
      this.look({ zoom: this.view.zoom, x: this.view.x + to.x - from.x, y: this.view.y + to.y - from.y });
    this.pointers.set(event.pointerId, to);
  }

  pinch(id, from, to) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const far = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
    this.look({ zoom: this.view.zoom, x: this.view.x + (to.x - from.x) / 2, y: this.view.y + (to.y - from.y) / 2 });
    this.zoomBy(far(to, other) / far(from, other), { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 });
  }

  release(event) {
    // A finger that has only touched, rather than scrolled, puts the slider there.
    if (this.pointers.has(event.pointerId) && event.type === "pointerup" && this.held === "slider") this.drag(event);
    this.pointers.delete(event.pointerId);
    this.held = "";
  }

  wheel(event) {
    if (this.take(event)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), {
      x: event.clientX,
      y: event.clientY,
    });
  }

  key(event) {
    const steps = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2 }[event.key];
    if (!steps || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.slide(this.cut + steps);
  }
}
