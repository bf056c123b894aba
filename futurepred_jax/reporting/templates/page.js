"use strict";

const HOLD = 5; // frames that the last one stays before a video starts over

class Player {
  constructor(root) {
    this.root = root;
    this.sheet = root.querySelector(".sheet");
    this.canvases = [...root.querySelectorAll("canvas")];
    this.button = root.querySelector(".play");
    this.slider = root.querySelector("input");
    this.label = root.querySelector("output");
    for (const key of ["frames", "context", "columns", "fps", "width", "height"]) this[key] = Number(root.dataset[key]);
    this.clock = 0; // frames since the start, with fractions
    this.playing = false;
    this.visible = false;
    this.button.addEventListener("click", () => this.toggle(!this.playing));
    this.slider.addEventListener("input", () => {
      this.toggle(false);
      this.clock = Number(this.slider.value);
      this.draw();
    });
    this.sheet.decode().then(() => this.draw());
  }

  toggle(playing) {
    this.playing = playing;
    this.button.textContent = playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  advance(seconds) {
    if (!this.playing || !this.visible) return;
    const before = Math.floor(this.clock);
    this.clock = (this.clock + seconds * this.fps) % (this.frames + HOLD);
    if (Math.floor(this.clock) !== before) this.draw();
  }

  draw() {
    const frame = Math.min(Math.floor(this.clock), this.frames - 1);
    const seen = frame < this.context;
    const text = seen
      ? `context ${frame + 1}/${this.context}`
      : `future ${frame - this.context + 1}/${this.frames - this.context}`;
    this.canvases.forEach((canvas, panel) => this.paint(canvas, panel * this.frames + frame));
    this.root.classList.toggle("future", !seen);
    this.slider.value = frame;
    this.slider.setAttribute("aria-valuetext", text);
    this.label.textContent = text;
  }

  paint(canvas, tile) {
    const { width, height, columns } = this;
    const x = (tile % columns) * width;
    const y = Math.floor(tile / columns) * height;
    canvas.getContext("2d").drawImage(this.sheet, x, y, width, height, 0, 0, width, height);
  }
}

function startPlayers() {
  const players = [...document.querySelectorAll(".player")].map((root) => new Player(root));
  if (!players.length) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const all = document.getElementById("play-all");
  const speed = document.getElementById("speed");
  let running = !calm;
  const set = (value) => {
    running = value;
    players.forEach((player) => player.toggle(value));
    all.textContent = value ? "Pause all" : "Play all";
  };
  all.addEventListener("click", () => set(!running));
  set(running);
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

function nearest(xs, x) {
  let best = 0;
  for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
  return best;
}

function startChart(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector("svg");
  const rule = figure.querySelector(".rule");
  const readout = figure.querySelector(".readout");
  const rest = readout.textContent;
  const longest = data.lines.reduce((a, b) => (b.x.length > a.x.length ? b : a));
  let place = longest.x.length - 1;

  const show = () => {
    const x = longest.x[place];
    const across = data.left + ((data.right - data.left) * (x - data.from)) / (data.to - data.from || 1);
    rule.setAttribute("x1", across);
    rule.setAttribute("x2", across);
    rule.setAttribute("visibility", "visible");
    readout.replaceChildren(Object.assign(document.createElement("span"), { textContent: `${data.x} ${Math.round(x).toLocaleString("en")}` }));
    for (const line of data.lines) {
      const y = line.y[nearest(line.x, x)];
      if (y === null) continue;
      const item = document.createElement("span");
      item.className = `value ${line.style}`;
      item.textContent = `${line.label} ${data.digits === null ? Number(y.toPrecision(4)) : y.toFixed(data.digits)}`;
      readout.append(item);
    }
  };
  const hide = () => {
    rule.setAttribute("visibility", "hidden");
    readout.textContent = rest;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    place = nearest(longest.x, data.from + ((across - data.left) / (data.right - data.left)) * (data.to - data.from));
    show();
  });
  svg.addEventListener("pointerleave", hide);
  figure.addEventListener("blur", hide);
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.target !== figure || !step) return;
    event.preventDefault();
    place = Math.max(0, Math.min(longest.x.length - 1, place + step));
    show();
  });
}

startPlayers();
document.querySelectorAll(".chart").forEach(startChart);
