"use strict";

const HOLD = 5; // frames that the last one stays before a video starts over
const SIDE = 320; // px, the least side of a panel's canvas, so that tracks are drawn finer than frames
const MARK = 6; // px of the canvas, the radius of a ring

/** Plays one clip at a time: its frames are tiles of one picture, `tiles[panel][frame]` their numbers. */
class Player {
  constructor(root) {
    this.root = root;
    this.canvases = [...root.querySelectorAll("canvas")];
    this.button = root.querySelector(".play");
    this.slider = root.querySelector("input[type=range]");
    this.label = root.querySelector("output");
    this.clip = null;
    this.clock = 0; // frames since the start, with fractions
    this.playing = false;
    this.visible = false;
    this.tracks = true;
    this.button.addEventListener("click", () => this.toggle(!this.playing));
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
  }

  get frame() {
    return Math.min(Math.floor(this.clock), this.clip.frames - 1);
  }

  /** Takes a clip; the frame stays where it was, so that clips can be compared at one moment. */
  async load(clip) {
    this.clip = clip;
    clip.image ??= Object.assign(new Image(), { src: clip.sheet });
    await clip.image.decode();
    if (this.clip !== clip) return; // another one was asked for meanwhile
    this.scale = Math.max(1, Math.ceil(SIDE / clip.width));
    for (const canvas of this.canvases) {
      canvas.width = clip.width * this.scale;
      canvas.height = clip.height * this.scale;
    }
    this.slider.max = clip.frames - 1;
    this.slider.style.setProperty("--split", `${(100 * (clip.context - 0.5)) / (clip.frames - 1)}%`);
    this.draw();
  }

  toggle(playing) {
    this.playing = playing;
    this.button.textContent = playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  seek(frame) {
    this.toggle(false);
    this.clock = Math.max(0, Math.min(this.clip.frames - 1, frame));
    this.draw();
  }

  advance(seconds) {
    if (!this.playing || !this.visible || !this.clip?.image?.complete) return;
    const before = this.frame;
    this.clock = (this.clock + seconds * this.clip.fps) % (this.clip.frames + HOLD);
    if (this.frame !== before) this.draw();
  }

  draw() {
    const { frames, context } = this.clip;
    const seen = this.frame < context;
    const text = seen ? `context ${this.frame + 1}/${context}` : `future ${this.frame - context + 1}/${frames - context}`;
    this.canvases.forEach((canvas, panel) => this.paint(canvas, panel));
    this.root.classList.toggle("future", !seen);
    this.slider.value = this.frame;
    this.slider.setAttribute("aria-valuetext", text);
    this.label.textContent = text;
  }

  paint(canvas, panel) {
    const { width, height, columns, tiles, image, tracks } = this.clip;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    canvas.parentElement.classList.toggle("nothing", tiles[panel] === null);
    if (tiles[panel] === null) return;
    const tile = tiles[panel][this.frame];
    const [x, y] = [(tile % columns) * width, Math.floor(tile / columns) * height];
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
    if (!tracks || !this.tracks) return;
    if (panel === 0) tracks.colours.forEach((colour, object) => this.path(pen, this.way(object), colour, []));
    if (tracks.found[panel]) tracks.colours.forEach((colour, object) => this.found(pen, panel, object, colour));
  }

  /** True places of an object up to this frame. */
  way(object) {
    return this.clip.tracks.places.slice(0, this.frame + 1).map((places) => places[object]);
  }

  found(pen, panel, object, colour) {
    const { context, tracks } = this.clip;
    const way = this.way(object);
    if (this.frame < context) return this.path(pen, way, colour, []);
    const found = tracks.found[panel].slice(0, this.frame - context + 1).map((places) => places[object]);
    this.path(pen, way, colour, [4, 5], false);
    this.path(pen, [...way.slice(context - 1, context), ...found], colour, [], found.at(-1) !== null);
    if (found.at(-1) === null && way.at(-1)) this.cross(pen, way.at(-1), colour);
  }

  at([x, y]) {
    return [(x + 0.5) * this.scale, (y + 0.5) * this.scale];
  }

  /** A line through the places that are known, with a ring at the last; a dark edge keeps it visible on any ground. */
  path(pen, places, colour, dash, ring = true) {
    const line = new Path2D();
    places.forEach((place, i) => place && (i && places[i - 1] ? line.lineTo(...this.at(place)) : line.moveTo(...this.at(place))));
    const last = places.at(-1);
    if (ring && last) {
      const [x, y] = this.at(last);
      line.moveTo(x + MARK, y);
      line.arc(x, y, MARK, 0, 2 * Math.PI);
    }
    this.stroke(pen, line, colour, dash);
  }

  cross(pen, place, colour) {
    const [x, y] = this.at(place);
    const line = new Path2D(`M${x - MARK} ${y - MARK}l${2 * MARK} ${2 * MARK}M${x + MARK} ${y - MARK}l${-2 * MARK} ${2 * MARK}`);
    this.stroke(pen, line, colour, []);
  }

  stroke(pen, line, colour, dash) {
    pen.lineJoin = pen.lineCap = "round";
    for (const [style, width] of [["rgba(0, 0, 0, 0.65)", 4.5], ["rgba(255, 255, 255, 0.9)", 3], [colour, 2]]) {
      pen.setLineDash(dash);
      pen.strokeStyle = style;
      pen.lineWidth = width;
      pen.stroke(line);
    }
  }
}

/** Advances players while they are in sight, all at the speed that is chosen. */
function keepTime(players) {
  const speed = document.querySelector(".speed");
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) players.find((player) => player.root === entry.target).visible = entry.isIntersecting;
  });
  players.forEach((player) => watcher.observe(player.root));
  let last = performance.now();
  const tick = (now) => {
    players.forEach((player) => player.advance(((now - last) / 1000) * Number(speed.value)));
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The players of a page that shows many at once. */
function startPlayers(roots) {
  const players = roots.map((root) => new Player(root));
  players.forEach((player) => player.load(JSON.parse(player.root.querySelector("script").textContent)));
  const all = document.getElementById("play-all");
  let running;
  const set = (value) => {
    running = value;
    players.forEach((player) => player.toggle(value));
    all.textContent = value ? "Pause all" : "Play all";
  };
  all.addEventListener("click", () => set(!running));
  set(!calm());
  keepTime(players);
}
