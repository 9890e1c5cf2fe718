// The keyboard: search, going to pages, moving in tables, help. The list below the search field.

const WAIT_MS = 1_200;
const finder = document.querySelector("[data-finder]");
const field = finder?.querySelector("input");
const found = document.getElementById("found");
const help = document.getElementById("keys");
let went = 0; // when "g" was pressed

function writing(target) {
  return target.isContentEditable || target.closest("input, textarea, select, dialog, [data-own-keys]");
}

// A page with a search of its own marks its field with data-slash.
function search() {
  const own = document.querySelector("[data-slash]");
  const target = own?.offsetParent ? own : field;
  if (target?.offsetParent) target.focus();
  else location.assign(finder.action);
}

function go(key) {
  document.querySelector(`.rail a[data-key="${CSS.escape(key)}"]`)?.click();
}

function move(step) {
  const rows = [...document.querySelectorAll(".grid tbody tr")].filter((row) => row.offsetParent && target(row));
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  target(rows[next]).focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

function target(row) {
  return row.querySelector(".row-link") ?? row.querySelector("a[href]");
}

const keys = { "/": search, "?": () => help.showModal(), j: () => move(1), k: () => move(-1) };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || writing(event.target)) return;
  const going = event.timeStamp - went < WAIT_MS && went > 0;
  went = 0;
  if (going) {
    go(event.key);
  } else if (event.key === "g") {
    went = event.timeStamp;
  } else if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

document.querySelector("[data-keys]")?.addEventListener("click", () => help.showModal());

// --- the list below the search field ---------------------------------------------------------------

function links() {
  return [...found.querySelectorAll("a")];
}

function show() {
  found.hidden = !links().length && !found.textContent.trim();
}

found?.addEventListener("htmx:afterSwap", show);
field?.addEventListener("focus", show);
field?.addEventListener("input", () => {
  if (!field.value.trim()) found.hidden = true;
});

finder?.addEventListener("focusout", (event) => {
  if (!finder.contains(event.relatedTarget)) found.hidden = true;
});

finder?.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !found.hidden) {
    event.preventDefault();
    found.hidden = true;
    field.focus();
    found.hidden = true;
  } else if (["ArrowDown", "ArrowUp"].includes(event.key) && !found.hidden) {
    event.preventDefault();
    const all = [field, ...links()];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const at = all.indexOf(document.activeElement);
    all[(at + step + all.length) % all.length].focus();
  }
});
