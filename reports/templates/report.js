// The theme button, the gallery's controls and the print view; the page can be read without them.
(function () {
  var root = document.documentElement;
  var byId = function (id) { return document.getElementById(id); };

  var button = byId("theme");
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  function current() { return root.dataset.theme || (system.matches ? "dark" : "light"); }
  function label() {
    button.querySelector(".label").textContent = current() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", "Switch to the " + (current() === "dark" ? "light" : "dark") + " theme");
  }
  button.hidden = false;
  button.addEventListener("click", function () {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    try { localStorage.setItem("landmark-report-theme", root.dataset.theme); } catch (blocked) { /* private mode */ }
    label();
  });
  system.addEventListener("change", label);
  label();

  var controls = byId("gallery-controls");
  if (controls) {
    var panels = Array.prototype.slice.call(document.querySelectorAll(".panel"));
    var tableChoice = byId("gallery-table"), panelChoice = byId("gallery-panel"), view = byId("gallery-view");
    var marks = byId("gallery-panels");
    function show() {
      panels.forEach(function (panel) { panel.classList.toggle("current", panel.id === panelChoice.value); });
      marks.classList.toggle("shared-view", view.value === "shared");
    }
    function fill() {
      var label = panelChoice.selectedOptions.length ? panelChoice.selectedOptions[0].textContent : "";
      panelChoice.textContent = "";
      panels.forEach(function (panel) {
        if (panel.dataset.table !== tableChoice.value) { return; }
        var option = new Option(panel.dataset.label, panel.id);
        option.selected = panel.dataset.label === label;
        panelChoice.add(option);
      });
      show();
    }
    tableChoice.addEventListener("change", fill);
    panelChoice.addEventListener("change", show);
    view.addEventListener("change", show);
    controls.querySelectorAll("input[type=checkbox]").forEach(function (box) {
      box.addEventListener("change", function () { marks.classList.toggle("hide-" + box.value, !box.checked); });
    });
    controls.addEventListener("submit", function (event) { event.preventDefault(); });
    controls.hidden = false;
    fill();
  }

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("#repeat details, #data details").forEach(function (part) { part.open = true; });
  });
})();
