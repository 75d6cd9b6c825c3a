// The queue by keyboard, and how many are chosen. The page works without this file.
"use strict";

function boxes() {
  return [...document.querySelectorAll(".case input[type=checkbox]")];
}

function links() {
  return [...document.querySelectorAll(".case a.name")];
}

function sayHowMany() {
  const chosen = boxes().filter((box) => box.checked).length;
  const said = document.querySelector("[data-chosen]");
  if (said) said.textContent = chosen ? String(chosen) : "";
  const all = document.querySelector("[data-choose-all]");
  if (!all) return;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
}

function move(step) {
  const rows = links();
  const row = document.activeElement?.closest(".case");
  const at = row ? rows.findIndex((link) => row.contains(link)) : -1;
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (next) next.focus();
}

function choose() {
  const box = document.activeElement?.closest(".case")?.querySelector("input[type=checkbox]");
  if (box) box.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const act = { j: () => move(1), k: () => move(-1), x: choose }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) for (const box of boxes()) box.checked = event.target.checked;
  sayHowMany();
});

for (const hidden of document.querySelectorAll("[data-choose-all], [data-choose-all-text]")) hidden.hidden = false;
sayHowMany();
