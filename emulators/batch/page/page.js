"use strict";
// Everything that comes from the account is put in as text, never as markup.
const $ = (id) => document.getElementById(id);
const view = { pool: "", job: "", state: "", start: 0 };
const shown = {};
let tail = null;

// The key comes with the address, behind #, which no browser sends; it stays in this tab alone.
if (location.hash.length > 1) {
  sessionStorage.setItem("key", decodeURIComponent(location.hash.slice(1)));
  history.replaceState(null, "", location.pathname);
}

function ask(path, options = {}) {
  // Only a header can leave a page with this key, and only to the page's own origin.
  const key = (sessionStorage.getItem("key") || "").replace(/[^\x21-\x7e]/g, "");
  return fetch(path, { ...options, headers: { "x-batch-key": key, "Content-Type": "application/json" } });
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "act") element.addEventListener("click", value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

// A part is drawn again only when its data has changed, so that nothing flickers or loses focus.
function part(id, data, draw) {
  const text = JSON.stringify(data);
  if (shown[id] === text) return;
  shown[id] = text;
  const focused = document.activeElement && document.activeElement.dataset.key;
  const scroll = $(id).scrollTop;
  $(id).replaceChildren(...draw(data));
  $(id).scrollTop = scroll;
  if (focused) [...$(id).querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
}

function bar(shares) {
  const total = shares.reduce((sum, [, count]) => sum + count, 0) || 1;
  const element = make("div", { class: "bar" });
  for (const [kind, count] of shares) {
    if (!count) continue;
    const piece = make("span", { class: kind, title: `${count} ${kind}` });
    piece.style.width = `${(100 * count) / total}%`;
    element.append(piece);
  }
  return element;
}

function poolCard(pool) {
  const sizes = [`${pool.dedicated[0]} of ${pool.dedicated[1]} nodes`];
  if (pool.spot[0] || pool.spot[1]) sizes.push(`${pool.spot[0]} of ${pool.spot[1]} spot`);
  const how = `${pool.allocation}${pool.state === "active" ? "" : ", " + pool.state}${pool.autoscale ? ", autoscale" : ""}`;
  return make("button", { class: "card", "data-key": "p:" + pool.id, "aria-pressed": String(pool.id === view.pool),
    act: () => choose({ pool: pool.id }) },
    make("b", {}, pool.id), make("small", {}, sizes.join(", ")), make("small", {}, `${pool.vmSize} × ${pool.slots} slots, ${how}`),
    pool.errors.length ? make("small", { class: "bad" }, pool.errors.join(", ")) : null);
}

function nodeBox(node) {
  const lines = [node.id, node.state + (node.open ? "" : ", scheduling disabled") + (node.spot ? ", spot" : ""),
    `${node.used} slots used`, ...node.running, ...node.errors];
  return make("span", { class: `node ${node.state}${node.spot ? " spot" : ""}${node.open ? "" : " shut"}`, title: lines.join("\n") });
}

function legend(nodes) {
  const counts = {};
  for (const node of nodes) counts[node.state] = (counts[node.state] || 0) + 1;
  return Object.entries(counts).map(([state, count]) => make("span", {}, make("i", { class: state }), `${count} ${state}`));
}

const SERIES = ["pending tasks", "running tasks", "usable nodes", "target nodes"];
function drawn(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function plot(history) {
  if (history.length < 2) return [drawn("text", { x: 8, y: 20 }, "The history appears with the second sample, every 30 emulated seconds.")];
  const [left, right, top, bottom] = [34, 712, 8, 158];
  const from = history[0][0], to = history[history.length - 1][0];
  const most = Math.max(1, ...history.flatMap((row) => row.slice(1).map((value) => value || 0)));
  const x = (at) => left + ((right - left) * (at - from)) / (to - from || 1);
  const y = (value) => bottom - ((bottom - top) * value) / most;
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    parts.push(drawn("line", { x1: left, x2: right, y1: y(share * most), y2: y(share * most), class: "grid" }));
    parts.push(drawn("text", { x: 2, y: y(share * most) + 4 }, String(Math.round(share * most * 10) / 10)));
  }
  for (const [at, anchor] of [[from, "start"], [to, "end"]])
    parts.push(drawn("text", { x: x(at), y: 174, "text-anchor": anchor }, new Date(at * 1000).toISOString().slice(5, 19).replace("T", " ")));
  SERIES.forEach((_, index) => {
    const points = history.filter((row) => row[index + 1] !== null).map((row) => `${x(row[0]).toFixed(1)},${y(row[index + 1]).toFixed(1)}`);
    parts.push(drawn("polyline", { points: points.join(" "), class: "s" + index }));
  });
  return parts;
}

function jobRow(job) {
  const counts = job.counts;
  const words = `${counts.succeeded} succeeded, ${counts.failed} failed, ${counts.running} running, ${counts.active} active`;
  const about = [job.state, `pool ${job.pool || "none"}`, `priority ${job.priority}`, job.reason, job.error].filter(Boolean).join(", ");
  return make("button", { class: "row", "data-key": "j:" + job.id, "aria-pressed": String(job.id === view.job),
    act: () => choose({ job: job.id, start: 0 }) },
    make("b", {}, job.id),
    bar([["succeeded", counts.succeeded], ["failed", counts.failed], ["running", counts.running], ["active", counts.active]]),
    make("small", {}, words), make("small", {}, about));
}

function taskRow(task) {
  const good = task.result === "success" ? "good" : task.result ? "bad" : "";
  const tries = [task.retries ? `${task.retries} retries` : "", task.requeues ? `${task.requeues} requeues` : ""].filter(Boolean).join(", ");
  const log = (file) => make("button", { "data-key": `${file}:${task.id}`, act: () => show(task.id, file) }, file.slice(0, 6));
  return make("tr", {}, make("td", {}, task.id), make("td", { class: "narrow" }, make("span", { class: good }, task.state)),
    make("td", {}, task.exitCode === null ? "" : String(task.exitCode)), make("td", {}, tries), make("td", {}, task.why),
    make("td", { class: "narrow" }, ...(task.node ? [log("stdout.txt"), " ", log("stderr.txt")] : [])));
}

function refusal(one) {
  const values = Object.entries(one.values).map(([name, value]) => `${name}: ${value}`).join(", ");
  return make("tr", {}, make("td", { class: "narrow" }, make("time", {}, one.at.slice(11, 19))),
    make("td", {}, `${one.method} ${one.path}`), make("td", { class: "narrow bad" }, `${one.status} ${one.code}`),
    make("td", {}, `${one.reason} ${values}`));
}

function draw(state) {
  view.pool = state.pool ? state.pool.id : "";
  view.job = state.job ? state.job.id : "";
  $("account").textContent = state.account;
  $("endpoint").textContent = state.endpoint;
  $("now").textContent = state.now.slice(0, 19).replace("T", " ");
  $("pace").textContent = state.speed === 1 ? "" : `× ${state.speed}`;
  $("tick").hidden = state.timing !== "manual";
  $("pool-count").textContent = state.poolCount;
  $("job-count").textContent = state.jobCount;
  part("pools", [state.pools, view.pool], ([pools]) => pools.map(poolCard));
  $("pool").hidden = !state.pool;
  if (state.pool) {
    const pool = state.pool;
    $("pool-name").textContent = `${pool.id}: ${pool.nodeCount} nodes`;
    part("nodes", pool.nodes, (nodes) => nodes.map(nodeBox));
    part("legend", pool.nodes.map((node) => ({ state: node.state })), legend);
    part("plot", pool.history, plot);
    part("plot-legend", SERIES, (names) => names.map((name, index) => make("span", {}, make("i", { class: "s" + index }), name)));
    $("formula-box").hidden = !pool.formula;
    $("formula").textContent = pool.formula;
    $("run").textContent = pool.run.results ? `${pool.run.timestamp}\n${pool.run.results}` + (pool.run.error ? `\n${pool.run.error.code}: ${pool.run.error.values.map((one) => one.value).join(" ")}` : "") : "";
  }
  part("jobs", [state.jobs, view.job], ([jobs]) => jobs.map(jobRow));
  $("job").hidden = !state.job;
  if (state.job) {
    $("job-name").textContent = state.job.id;
    part("tasks", state.job.tasks, (tasks) => tasks.map(taskRow));
    $("first").hidden = state.job.start === 0;
    $("next").hidden = state.job.next === null;
    $("next").dataset.start = state.job.next;
  }
  $("schedule-box").hidden = !state.schedules.length;
  part("schedules", state.schedules, (all) => all.map((one) => make("div", {}, make("b", {}, one.id), ` ${one.state}, ${one.made} jobs made${one.due ? ", next " + one.due.slice(0, 19).replace("T", " ") : ""}`)));
  part("refused", state.refused, (all) => all.map(refusal));
  $("nothing-refused").hidden = state.refused.length > 0;
  $("fault-box").hidden = !state.faults.length;
  $("faults").textContent = state.faults.map((rule) => JSON.stringify(rule)).join("\n");
}

async function show(task, file) {
  tail = { job: view.job, task, file };
  await showTail();
}

async function showTail() {
  $("tail-box").hidden = tail === null;
  if (tail === null) return;
  const answer = await ask("/_admin/page/tail?" + new URLSearchParams(tail));
  $("tail-name").textContent = `${tail.task}: ${tail.file}`;
  $("tail").textContent = (await answer.text()) || "(empty, or not there any more)";
}

async function refresh() {
  try {
    const answer = await ask("/_admin/page/state?" + new URLSearchParams(view));
    $("locked").hidden = answer.status !== 401;
    if (answer.status === 401) {
      $("trouble").hidden = true;
      return;
    }
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    draw(await answer.json());
    if (tail) await showTail();
    $("trouble").hidden = true;
  } catch (error) {
    $("trouble").hidden = false;
    $("trouble").textContent = `The emulator does not answer (${error.message}); this page tries again.`;
  }
}

function choose(change) {
  if (change.job && change.job !== view.job) tail = null;
  Object.assign(view, change);
  $("tail-box").hidden = tail === null;
  refresh();
}

async function post(path, body) {
  await ask(path, { method: "POST", body: body === undefined ? null : JSON.stringify(body) });
  await refresh();
}

for (const button of document.querySelectorAll("[data-seconds]"))
  button.addEventListener("click", () => post("/_admin/clock", { seconds: Number(button.dataset.seconds) }));
$("key").addEventListener("change", (event) => {
  sessionStorage.setItem("key", event.target.value.trim());
  event.target.value = "";
  refresh();
});
$("tick").addEventListener("click", () => post("/_admin/tick"));
$("task-state").addEventListener("change", (event) => choose({ state: event.target.value, start: 0 }));
$("first").addEventListener("click", () => choose({ start: 0 }));
$("next").addEventListener("click", (event) => choose({ start: Number(event.target.dataset.start) }));

(async function live() {
  if (!document.hidden) await refresh();
  setTimeout(live, 1000);
})();
