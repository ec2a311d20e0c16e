// Sorting the tables by a column, and leaving rows out of sight; without it they are as written.
(function () {
  "use strict";
  const boards = document.getElementById("boards");
  if (!boards) { return; }
  const status = document.getElementById("board-status");

  // --- sorting: by the number or text in data-value; what is missing stays last ---------------

  function compare(type, sign) {
    return function (one, other) {
      const a = one.value, b = other.value;
      if (a === "" || b === "") { return (a === "") - (b === ""); }
      return sign * (type === "number" ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
    };
  }

  function sort(heading) {
    const first = heading.dataset.first;
    const turned = first === "ascending" ? "descending" : "ascending";
    const direction = heading.getAttribute("aria-sort") === first ? turned : first;
    const column = heading.cellIndex;
    const body = heading.closest("table").tBodies[0];
    const rows = Array.from(body.rows, function (row) {
      return { row: row, value: row.cells[column].dataset.value || "" };
    });
    // Array.prototype.sort is stable: rows that are equal stay in the order they are in.
    rows.sort(compare(heading.dataset.type, direction === "ascending" ? 1 : -1));
    rows.forEach(function (entry) { body.append(entry.row); });
    Array.from(heading.parentNode.cells).forEach(function (cell) { cell.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", direction);
    const table = heading.closest("table").caption.textContent;
    status.textContent = table + ": sorted by " + heading.querySelector(".title").textContent + ", " + direction + ".";
  }

  boards.querySelectorAll(".leaderboard thead th").forEach(function (heading) {
    const button = document.createElement("button");
    const title = document.createElement("span");
    button.type = "button";
    button.className = "sort";
    title.className = "title";
    title.append(heading.firstChild);
    button.append(title);
    while (heading.firstChild) { button.append(heading.firstChild); }
    heading.append(button);
    button.addEventListener("click", function () { sort(heading); });
  });

  // --- filters: each looks at the data attribute of its name, of a row or of what holds it -----

  const form = document.getElementById("filters");
  if (!form) { return; }
  const rows = Array.from(boards.querySelectorAll(".leaderboard tbody tr"), function (row) {
    const board = row.closest(".board");
    const known = Object.assign({}, board.parentNode.dataset, board.dataset, row.dataset);
    return { row: row, known: known, text: known.search.toLowerCase() };
  });

  function matches(entry, wanted, words) {
    return wanted.every(function (select) { return entry.known[select.name] === select.value; })
      && words.every(function (word) { return entry.text.includes(word); });
  }

  function hideEmpty(selector, part) {
    let shown = 0;
    boards.querySelectorAll(selector).forEach(function (holder) {
      holder.hidden = !holder.querySelector(part);
      shown += !holder.hidden;
    });
    return shown;
  }

  function filter() {
    const wanted = Array.from(form.querySelectorAll("select")).filter(function (select) { return select.value; });
    const search = form.elements.search ? form.elements.search.value : "";
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach(function (entry) {
      entry.row.hidden = !matches(entry, wanted, words);
      shown += !entry.row.hidden;
    });
    const tables = hideEmpty(".board", ".leaderboard tbody tr:not([hidden])");
    hideEmpty(".dataset", ".board:not([hidden])");
    status.textContent = !wanted.length && !words.length ? ""
      : !shown ? "No row matches; “Show all rows” brings them back."
      : "Showing " + shown + " of " + rows.length + " rows, in " + tables + (tables === 1 ? " table." : " tables.");
  }

  function columns() {
    const all = form.elements.columns;
    boards.classList.toggle("essential", Boolean(all) && !all.checked);
  }

  form.addEventListener("input", function (event) {
    if (event.target.name === "columns") { columns(); } else { filter(); }
  });
  // The fields are empty only after the event.
  form.addEventListener("reset", function () { setTimeout(function () { columns(); filter(); }); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.hidden = false;
  // A browser that goes back to the page may bring the last choices with it.
  columns();
  filter();
})();
