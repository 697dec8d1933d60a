// Keeps the page up to date. Everything is rendered by the sandbox; this fetches it anew when something happened, and
// sends forms without leaving the page. Without it the page works too, and shows what was so when it was opened.
"use strict";

const live = document.getElementById("live");
const said = document.getElementById("said");
const pulse = document.getElementById("pulse");
const PAUSE = 250; // milliseconds between two looks, however much happens

let due = null, busy = false, again = false;

function say(text, isBad) {
  said.textContent = text;
  said.className = isBad ? "bad" : "";
}

function isBeingTyped(section) {
  const at = document.activeElement;
  return at && section.contains(at) && /^(INPUT|TEXTAREA)$/.test(at.tagName);
}

function swap(old, fresh) {
  if (old.outerHTML === fresh.outerHTML || isBeingTyped(old)) return;
  const open = new Map([...old.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  const values = new Map([...old.querySelectorAll("input[id], textarea[id]")].map((one) => [one.id, one.value]));
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(fresh);
  for (const one of fresh.querySelectorAll("details[id]")) one.open = open.get(one.id) ?? one.open;
  for (const one of fresh.querySelectorAll("input[id], textarea[id]")) one.value = values.get(one.id) ?? one.value;
  if (focused) document.getElementById(focused)?.focus();
}

function dress() {
  const zone = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  for (const one of live.querySelectorAll("time:not([data-whole])")) {
    one.textContent = new Date(one.dateTime).toLocaleTimeString(document.documentElement.lang, zone);
  }
  document.getElementById("fault-finder").hidden = false;
  find();
}

function find() {
  const wanted = document.getElementById("fault-find").value.trim().toLowerCase();
  for (const one of live.querySelectorAll(".fault")) one.hidden = !one.dataset.text.includes(wanted);
  for (const group of live.querySelectorAll("#faults .group")) {
    group.hidden = wanted !== "" && !group.querySelector(".fault:not([hidden])");
    if (wanted) group.open = true;
  }
}

async function look() {
  due = null;
  if (busy) { again = true; return; }
  busy = true;
  try {
    const lang = document.documentElement.lang.slice(0, 2);
    const answer = await fetch(`/_sandbox/page/body?lang=${lang}`);
    if (!answer.ok) return;
    const fresh = document.createElement("template");
    fresh.innerHTML = await answer.text();
    for (const section of fresh.content.querySelectorAll("section[id], dl[id]")) {
      const old = document.getElementById(section.id);
      if (old) swap(old, section);
    }
    dress();
  } catch { /* the stream says that the sandbox is away */ } finally {
    busy = false;
    if (again) { again = false; soon(); }
  }
}

// The sandbox's clock goes on between two looks, as far ahead of this browser's as it was told.
let ahead = 0, seen = "";
function tick() {
  const clock = live.querySelector("time[data-whole]");
  if (clock.dateTime !== seen) { seen = clock.dateTime; ahead = Date.parse(seen) - Date.now(); }
  const there = new Date(Date.now() + ahead + 8 * 3600 * 1000);
  if (!isNaN(there)) clock.textContent = `${there.toISOString().slice(0, 19).replace("T", " ")} +08:00`;
}

function soon() { due ??= setTimeout(look, PAUSE); }

document.addEventListener("submit", async (event) => {
  const form = event.target, pressed = event.submitter;
  event.preventDefault();
  const sent = new URLSearchParams(new FormData(form));
  if (pressed?.name) sent.set(pressed.name, pressed.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body: sent, headers: { Accept: "application/json" } });
    const told = await answer.json();
    say(answer.ok ? "" : told.error, !answer.ok);
    if (answer.ok) for (const one of form.querySelectorAll("textarea")) one.value = "";
  } catch (problem) { say(String(problem), true); }
  soon();
});

document.addEventListener("input", (event) => { if (event.target.id === "fault-find") find(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.id === "fault-find") event.preventDefault();
});

const stream = new EventSource(`/_sandbox/events?after=${live.dataset.last}`);
setInterval(tick, 500);
stream.addEventListener("happening", soon);
stream.addEventListener("open", () => { pulse.hidden = false; pulse.className = ""; pulse.textContent = pulse.dataset.live; soon(); });
stream.addEventListener("error", () => { pulse.hidden = false; pulse.className = "away"; pulse.textContent = live.dataset.away; });
dress();
