// What does the keyboard do, and how do pages stay fresh? Every page also works without this file.
"use strict";
document.documentElement.classList.add("has-js");

const $ = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const typing = (node) => node && (node.matches("textarea, select, [contenteditable]") || (node.matches("input") && !node.matches("[type=checkbox]")));

// -- rows ------------------------------------------------------------------------------------------------
const rows = () => all("table.rows tr[data-id]");
let hereId = "";

function stand(row) {
  for (const other of all("tr.here")) other.classList.remove("here");
  if (!row) return;
  row.classList.add("here");
  hereId = row.dataset.id;
  row.scrollIntoView({ block: "nearest" });
}
function step(by) {
  const list = rows();
  const at = list.findIndex((row) => row.classList.contains("here"));
  stand(list[Math.max(0, Math.min(list.length - 1, at + by))] || list[0]);
}
function boxes() { return all("tr[data-id] input[name=id]"); }
function recount() {
  const shown = $("#chosen");
  const every = Boolean($("#scope")?.checked);
  const number = boxes().filter((box) => box.checked).length;
  if (shown) shown.textContent = every ? "∞" : number;
  $("#deeds")?.classList.toggle("has-chosen", every || number > 0);
}
function tick(row) {
  const box = row && $("input[name=id]", row);
  if (box) { box.checked = !box.checked; recount(); }
}
document.addEventListener("change", (event) => {
  if (event.target.id === "all") for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.matches("#all, #scope, input[name=id]")) recount();
});
let last = null;
document.addEventListener("click", (event) => {
  const box = event.target.closest("tr[data-id] input[name=id]");
  if (!box) return;
  if (event.shiftKey && last) {
    const list = boxes();
    const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
    for (const one of list.slice(Math.max(0, from), to + 1)) one.checked = box.checked;
    recount();
  }
  last = box;
});

// -- deeds: what a key does to the chosen rows, or to the row one stands on ---------------------------------
function press(key) {
  const button = $(`#deeds button[data-key="${key}"]`);
  if (!button) return;
  const list = boxes();
  if (list.length && !list.some((box) => box.checked) && !$("#scope")?.checked) {
    const row = $("tr.here");
    if (!row) return;
    $("input[name=id]", row).checked = true;
  }
  const reason = $("#reason");
  if (reason && (key === "c" || key === "f") && !reason.value.trim()) {
    reason.dataset.then = key;
    reason.focus();
    return;
  }
  button.form.requestSubmit(button);
}
document.addEventListener("keydown", (event) => {
  if (event.target.id === "reason" && event.key === "Enter") {
    event.preventDefault();
    const key = event.target.dataset.then || "c";
    if (event.target.value.trim()) $(`#deeds button[data-key="${key}"]`)?.click();
  }
  if (event.key === "Escape" && typing(event.target)) event.target.blur();
});
document.addEventListener("submit", (event) => {
  if (event.target.id === "deeds") {
    const row = $("tr.here");
    if (row) sessionStorage.setItem("row", String(rows().indexOf(row)));
    const deed = event.submitter?.value;
    const reason = $("#reason");
    if ((deed === "close" || deed === "false_positive") && reason && !reason.value.trim()) {
      event.preventDefault();
      reason.dataset.then = event.submitter.dataset.key;
      reason.focus();
    }
  }
});

// -- keys ----------------------------------------------------------------------------------------------
const places = { a: "/alerts", t: "/tickets", s: "/search", p: "/portals", o: "/overview", w: "/wall", b: "/playbooks", v: "/approvals", r: "/rules", h: "/health" };
const keys = {
  j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
  x: () => { const row = $("tr.here"); tick(row); step(1); },
  X: () => { const box = $("#all"); if (box) { box.checked = !box.checked; box.dispatchEvent(new Event("change", { bubbles: true })); } },
  Enter: () => { const link = $("tr.here .c-title a"); if (link) location.href = link.href; },
  a: () => press("a"), c: () => press("c"), f: () => press("f"), i: () => press("i"), m: () => press("m"), r: () => press("r"),
  s: () => { const link = $("#suppress-link"); if (link) location.href = link.href; else press("s"); },
  "]": () => $("a[rel=next]")?.click(),
  u: () => $("#undo")?.click(), n: () => $("#next")?.click(), "/": () => { $("#q")?.focus(); $("#q")?.select(); },
  "?": () => $("#help")?.showModal(),
};
let going = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target) || $("dialog[open]")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !$("tr.here")) return;
  if (event.key === "g") { going = Date.now(); return; }
  if (Date.now() - going < 1200 && places[event.key]) { going = 0; location.href = places[event.key]; return; }
  const deed = keys[event.key];
  if (deed) { event.preventDefault(); deed(); }
});
$("#help-button")?.addEventListener("click", () => $("#help")?.showModal());
const kept = sessionStorage.getItem("row");
if (kept !== null && rows().length && document.body.contains($("#deeds"))) {
  sessionStorage.removeItem("row");
  stand(rows()[Math.min(Number(kept), rows().length - 1)]);
}

let quiet = false;

// -- completion: the browser's own list, for the word that is being typed --------------------------------
const box = $("input[data-complete]");
if (box) {
  const names = all("#fields option").map((option) => option.value);
  const list = document.createElement("datalist");
  list.id = "completions";
  box.after(list);
  box.setAttribute("list", "completions");
  let asked = 0, waits;
  const show = (pairs) => list.replaceChildren(...pairs.map(([line, text]) => new Option(text, line)));
  box.addEventListener("input", () => {
    clearTimeout(waits);
    const typed = box.value, mine = ++asked;
    if (/[@\w][\w.@-]*:("[^"]*|[^\s"]*)$/.test(typed)) {
      // a value is being typed: the server knows which there are
      waits = setTimeout(async () => {
        const answer = await fetch("/complete?" + new URLSearchParams({ box: box.dataset.complete, q: typed })).catch(() => null);
        if (answer?.ok && mine === asked) show((await answer.json()).lines.map((one) => [one.line, one.shown]));
      }, 150);
      return;
    }
    const [, before, word] = /^(.*?[\s(-]|)([^\s(:"]*)$/s.exec(typed) || ["", "", ""];
    const fitting = word.length < 2 ? [] : names.filter((name) => name.includes(word) && name !== word).slice(0, 15);
    show(fitting.map((name) => [before + name + ":", name]));
  });
}

// -- live ----------------------------------------------------------------------------------------------
function refresh() {
  const form = $("#filter");
  if (!form || !window.htmx || boxes().some((box) => box.checked) || typing(document.activeElement) || new URLSearchParams(location.search).get("after")) return;
  const before = new Set(rows().map((row) => row.dataset.id));
  quiet = true;
  window.htmx.ajax("GET", location.pathname + location.search, { target: "#table", swap: "outerHTML" }).then(() => {
    quiet = false;
    for (const row of rows()) if (!before.has(row.dataset.id)) row.classList.add("fresh");
  });
}
if ($("#filter") && window.EventSource) {
  const source = new EventSource("/live");
  source.addEventListener("alerts", refresh);
  addEventListener("pagehide", () => source.close());
}
document.addEventListener("htmx:beforeSwap", (event) => {
  // somebody began to choose rows while the fresh table was on its way
  if (quiet && boxes().some((box) => box.checked)) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSettle", () => {
  recount();
  const row = hereId && rows().find((one) => one.dataset.id === hereId);
  if (row) stand(row);
});
document.addEventListener("click", (event) => {
  for (const open of all("details.menu[open]")) if (!open.contains(event.target)) open.open = false;
});

// -- a screen that nobody touches looks again by itself ----------------------------------------------------
const again = $("[data-again]");
if (again) setTimeout(() => location.reload(), Number(again.dataset.again) * 1000);

// -- passkeys ------------------------------------------------------------------------------------------
if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) for (const form of all("form[data-passkey]")) form.hidden = true;
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-passkey]");
  if (!form || form.elements.answer.value) return;
  event.preventDefault();
  const asked = await fetch(form.dataset.ask, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!asked.ok) { location.reload(); return; }
  const options = await asked.json();
  try {
    const held = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.elements.answer.value = JSON.stringify(held);
  } catch { form.elements.answer.value = "{}"; }  // declined or no key: the server says so in the visitor's language
  form.submit();
});

// -- a file into a text box, so that it can be read before it is sent ------------------------------------
document.addEventListener("change", async (event) => {
  const into = event.target.dataset?.into;
  if (into && event.target.files[0]) document.getElementById(into).value = await event.target.files[0].text();
});
