// The page: which view is shown, the overview and its charts. The review is in review.js.
import { openReview, showHeld } from "./review.js";

const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
let token = "";

export async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export async function post(path, wish) {
  if (!token) token = (await get("api/session")).token;
  const answer = await fetch(path, {
    method: "POST", cache: "no-store",
    headers: { "Content-Type": "application/json", "X-Watcher-Token": token },
    body: JSON.stringify(wish),
  });
  if (answer.status === 409) throw new Error((await answer.json()).error);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]])
    if (seconds >= size) return `${(seconds / size).toFixed(1)} ${unit}`;
  return `${seconds.toFixed(1)} s`;
}

function customerRow(view) {
  const tally = view.tally;
  const cells = [tally.customer, view.pending, age(view.oldest), view.rate.toFixed(1), age(view.latency_p95),
    tally.delivered, tally.duplicate, tally.excluded, tally.quarantined, view.backend];
  const row = element("tr", {}, ...cells.map((text) => element("td", {}, String(text))));
  if (tally.quarantined) row.children[8].className = "bad";
  if (view.backend !== "ok") row.children[9].className = "bad";
  return row;
}

function chart(customer, told) {
  const slots = Math.max(1, Math.ceil((told.until - told.since) / told.stretch));
  const columns = Array.from({ length: slots }, () => ({ delivered: 0, quarantined: 0, other: 0 }));
  for (const count of told.counts) {
    if (count.customer !== customer) continue;
    const kind = ["delivered", "quarantined"].includes(count.state) ? count.state : "other";
    const slot = Math.round((count.start - told.since) / told.stretch);
    if (columns[slot]) columns[slot][kind] += count.n;
  }
  const total = (kind) => columns.reduce((sum, column) => sum + column[kind], 0);
  const most = Math.max(1, ...columns.map((c) => c.delivered + c.quarantined + c.other));
  const svg = drawn("svg", { viewBox: `0 0 ${slots * 10} 100`, preserveAspectRatio: "none", role: "img" });
  svg.append(drawn("title", {}));
  svg.firstChild.textContent = `${customer}: ${total("delivered")} delivered, ${total("quarantined")} quarantined, ` +
    `${total("other")} duplicate or excluded; at most ${most} in one column`;
  columns.forEach((column, n) => {
    let top = 100;
    for (const kind of ["delivered", "other", "quarantined"]) {
      if (!column[kind]) continue;
      const height = Math.max(2, (column[kind] / most) * 98);
      top -= height;
      svg.append(drawn("rect", { class: kind, x: n * 10 + 1, y: Math.max(0, top), width: 8, height }));
    }
  });
  const begin = new Date(told.since * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  return element("figure", {},
    element("figcaption", {}, element("b", {}, customer), element("span", {}, `most ${most}`)), svg,
    element("figcaption", {}, element("span", {}, begin), element("span", {}, "now")));
}

async function showOverview() {
  const [told, history] = await Promise.all([get("api/overview"), get(`api/history?hours=${$("hours").value}`)]);
  $("customers").tBodies[0].replaceChildren(...told.customers.map(customerRow));
  const names = told.customers.map((view) => view.tally.customer);
  $("charts").replaceChildren(...names.map((name) => chart(name, history)));
  $("errors").replaceChildren(...told.errors.toReversed().map((line) =>
    element("li", {}, [line.ts, line.event, line.customer, line.id, line.reason, line.detail].filter(Boolean).join("  "))));
  const held = told.customers.reduce((sum, view) => sum + view.tally.quarantined, 0);
  $("held-count").textContent = held ? `(${held})` : "";
  $("health").textContent = `${told.pending} pending, ${told.rate.toFixed(1)}/s, ${age(told.to_go)} to go, ` +
    `${(told.disk.free / 2 ** 30).toFixed(1)} GiB free${told.disk.open ? "" : " - FULL"}`;
  $("health").className = told.disk.open ? "" : "bad";
}

async function show() {
  const [view, id] = location.hash.slice(1).split("/");
  const quarantine = view === "quarantine";
  $("overview").hidden = quarantine;
  $("quarantine").hidden = !quarantine;
  $("to-overview").toggleAttribute("aria-current", !quarantine);
  $("to-quarantine").toggleAttribute("aria-current", quarantine);
  try {
    if (quarantine) { await showHeld(); if (id) await openReview(id); else $("review").hidden = true; }
    else await showOverview();
  } catch (error) { $("health").textContent = error.message; $("health").className = "bad"; }
}

addEventListener("hashchange", show);
$("hours").addEventListener("change", show);
setInterval(() => { if (!$("overview").hidden && !document.hidden) show(); }, 5000);
show();
