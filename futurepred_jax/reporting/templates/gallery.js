"use strict";

/** Clips to pick from, and one player to look at the one that was picked. */
class Gallery {
  constructor(root) {
    this.clips = JSON.parse(root.querySelector(".clips").textContent);
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.strip = root.querySelector(".strip");
    this.filters = [...root.querySelectorAll(".filters select")];
    this.player = new Player(this.stage);
    this.thumbs = this.clips.map((clip, place) => this.thumb(clip, place));
    this.strip.append(...this.thumbs);
    this.filters.forEach((filter) => filter.addEventListener("change", () => this.filter()));
    root.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
    root.querySelector(".previous").addEventListener("click", () => this.step(-1));
    root.querySelector(".next").addEventListener("click", () => this.step(1));
    this.box = root.querySelector(".tracks");
    this.box.addEventListener("change", () => this.showTracks(this.box.checked));
    document.addEventListener("keydown", (event) => this.key(event));
    this.filter();
    this.player.toggle(!calm());
    keepTime([this.player]);
  }

  /** A button with the last frame that the first model predicts. */
  thumb(clip, place) {
    const button = document.createElement("button");
    const canvas = Object.assign(document.createElement("canvas"), { width: clip.width, height: clip.height });
    button.type = "button";
    button.title = [clip.name, ...clip.case, ...clip.motion].join(" · ");
    button.setAttribute("aria-label", button.title);
    button.append(canvas, Object.assign(document.createElement("span"), { textContent: clip.case[0] }));
    button.addEventListener("click", () => this.show(place));
    clip.image = Object.assign(new Image(), { src: clip.sheet });
    clip.image.decode().then(() => {
      const tile = (clip.tiles[1] ?? clip.tiles[0]).at(-1);
      const [x, y] = [(tile % clip.columns) * clip.width, Math.floor(tile / clip.columns) * clip.height];
      canvas.getContext("2d").drawImage(clip.image, x, y, clip.width, clip.height, 0, 0, clip.width, clip.height);
    });
    return button;
  }

  filter() {
    const asked = this.filters.filter((filter) => filter.value);
    this.kept = this.clips.map((clip) => asked.every((filter) => [clip[filter.name]].flat().includes(filter.value)));
    this.thumbs.forEach((thumb, place) => (thumb.hidden = !this.kept[place]));
    const count = this.kept.filter(Boolean).length;
    this.root.querySelector(".count").textContent = `${count} of ${this.clips.length} clips`;
    this.stage.hidden = !count;
    if (count && !this.kept[this.place]) this.show(this.kept.indexOf(true));
  }

  step(by) {
    const kept = this.clips.map((_, place) => place).filter((place) => this.kept[place]);
    this.show(kept[(kept.indexOf(this.place) + by + kept.length) % kept.length]);
  }

  show(place) {
    const clip = this.clips[place];
    this.place = place;
    this.thumbs.forEach((thumb, other) => thumb.setAttribute("aria-pressed", other === place));
    this.follow(this.thumbs[place]);
    this.stage.querySelector(".title b").textContent = clip.name;
    this.stage.querySelector(".tags").replaceChildren(
      ...clip.case.map((text) => tag(text)),
      ...clip.motion.map((text) => tag(text)),
      ...clip.clutter.map((text) => tag(`clutter ${text}`)),
      ...clip.failure.map((text) => tag(text, "fails")),
    );
    this.stage.querySelector(".mini tbody").replaceChildren(...clip.scores.map((cells) => row(cells)));
    for (const part of this.stage.querySelectorAll(".tracked")) part.hidden = !clip.tracks;
    this.player.load(clip);
  }

  /** Moves the strip, and never the page, to a thumb. */
  follow(thumb) {
    const left = thumb.offsetLeft - this.strip.offsetLeft;
    this.strip.scrollTo({ left: left - this.strip.clientWidth / 2 + thumb.clientWidth / 2 });
  }

  showTracks(shown) {
    this.box.checked = this.player.tracks = shown;
    this.player.draw();
  }

  key(event) {
    const busy = event.target.closest("input, select, summary, .chart, .scroll") || event.ctrlKey || event.metaKey || event.altKey;
    if (busy || !this.player.visible || !this.player.clip) return;
    const inside = this.root.contains(event.target);
    const act = {
      ArrowLeft: () => this.player.seek(this.player.frame - 1),
      ArrowRight: () => this.player.seek(this.player.frame + 1),
      Home: inside && (() => this.player.seek(0)),
      End: inside && (() => this.player.seek(Infinity)),
      n: () => this.step(1),
      p: () => this.step(-1),
      t: () => this.showTracks(!this.player.tracks),
      " ": inside && !event.target.closest("button") && (() => this.player.toggle(!this.player.playing)),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

function tag(text, kind = "") {
  return Object.assign(document.createElement("span"), { className: `tag ${kind}`, textContent: text });
}

function row(cells) {
  const line = document.createElement("tr");
  line.append(...cells.map((text, place) => Object.assign(document.createElement(place ? "td" : "th"), { textContent: text })));
  return line;
}
