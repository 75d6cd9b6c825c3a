// Copy buttons, menus, the key that searches, the keys of a decision bar. Every page works without this file.
"use strict";

function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

function press(key) {
  const control = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!control) return false;
  const needed = control.dataset.needs && document.getElementById(control.dataset.needs);
  if (needed && !needed.value.trim()) needed.focus();
  else control.click();
  return true;
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
}

function startSearch() {
  const box = document.getElementById("q");
  if (!box) return false;
  box.focus();
  box.select();
  return true;
}

document.addEventListener("click", (event) => {
  closeMenus(event.target instanceof Element && event.target.closest("details[data-menu]"));
  const button = event.target instanceof Element && event.target.closest("button[data-copy]");
  if (button) copy(button).catch(() => { button.textContent = "Not allowed"; });
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
  if (press(event.key) || (event.key === "/" && startSearch())) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details[data-menu][open]");
  closeMenus(null);
  if (open) open.querySelector("summary").focus();
});

// A rejection without a reason stays on the page; the server refuses it as well.
document.addEventListener("submit", (event) => {
  const needed = event.submitter?.dataset.needs && document.getElementById(event.submitter.dataset.needs);
  if (!needed || needed.value.trim()) return;
  event.preventDefault();
  needed.focus();
});

// A filter that was chosen stands in the box too, unless somebody is typing there.
document.addEventListener("htmx:afterSettle", () => {
  const box = document.getElementById("q");
  const found = document.querySelector("[data-query]");
  if (box && found && document.activeElement !== box) box.value = found.dataset.query;
});

showCopyButtons(document);
document.addEventListener("htmx:load", (event) => showCopyButtons(event.target));
