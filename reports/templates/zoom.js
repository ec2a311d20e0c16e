// The large view of a radiograph: its size and place, and the name of each landmark.
(function () {
  "use strict";
  const dialog = document.getElementById("zoom");
  if (!dialog || !dialog.showModal) { return; }
  const LARGEST = 16, STEP = 1.5, SHIFT = 0.12;
  const view = document.getElementById("zoom-view");
  const drawing = document.getElementById("zoom-drawing");
  const marks = drawing.querySelector(".marks");
  const words = document.getElementById("zoom-landmark");
  const HINT = "Point at a landmark, or go to it with the Tab key, for its name.";
  let frame, place, shown, neighbours;

  // --- the part of the picture that is seen ----------------------------------------------------

  // Marks keep their size on the screen: what is drawn at k px of the picture is k * unit px there.
  function draw() {
    const width = frame.width / place.scale, height = frame.height / place.scale;
    const halfWidth = Math.min(width, frame.width) / 2, halfHeight = Math.min(height, frame.height) / 2;
    place.x = Math.max(frame.x + halfWidth, Math.min(frame.x + frame.width - halfWidth, place.x));
    place.y = Math.max(frame.y + halfHeight, Math.min(frame.y + frame.height - halfHeight, place.y));
    drawing.setAttribute("viewBox", [place.x - width / 2, place.y - height / 2, width, height].join(" "));
    const box = drawing.getBoundingClientRect();
    const unit = Math.max(width / (box.width || 1), height / (box.height || 1));
    marks.querySelectorAll("[data-at]").forEach(function (sign) {
      sign.setAttribute("transform", "translate(" + sign.dataset.at + ") scale(" + unit + ")");
    });
    document.getElementById("zoom-scale").textContent = Math.round(100 * place.scale) + " %";
  }

  function zoom(factor) {
    place.scale = Math.max(1, Math.min(LARGEST, place.scale * factor));
    draw();
  }

  function move(right, down) {
    place.x += right * frame.width / place.scale;
    place.y += down * frame.height / place.scale;
    draw();
  }

  // Bring a landmark into view that the Tab key has gone to.
  function reveal(at) {
    const [x, y] = at.split(" ").map(Number), half = 0.45 / place.scale;
    if (Math.abs(x - place.x) < half * frame.width && Math.abs(y - place.y) < half * frame.height) { return; }
    place.x = x;
    place.y = y;
    draw();
  }

  function fit() {
    place = { scale: 1, x: frame.x + frame.width / 2, y: frame.y + frame.height / 2 };
    draw();
  }

  // --- the landmarks ---------------------------------------------------------------------------

  function element(name, attributes) {
    const made = document.createElementNS(drawing.namespaceURI, name);
    Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    return made;
  }

  function landmark(name, point, unit) {
    const known = point[0] !== null && point[1] !== null, found = point[2] !== null && point[3] !== null;
    const said = name + ": " + (point[4] !== null ? point[4] + " " + unit : known ? "no prediction" : "no truth");
    const truth = point[0] + " " + point[1], prediction = point[2] + " " + point[3];
    const group = element("g", { class: "mark", tabindex: "0", role: "img", "aria-label": said });
    if (known && found) {
      group.append(element("line", { class: "distance", x1: point[0], y1: point[1], x2: point[2], y2: point[3] }));
    }
    if (known) { group.append(element("circle", { class: "truth", r: 7, "data-at": truth })); }
    if (found) { group.append(element("path", { class: "prediction", d: "M-5-5L5 5M5-5L-5 5", "data-at": prediction })); }
    [[known, truth], [found, prediction]].forEach(function (end) {
      if (end[0]) { group.append(element("circle", { class: "reach", r: 14, "data-at": end[1] })); }
    });
    const at = known ? truth : prediction;
    group.append(element("circle", { class: "halo", r: 12, "data-at": at }));
    const right = Number(at.split(" ")[0]) > frame.x + frame.width / 2;
    const text = element("text", { x: right ? -14 : 14, y: -10, "font-size": 14, "data-at": at });
    text.setAttribute("text-anchor", right ? "end" : "start");
    text.textContent = said;
    group.append(text);
    group.addEventListener("focus", function () { words.textContent = said; reveal(at); });
    group.addEventListener("pointerenter", function () { words.textContent = said; });
    return known || found ? group : "";
  }

  // --- opening, closing, the next radiograph ---------------------------------------------------

  function fill(figure) {
    const panel = figure.closest(".panel"), picture = figure.querySelector("svg");
    const box = picture.viewBox.baseVal;
    const names = JSON.parse(panel.dataset.landmarks), points = JSON.parse(figure.dataset.points);
    frame = { x: box.x, y: box.y, width: box.width, height: box.height };
    neighbours = Array.from(figure.parentNode.children);
    drawing.querySelector("use").setAttribute("href", "#" + picture.dataset.picture);
    marks.replaceChildren.apply(marks, points.map(function (point, number) {
      return landmark(names[number], point, panel.dataset.unit);
    }));
    document.getElementById("zoom-title").textContent = figure.dataset.role + ": " + panel.dataset.label;
    document.getElementById("zoom-caption").textContent = figure.querySelector(".what").textContent;
    words.textContent = HINT;
    const number = neighbours.indexOf(figure);
    dialog.querySelector("[data-do=previous]").disabled = number === 0;
    dialog.querySelector("[data-do=next]").disabled = number === neighbours.length - 1;
    shown = figure;
    fit();
  }

  function beside(step) {
    const figure = neighbours[neighbours.indexOf(shown) + step];
    if (figure) { fill(figure); }
  }

  const actions = {
    in: function () { zoom(STEP); },
    out: function () { zoom(1 / STEP); },
    fit: fit,
    previous: function () { beside(-1); },
    next: function () { beside(1); },
    close: function () { dialog.close(); },
  };
  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, "0": fit,
    ArrowLeft: function () { move(-SHIFT, 0); }, ArrowRight: function () { move(SHIFT, 0); },
    ArrowUp: function () { move(0, -SHIFT); }, ArrowDown: function () { move(0, SHIFT); },
    PageUp: actions.previous, PageDown: actions.next,
  };

  dialog.addEventListener("click", function (event) {
    const button = event.target.closest("[data-do]");
    if (button) { actions[button.dataset.do](); } else if (event.target === dialog) { dialog.close(); }
  });
  dialog.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) { return; }
    event.preventDefault();
    keys[event.key]();
  });
  dialog.addEventListener("close", function () { shown.querySelector("button").focus(); });
  window.addEventListener("resize", function () { if (dialog.open) { draw(); } });

  view.addEventListener("wheel", function (event) {
    event.preventDefault();
    zoom(event.deltaY < 0 ? STEP : 1 / STEP);
  }, { passive: false });
  view.addEventListener("pointerdown", function (event) {
    view.setPointerCapture(event.pointerId);
    view.classList.add("dragged");
  });
  view.addEventListener("pointermove", function (event) {
    if (!view.classList.contains("dragged")) { return; }
    const box = drawing.getBoundingClientRect();
    const unit = Math.max(frame.width / box.width, frame.height / box.height) / place.scale;
    place.x -= event.movementX * unit;
    place.y -= event.movementY * unit;
    draw();
  });
  ["pointerup", "pointercancel"].forEach(function (end) {
    view.addEventListener(end, function () { view.classList.remove("dragged"); });
  });

  document.querySelectorAll(".radiograph").forEach(function (figure) {
    const picture = figure.querySelector("svg"), button = document.createElement("button");
    const sign = document.createElement("span");
    button.type = "button";
    button.setAttribute("aria-haspopup", "dialog");
    sign.className = "enlarge";
    sign.textContent = "Enlarge";
    picture.replaceWith(button);
    button.append(picture, sign);
    button.addEventListener("click", function () {
      dialog.showModal();
      fill(figure);
      view.focus();
    });
  });
})();
