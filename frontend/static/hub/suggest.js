// Suggestions below a search box: the combobox pattern of WAI-ARIA. Without this file the box is a plain one.
"use strict";

const SUGGEST_PAUSE_MS = 120;

class Suggestions {
  constructor(input) {
    this.input = input;
    this.active = -1;
    this.asked = 0;
    this.list = document.createElement("ul");
    this.list.id = `${input.id}-suggestions`;
    this.list.className = "suggestions";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", input.dataset.suggestLabel || "Suggestions");
    this.list.hidden = true;
    this.place = document.createElement("span");
    this.place.className = "suggestion-place";
    input.before(this.place);
    this.place.append(input, this.list);
    this.said = document.createElement("span");
    this.said.className = "unseen";
    this.said.setAttribute("role", "status");
    this.place.append(this.said);
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id,
      autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    })) input.setAttribute(name, value);
    input.addEventListener("input", () => this.soon());
    input.addEventListener("click", () => { if (this.list.hidden) this.ask(); });
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    input.form?.addEventListener("submit", () => this.close());
    // Pressing a mouse button must not take the focus away before the click counts.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.take(option);
    });
  }

  options() { return [...this.list.querySelectorAll("[role=option]")]; }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), SUGGEST_PAUSE_MS);
  }

  async ask() {
    const asked = ++this.asked;
    const at = this.input.selectionStart ?? this.input.value.length;
    const address = new URL(this.input.dataset.suggest || "/search/suggest", window.location.href);
    address.searchParams.set("q", this.input.value);
    address.searchParams.set("at", at);
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (!answer.ok || asked !== this.asked || document.activeElement !== this.input) return;
      const html = await answer.text();
      if (asked === this.asked && document.activeElement === this.input) this.show(html);
    } catch {
      this.close();
    }
  }

  show(html) {
    this.list.innerHTML = html;
    this.active = -1;
    this.input.removeAttribute("aria-activedescendant");
    this.options().forEach((option, index) => { option.id = `${this.list.id}-${index}`; });
    const count = this.options().length;
    this.list.hidden = count === 0;
    this.input.setAttribute("aria-expanded", String(count > 0));
    this.said.textContent = this.list.querySelector("[data-said]")?.dataset.said ?? "";
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.list.hidden = true;
    this.active = -1;
    this.said.textContent = "";
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  move(step) {
    const options = this.options();
    // One place between the last and the first is the box itself.
    this.active = (this.active + 1 + step + options.length + 1) % (options.length + 1) - 1;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === this.active)));
    const chosen = options[this.active];
    if (!chosen) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  take(option) {
    if (option.dataset.href) {
      window.location.assign(option.dataset.href);
      return;
    }
    this.input.value = option.dataset.text;
    this.input.setSelectionRange(Number(option.dataset.at), Number(option.dataset.at));
    this.close();
    this.input.focus();
    // What listens for typing (the result list, and this) learns of it.
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  key(event) {
    if (event.isComposing) return;
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (isOpen) this.move(event.key === "ArrowDown" ? 1 : -1);
      else this.ask();
    } else if (isOpen && event.key === "Escape") {
      event.preventDefault();
      this.close();
    } else if (isOpen && event.key === "Enter" && this.active >= 0) {
      event.preventDefault();
      this.take(this.options()[this.active]);
    }
  }
}

for (const input of document.querySelectorAll("input[data-suggest]")) new Suggestions(input);
