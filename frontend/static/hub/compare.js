// Picks for a comparison last from one list to the next. Without this file the boxes of one list are sent as they are.
"use strict";

const MOST_PICKED = 6;
const KEY = "picked";

function picked() {
  try { return JSON.parse(sessionStorage.getItem(KEY)) || []; } catch { return []; }
}

function keep(names) {
  try { sessionStorage.setItem(KEY, JSON.stringify(names)); } catch { /* The boxes of this page still count. */ }
}

function show(names) {
  const form = document.getElementById("pick-form");
  if (!form) return;
  const boxes = [...document.querySelectorAll(".pick input")];
  for (const box of boxes) {
    box.checked = names.includes(box.value);
    box.disabled = !box.checked && names.length >= MOST_PICKED;
  }
  for (const old of form.querySelectorAll("input[type=hidden]")) old.remove();
  for (const name of names.filter((name) => !boxes.some((box) => box.value === name))) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "with", value: name }));
  }
  form.hidden = names.length === 0;
  form.querySelector("[data-when-none]").hidden = true;
  form.querySelector("[data-when-some]").hidden = false;
  form.querySelector("[data-clear]").hidden = false;
  form.querySelector("output").value = String(names.length);
}

// While the event is on its way down: the list asks for new rows at every change that reaches it.
document.addEventListener("change", (event) => {
  if (!(event.target instanceof Element) || !event.target.matches(".pick input")) return;
  event.stopPropagation();
  const others = picked().filter((name) => name !== event.target.value);
  const names = event.target.checked ? [...others, event.target.value].slice(0, MOST_PICKED) : others;
  keep(names);
  show(names);
}, true);

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-clear]")) return;
  keep([]);
  show([]);
});

show(picked());
document.addEventListener("htmx:load", () => show(picked()));
window.addEventListener("pageshow", () => show(picked()));
