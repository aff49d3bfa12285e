// Makes times relative and keeps the health page current. Everything works without it.
"use strict";

function relative(text) {
  const seconds = Math.round((Date.now() - Date.parse(text)) / 1000);
  if (!Number.isFinite(seconds)) return text ? text : "never";
  if (seconds < -7200) return "in " + Math.floor(-seconds / 3600) + " h";
  if (seconds < -120) return "in " + Math.floor(-seconds / 60) + " min";
  if (seconds < -2) return "in " + -seconds + " s";
  if (seconds < 2) return "just now";
  if (seconds < 120) return seconds + " s ago";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min ago";
  if (seconds < 172800) return Math.floor(seconds / 3600) + " h ago";
  return text.slice(0, 10);
}

function times() {
  for (const time of document.querySelectorAll("time")) {
    time.title = time.dateTime;
    time.textContent = relative(time.dateTime);
  }
}

function flow(row) {
  for (const line of document.querySelectorAll("[data-flow], [data-error-of]")) {
    const isError = line.dataset.errorOf === row.flow;
    if (!isError && line.dataset.flow !== row.flow) continue;
    if (isError) line.hidden = !row.error;
    for (const cell of line.querySelectorAll("[data-cell]")) {
      const value = row[cell.dataset.cell];
      if (cell.tagName === "TIME") cell.dateTime = value;
      else cell.textContent = value;
      if (cell.dataset.cell === "health") cell.className = "badge " + value.replace(" ", "-");
    }
  }
}

// What fails is drawn anew as the server draws it, as soon as its numbers differ.
let failing = null;
async function fails(now) {
  const text = JSON.stringify(now);
  if (failing !== null && failing !== text) {
    const answer = await fetch("/", { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("failing");
    if (fresh) document.getElementById("failing").replaceWith(document.adoptNode(fresh));
  }
  failing = text;
}

times();
setInterval(times, 5000);

if (document.querySelector("[data-live-flows]")) {
  const note = document.getElementById("live");
  const events = new EventSource("/events");
  events.addEventListener("open", () => { note.textContent = "Live."; });
  events.addEventListener("error", () => { note.textContent = "Not live: the hub does not answer. Trying again …"; });
  events.addEventListener("status", (event) => {
    const status = JSON.parse(event.data);
    status.flows.forEach(flow);
    for (const cell of document.querySelectorAll("[data-live]")) cell.textContent = status[cell.dataset.live];
    for (const cell of document.querySelectorAll("[data-live-record]")) {
      const count = status.records.find((one) => one.entity === cell.dataset.liveRecord);
      if (count) cell.textContent = count.active;
    }
    fails(status.failing).catch(() => { failing = ""; });
    times();
  });
}
