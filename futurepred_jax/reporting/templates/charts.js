"use strict";

function nearest(xs, x) {
  let best = 0;
  for (let i = 1; i < xs.length; i++) if (Math.abs(xs[i] - x) < Math.abs(xs[best] - x)) best = i;
  return best;
}

/** Prints the values of all lines under the pointer, or where the arrow keys have moved to. */
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
    const digits = data.to - data.from > 1 ? 0 : 2;
    const where = x.toLocaleString("en", { maximumFractionDigits: digits });
    readout.replaceChildren(Object.assign(document.createElement("span"), { textContent: `${data.x} ${where}` }));
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
