"use strict";
(() => {
  const form = document.getElementById("filters"), said = document.getElementById("shown");
  const items = [...document.querySelectorAll("[data-verdict]")], cards = items.filter(item => item.matches("article"));
  const number = name => form.elements[name].value === "" ? null : Number(form.elements[name].value);
  const wanted = () => ({
    paper: form.elements.paper.value,
    verdicts: new Set([...form.querySelectorAll("[name=verdict]:checked")].map(box => box.value)),
    least: number("least"), most: number("most"),
  });
  const fits = ({ paper, verdict, slack }, want) => {
    if (want.paper && paper !== want.paper || !want.verdicts.has(verdict)) return false;
    if (want.least === null && want.most === null) return true;
    return slack !== "" && Number(slack) >= (want.least ?? -Infinity) && Number(slack) <= (want.most ?? Infinity);
  };
  const apply = () => {
    const want = wanted();
    items.forEach(item => { item.hidden = !fits(item.dataset, want); });
    document.querySelectorAll("section[data-paper]").forEach(section => {
      section.hidden = !section.querySelector("article:not([hidden])");
    });
    said.textContent = `${cards.filter(card => !card.hidden).length} of ${cards.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  const reveal = () => {
    const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (card?.closest("[hidden]")) { form.reset(); apply(); card.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  apply();
  reveal();
  document.querySelectorAll("button.copy").forEach(button => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.previousElementSibling.textContent;
      const worked = await navigator.clipboard.writeText(text).then(() => true, () => false);
      button.textContent = worked ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  });
})();
