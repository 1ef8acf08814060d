// The page works without this file. With it the board is live, and countries have their names.

const regions = new Intl.DisplayNames([document.documentElement.lang || "en"], { type: "region" });

for (const element of document.querySelectorAll("[data-region]")) {
  try {
    element.textContent = regions.of(element.dataset.region);
  } catch {
    // A code that is no region stays as it is.
  }
}
sortByName(document.querySelector("select[name=country]"));

const board = document.querySelector(".board");
if (board) watch(board);

/** The countries were sorted by code; now that they have names, by name. "Any" stays first. */
function sortByName(select) {
  if (!select) return;
  const [any, ...rest] = select.options;
  const chosen = select.value;
  rest.sort((a, b) => a.text.localeCompare(b.text));
  select.replaceChildren(any, ...rest);
  select.value = chosen;
}

/** Listen to the stream. A browser reconnects by itself and says what it saw last. */
function watch(board) {
  const lines = board.querySelector(".lines");
  const state = board.querySelector(".state");
  const mould = board.querySelector("template").content;
  const stream = new EventSource(board.dataset.stream);

  for (const time of lines.querySelectorAll("time")) showTime(time, time.dateTime);
  stream.addEventListener("open", () => say(state, "live", "Live"));
  stream.addEventListener("error", () => say(state, "waiting", "Reconnecting"));
  stream.addEventListener("change", (event) => {
    lines.prepend(line(mould, JSON.parse(event.data)));
    while (lines.children.length > 8) lines.lastElementChild.remove();
  });
}

function line(mould, change) {
  const item = mould.cloneNode(true).firstElementChild;
  item.classList.add(change.kind, "fresh");
  showTime(item.querySelector("time"), change.happened_at);
  item.querySelector(".text").textContent = change.text;
  const flap = item.querySelector(".flap");
  if (change.icao && change.kind !== "removed") {
    const link = document.createElement("a");
    link.href = `/airports/${encodeURIComponent(change.icao)}`;
    link.textContent = change.icao;
    flap.append(link);
  } else {
    flap.textContent = change.icao || "····";
  }
  return item;
}

function showTime(element, moment) {
  element.dateTime = moment;
  element.textContent = new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
}

function say(state, kind, text) {
  state.className = `state ${kind}`;
  state.textContent = text;
}
