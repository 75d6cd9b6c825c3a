// Send the files of the push form part by part, with progress. Without this file the form sends them by itself.
"use strict";

const TRIES = 3;
const MOST_HASHED = 2 ** 31 - 1;

class Refused extends Error {
  constructor(answer) {
    super(answer.detail);
    this.answer = answer;
  }
}

// One form on its way to the hub.
class Push {
  constructor(form) {
    this.form = form;
    this.token = form.querySelector("[name=csrfmiddlewaretoken]").value;
    this.files = [...form.elements.files.files];
    this.total = this.files.reduce((sum, file) => sum + file.size, 0);
    this.sent = 0;
    this.isStopped = false;
  }

  find(selector) { return this.form.querySelector(selector); }

  say(what) { const said = this.find("[data-said]"); said.textContent = said.dataset[what]; }

  show(part) {
    const sent = this.sent + part;
    this.find("progress").value = this.total ? sent / this.total : 1;
    this.find("[data-sent]").value = `${inUnits(sent)} / ${inUnits(this.total)}`;
  }

  async run() {
    this.say("hashing");
    this.show(0);
    const digests = [];
    for (const file of this.files) digests.push({ path: file.name, sha256: await sha256(file) });
    const opened = await this.call("POST", this.form.dataset.push, this.announcement(digests));
    if (opened.state === "committed") return opened;
    this.url = `${this.form.dataset.push}/${opened.id}`;
    this.say("sending");
    for (const [at, file] of opened.files.entries()) {
      for (const part of file.parts) await this.send(this.files[at], part);
    }
    this.say("finishing");
    return this.call("POST", `${this.url}/finish`, { files: digests });
  }

  announcement(digests) {
    const value = (name) => this.form.elements[name].value.trim();
    return {
      adapter: `${value("namespace")}/${value("name")}`,
      version: value("version"), base: value("base"), summary: value("summary"), task: value("task"),
      license: value("license"), visibility: value("visibility"), is_direct: false,
      languages: value("languages").split(/[\s,]+/).filter(Boolean),
      files: this.files.map((file, at) => ({ ...digests[at], size_bytes: file.size })),
    };
  }

  async send(file, part) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        // The hub's own path: the address in the answer may name another host than this page's.
        await this.put(new URL(part.url).pathname, file.slice(part.offset, part.offset + part.size_bytes));
        break;
      } catch (error) {
        if (this.isStopped || attempt === TRIES || (error instanceof Refused && error.answer.status < 500)) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 1000 * attempt); });
      }
    }
    this.sent += part.size_bytes;
    this.show(0);
  }

  // XMLHttpRequest and not fetch: only it tells how much of a body has gone.
  put(url, body) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("PUT", url);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("X-CSRFToken", this.token);
      request.upload.addEventListener("progress", (event) => this.show(event.loaded));
      request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(refusal(request.status, request.responseText))));
      for (const kind of ["error", "abort", "timeout"]) request.addEventListener(kind, () => reject(new Error(kind)));
      request.send(body);
    });
  }

  async call(method, url, body) {
    if (this.isStopped && method !== "DELETE") throw new Error("stopped");
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.token };
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw refusal(answer.status, text);
    return text ? JSON.parse(text) : null;
  }

  async stop() {
    this.isStopped = true;
    if (this.request) this.request.abort();
    if (this.url) await this.call("DELETE", this.url).catch(() => {});
  }
}

function refusal(status, text) {
  let answer = {};
  try { answer = JSON.parse(text); } catch { /* Not the hub's own answer. */ }
  return new Refused({ detail: `HTTP ${status}`, code: "", hint: "", ...answer, status });
}

function inUnits(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) { bytes /= 1000; at += 1; }
  return `${at ? bytes.toFixed(1) : bytes} ${units[at]}`;
}

async function sha256(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function place(made) {
  if (made.url) return made.url;
  if (made.job) return `/jobs/${made.job.id}`;
  return made.revision ? `/${made.revision.adapter}` : "/jobs/";
}

function tell(form, error) {
  const box = form.querySelector(".push-error");
  const answer = error instanceof Refused ? error.answer : { detail: error.message, hint: "", code: "" };
  for (const name of ["detail", "hint", "code"]) box.querySelector(`[data-${name}]`).textContent = answer[name] || "";
  box.hidden = false;
}

// Over plain HTTP a browser computes no digests: then the form goes in one body, and its progress is shown all the same.
class WholePush extends Push {
  run() {
    this.say("sending");
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("POST", this.form.getAttribute("action") || window.location.pathname);
      request.upload.addEventListener("progress", (event) => this.show(Math.min(event.loaded, this.total)));
      request.upload.addEventListener("load", () => this.say("finishing"));
      request.addEventListener("load", () => {
        if (request.status < 300) resolve({ url: new URL(request.responseURL).pathname });
        else reject(refusalOf(request));
      });
      for (const kind of ["error", "abort", "timeout"]) request.addEventListener(kind, () => reject(new Error(kind)));
      request.send(new FormData(this.form));
    });
  }
}

// What the page says above its form.
function refusalOf(request) {
  const box = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main .notice.bad");
  const text = (selector) => box?.querySelector(selector)?.textContent ?? "";
  const detail = text("strong") || `HTTP ${request.status}`;
  return new Refused({ detail, hint: text("p:not(.quiet):not(:first-child)"), code: text("code"), status: request.status });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-push]")) return;
  const files = [...form.elements.files.files];
  const canHash = window.crypto?.subtle && files.every((file) => file.size <= MOST_HASHED);
  const push = canHash ? new Push(form) : new WholePush(form);
  event.preventDefault();
  const state = form.querySelector(".push-state");
  const button = form.querySelector("button[type=submit]");
  form.querySelector(".push-error").hidden = true;
  state.hidden = false;
  button.disabled = true;
  form.querySelector("[data-stop]").onclick = () => push.stop();
  try {
    window.location.assign(place(await push.run()));
  } catch (error) {
    if (!push.isStopped) tell(form, error);
    if (push.url && !push.isStopped) await push.stop();
    state.hidden = true;
    button.disabled = false;
  }
});
