// Before the page is drawn: the theme asked for in the address, or chosen at the last visit.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const asked = /[?#&]theme=(light|dark)\b/.exec(location.search + location.hash);
  let theme = asked && asked[1];
  try { theme = theme || localStorage.getItem("landmark-report-theme"); } catch (blocked) { /* private mode */ }
  if (theme === "light" || theme === "dark") { root.dataset.theme = theme; }
})();
