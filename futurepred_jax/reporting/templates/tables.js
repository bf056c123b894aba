"use strict";

/** A click on a heading sorts the bodies of a table by its column: numbers from the largest, then the other way. */
function startTable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const falls = heading.ariaSort !== "descending";
      headings.forEach((other) => (other.ariaSort = null));
      heading.ariaSort = falls ? "descending" : "ascending";
      table.append(...[...table.tBodies].sort((a, b) => inOrder(a, b, column, falls ? -1 : 1)));
    });
  });
}

/** Of two bodies by the first row of each; what has no value stands last either way. */
function inOrder(one, other, column, sign) {
  const [a, b] = [one, other].map((body) => body.rows[0].cells[column]);
  const [x, y] = [a, b].map((cell) => cell.dataset.value);
  if (x === undefined && y === undefined) return column ? 0 : -sign * a.textContent.localeCompare(b.textContent);
  if (x === undefined || y === undefined) return x === undefined ? 1 : -1;
  return sign * (Number(x) - Number(y));
}

/** Boxes that show more of the table after them. */
function startToggle(box) {
  const table = box.closest("[data-split]").querySelector("table");
  box.addEventListener("change", () => table.classList.toggle(box.dataset.class, box.checked));
}

/** One split at a time, or all. */
function startSplits(select) {
  const parts = document.querySelectorAll("[data-split]");
  const show = () => parts.forEach((part) => (part.hidden = Boolean(select.value) && part.dataset.split !== select.value));
  select.addEventListener("change", show);
  select.addEventListener("change", () => pickClips(select.value));
  show();
}

/** Shows the clips of a split, too, where any was predicted. */
function pickClips(split) {
  const filter = document.querySelector(".filters select[name=split]");
  if (!filter) return;
  filter.value = [...filter.options].some((option) => option.text === split) ? split : "";
  filter.dispatchEvent(new Event("change"));
}
