// The gallery's choices: which table, method and images, and which marks are drawn on them.
(function () {
  "use strict";
  const controls = document.getElementById("gallery-controls");
  if (!controls) { return; }
  const holder = document.getElementById("gallery-panels");
  const status = document.getElementById("gallery-status");
  const table = document.getElementById("gallery-table");
  const method = document.getElementById("gallery-panel");
  const view = document.getElementById("gallery-view");
  const panels = Array.from(holder.querySelectorAll(".panel"));

  function show() {
    panels.forEach(function (panel) { panel.classList.toggle("current", panel.id === method.value); });
    holder.classList.toggle("shared-view", view.value === "shared");
  }

  function announce() {
    status.textContent = "Showing " + method.selectedOptions[0].textContent + "; "
      + table.selectedOptions[0].textContent + "; " + view.selectedOptions[0].textContent + ".";
  }

  // The methods of the chosen table; the one shown before stays where the table has it too.
  function fill() {
    const before = method.selectedOptions.length ? method.selectedOptions[0].textContent : "";
    method.textContent = "";
    panels.forEach(function (panel) {
      if (panel.dataset.table !== table.value) { return; }
      const option = new Option(panel.dataset.label, panel.id);
      option.selected = panel.dataset.label === before;
      method.add(option);
    });
    show();
  }

  table.addEventListener("change", function () { fill(); announce(); });
  method.addEventListener("change", function () { show(); announce(); });
  view.addEventListener("change", function () { show(); announce(); });
  controls.addEventListener("submit", function (event) { event.preventDefault(); });
  controls.hidden = false;
  fill();

  // The same marks are shown in the gallery and in the large view, so their boxes go together.
  const boxes = Array.from(document.querySelectorAll("input[data-mark]"));

  function mark(name, shown) {
    boxes.forEach(function (box) { if (box.dataset.mark === name) { box.checked = shown; } });
    document.querySelectorAll(".drawn").forEach(function (drawn) {
      drawn.classList.toggle(name === "names" ? "show-names" : "hide-" + name, name === "names" ? shown : !shown);
    });
  }

  boxes.forEach(function (box) {
    box.addEventListener("change", function () { mark(box.dataset.mark, box.checked); });
    mark(box.dataset.mark, box.checked);
  });
})();
