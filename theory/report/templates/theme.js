"use strict";
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  let remembered = "auto";
  try { remembered = localStorage.getItem("theme") ?? "auto"; } catch { /* a page on disk may have no storage */ }
  const show = theme => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  let now = themes.includes(remembered) ? remembered : "auto";
  show(now);
  button.hidden = false;
  button.addEventListener("click", () => {
    now = themes[(themes.indexOf(now) + 1) % themes.length];
    show(now);
    try { localStorage.setItem("theme", now); } catch { /* then it is forgotten */ }
  });
  const closed = () => [...document.querySelectorAll("details:not([open])")];
  let opened = [];
  addEventListener("beforeprint", () => { opened = closed(); opened.forEach(each => { each.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach(each => { each.open = false; }); });
})();
