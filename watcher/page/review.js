// The review of one quarantined file: its picture, its boxes, and what a person decides.
import { drawn, element, get, post } from "./page.js";

const $ = (id) => document.getElementById(id);
const SMALLEST = 4;
let shown = null;   // what the gateway told of the file
let boxes = [];     // [left, top, right, bottom] in pixels of the picture

export async function showHeld() {
  const told = await get("api/held");
  $("list-note").textContent = told.total > told.held.length
    ? `${told.total} wait; these are the oldest ${told.held.length}.` : `${told.total} wait for a decision.`;
  $("held").replaceChildren(...told.held.map((row) => {
    const button = element("button", { id: `held-${row.id}` }, `${row.customer}  ${row.reason}`, element("br"),
      element("small", {}, `${row.id}  ${new Date(row.since * 1000).toLocaleString()}`));
    button.addEventListener("click", () => { location.hash = `quarantine/${row.id}`; });
    return element("li", {}, button);
  }));
}

export async function openReview(id) {
  for (const other of document.querySelectorAll("#held button")) other.removeAttribute("aria-current");
  $(`held-${id}`)?.setAttribute("aria-current", "true");
  $("review").hidden = false;
  $("review-title").textContent = id;
  $("frame").value = 1;
  say("Opening ...");
  shown = null;
  try {
    await look({ id });
    boxes = shown.boxes.map((box) => [...box]);
    describe();
    drawBoxes();
    say("");
    $("review-title").focus();
  } catch (error) {
    close();
    say(error.message, true);
    $("review-title").focus();
  }
}

async function look(wish) {
  const told = await post("api/look", { frame: Number($("frame").value) - 1, ...wish });
  const bytes = Uint8Array.from(atob(told.picture), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  delete told.picture;
  shown = told;
  $("desk").hidden = $("details").hidden = false;
  $("picture").width = bitmap.width;
  $("picture").height = bitmap.height;
  $("picture").getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  $("boxes").setAttribute("viewBox", `0 0 ${told.columns} ${told.rows}`);
  fillHeader(Boolean(wish.values));
}

function describe() {
  $("review-title").textContent = `${shown.id} of ${shown.customer}`;
  const today = shown.verdict === shown.reason ? "" : ` Today's settings say: ${shown.verdict} ${shown.why}`.trimEnd() + ".";
  $("review-why").textContent = `Refused: ${[shown.reason, shown.detail].filter(Boolean).join(", ")}.${today}`;
  $("picture").setAttribute("aria-label", `Frame of ${shown.columns} by ${shown.rows} pixels`);
  $("of").textContent = `of ${shown.frames}`;
  $("frame").max = shown.frames;
  const [manufacturer, model, modality, rows, columns] = shown.device;
  $("device").textContent = `Device: ${manufacturer} ${model}, ${modality}, ${columns} x ${rows}` +
    (shown.ruleable ? "" : ". A rule needs a site recipe: set recipe in [pixels].");
  $("rule").disabled = !shown.ruleable;
}

function fillHeader(values) {
  $("header").classList.toggle("values", values);
  $("values").disabled = values;
  $("header").tBodies[0].replaceChildren(...shown.header.map(([path, tag, vr, action, rule, before, after]) => {
    const row = element("tr", {}, ...[tag, path, vr, action, rule].map((text) => element("td", {}, text)));
    row.children[3].className = row.className = action;
    if (values) row.append(element("td", { class: "value" }, before), element("td", { class: "value" }, after));
    return row;
  }));
}

// Nothing of a patient stays in the page once it is decided.
function close() {
  shown = null;
  $("desk").hidden = $("details").hidden = true;
  $("header").tBodies[0].replaceChildren();
  $("picture").width = $("picture").height = 0;
  $("review-why").textContent = "";
}

$("changes").addEventListener("change", () => $("header").classList.toggle("changes", $("changes").checked));

function say(text, bad = false) { $("said").textContent = text; $("said").className = bad ? "bad" : ""; }

// -- boxes ---------------------------------------------------------------------------------------

const clamp = (value, least, most) => Math.max(least, Math.min(most, Math.round(value)));

function drawBoxes(focus = -1) {
  $("boxes").replaceChildren(...boxes.map((box, n) => {
    const rect = drawn("rect", { tabindex: 0, role: "button" });
    place(rect, box, n);
    rect.addEventListener("keydown", (event) => onKey(event, n));
    rect.addEventListener("pointerdown", (event) => onDrag(event, n));
    return rect;
  }));
  if (focus >= 0) $("boxes").children[focus]?.focus();
}

function place(rect, [left, top, right, bottom], n) {
  for (const [key, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top }))
    rect.setAttribute(key, value);
  rect.setAttribute("aria-label", `Box ${n + 1}: from ${left}, ${top} to ${right}, ${bottom}`);
}

function change(n, left, top, right, bottom) {
  const box = [clamp(left, 0, shown.columns - SMALLEST), clamp(top, 0, shown.rows - SMALLEST)];
  box.push(clamp(right, box[0] + SMALLEST, shown.columns), clamp(bottom, box[1] + SMALLEST, shown.rows));
  boxes[n] = box;
  place($("boxes").children[n], box, n);
}

function onKey(event, n) {
  const [left, top, right, bottom] = boxes[n];
  const step = event.ctrlKey ? 1 : 8;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === "Delete" || event.key === "Backspace") {
    boxes.splice(n, 1);
    drawBoxes(Math.min(n, boxes.length - 1));
    if (!boxes.length) $("add").focus();
  } else if (moves[event.key]) {
    const [x, y] = moves[event.key];
    if (event.shiftKey) change(n, left, top, right + x, bottom + y);
    else if (left + x >= 0 && top + y >= 0 && right + x <= shown.columns && bottom + y <= shown.rows)
      change(n, left + x, top + y, right + x, bottom + y);
  } else return;
  event.preventDefault();
}

function pixel(event) {
  const at = $("boxes").getBoundingClientRect();
  return [(event.clientX - at.left) * shown.columns / at.width, (event.clientY - at.top) * shown.rows / at.height];
}

function follow(event, moved, ended = () => {}) {
  const surface = $("boxes");
  surface.setPointerCapture(event.pointerId);
  const stop = () => { surface.removeEventListener("pointermove", moved); ended(); };
  surface.addEventListener("pointermove", moved);
  surface.addEventListener("pointerup", stop, { once: true });
}

function onDrag(event, n) {
  event.stopPropagation();
  event.currentTarget.focus();
  const [x, y] = pixel(event);
  const [left, top, right, bottom] = boxes[n];
  follow(event, (moving) => {
    const dx = clamp(pixel(moving)[0] - x, -left, shown.columns - right);
    const dy = clamp(pixel(moving)[1] - y, -top, shown.rows - bottom);
    change(n, left + dx, top + dy, right + dx, bottom + dy);
  });
}

$("boxes").addEventListener("pointerdown", (event) => {
  if (!shown || event.target !== $("boxes")) return;
  event.preventDefault();
  const [x, y] = pixel(event);
  const n = boxes.push([x, y, x + SMALLEST, y + SMALLEST]) - 1;
  drawBoxes(n);
  follow(event, (moving) => {
    const [u, v] = pixel(moving);
    change(n, Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v));
  }, () => { change(n, ...boxes[n]); });
});

$("add").addEventListener("click", () => {
  const width = shown.columns / 4, height = shown.rows / 8;
  const n = boxes.push([0, 0, 0, 0]) - 1;
  drawBoxes();
  change(n, (shown.columns - width) / 2, (shown.rows - height) / 2, (shown.columns + width) / 2, (shown.rows + height) / 2);
  $("boxes").children[n].focus();
});
$("clear").addEventListener("click", () => { boxes = []; drawBoxes(); });

// -- looking and deciding ------------------------------------------------------------------------

async function doing(what, work) {
  if (!shown) return;
  say(`${what} ...`);
  try { say(await work()); } catch (error) { say(error.message, true); }
}

const again = (wish) => async () => { await look({ id: shown.id, ...wish }); return ""; };
$("mask").addEventListener("click", () => doing("Masking", again({ boxes })));
$("under").addEventListener("click", () => doing("Opening", again({ boxes, under: true })));
$("values").addEventListener("click", () => doing("Opening", again({ boxes, values: true })));
$("frame").addEventListener("change", () => doing("Opening", again({ boxes })));

function decide(button, verb, said) {
  $(button).addEventListener("click", () => doing("Deciding", async () => {
    const { id, digest } = shown;
    const told = await post("api/decide", { id, verb, digest, boxes });
    if (verb === "rule") return `Rule for device ${told.device} added to ${told.recipe}. It counts for what is prepared from now on.`;
    close();
    await showHeld();
    return `${id}: ${said}`;
  }));
}
decide("approve", "approve", "approved. It is scrubbed and proved once more, and sent.");
decide("reject", "reject", "rejected. It will not be sent.");
decide("release", "release", "is tried again.");
decide("rule", "rule", "");
