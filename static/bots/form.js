// The form of a bot: override and revert, search, what is wrong where, review before the save.
const form = document.getElementById("bot-form");
const answer = document.getElementById("answer");
const fields = "input[name], select[name], textarea[name]";

// --- rows: a control that shows what is inherited is disabled, so it is not sent -------------------

function controls(row) {
  return [...row.querySelectorAll(`.value :is(${fields})`)];
}

function override(row) {
  if (row.classList.contains("own") || !row.querySelector("[data-act=override]")) return;
  row.classList.add("own");
  for (const control of controls(row)) control.disabled = false;
  origin(row);
  secret(row);
  counted(row);
  const first = controls(row).find((control) => control.type !== "hidden" && !control.hidden);
  first?.focus();
  if (first?.select) first.select();
}

function revert(row) {
  row.classList.remove("own");
  for (const control of controls(row)) {
    inherit(control);
    control.disabled = true;
  }
  origin(row);
  secret(row);
  wrong(row, "");
  counted(row);
  meaning(row);
  row.querySelector("[data-act=override]").focus();
}

// A control shows what is inherited again: it came with the page, in `below` if the row was own.
function inherit(control) {
  const { below } = control.dataset;
  if (control.type === "hidden") return;
  if (control.type === "checkbox") {
    control.checked = below === undefined ? control.defaultChecked : below === "on";
  } else if (control.tagName === "SELECT") {
    for (const option of control.options) {
      option.selected = below === undefined ? option.defaultSelected : option.value === below;
    }
  } else {
    control.value = below ?? control.defaultValue;
  }
}

function origin(row) {
  const chip = row.querySelector(".origin");
  const own = row.classList.contains("own");
  chip.dataset.kind = own ? "own" : chip.dataset.inheritedKind;
  chip.querySelector(".words").textContent = own
    ? document.getElementById("parameters").dataset.here
    : chip.dataset.inherited || gettext("not set");
}

function secret(row) {
  if (row.dataset.kind !== "secret") return;
  const [what, typed] = controls(row);
  typed.hidden = !row.classList.contains("own") || what.value !== "set";
  if (typed.hidden) typed.value = "";
}

function counted(row) {
  const section = row.closest(".section");
  const own = section.querySelectorAll(".row-of.own").length;
  const tally = document.querySelector(`[data-own-of="${section.dataset.anchor}"]`);
  tally.textContent = own || "";
  tally.classList.toggle("some", own > 0);
  total();
}

function total() {
  const list = document.getElementById("parameters");
  const place = document.getElementById("own-count");
  if (!list) return;
  const own = list.querySelectorAll(".row-of.own").length;
  place.textContent = interpolate(
    gettext("%(own)s of %(count)s overridden"),
    { own, count: list.dataset.count },
    true,
  );
}

document.addEventListener("click", (event) => {
  const row = event.target.closest(".row-of");
  if (!row) return;
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act === "override") override(row);
  else if (act === "revert") revert(row);
  else if (!row.classList.contains("own") && event.target.closest(".value")) override(row);
  else return;
  changed();
});

// --- search ----------------------------------------------------------------------------------------

function find() {
  const search = document.getElementById("find");
  if (!search) return;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const own = document.getElementById("only-own").checked;
  const later = document.getElementById("show-later")?.checked ?? true;
  let shown = 0;
  for (const section of document.querySelectorAll(".parameter-list > .section")) {
    const title = section.querySelector("h2").textContent.toLowerCase();
    let inside = 0;
    for (const row of section.querySelectorAll(".row-of")) {
      const text = `${title} ${row.querySelector(".what").textContent.toLowerCase()}`;
      const isOwn = row.classList.contains("own");
      const acts = later || words.length > 0 || isOwn || !row.classList.contains("later");
      row.hidden = (own && !isOwn) || !acts || !words.every((word) => text.includes(word));
      if (!row.hidden) inside += 1;
    }
    section.hidden = inside === 0;
    const link = document.querySelector(`[data-section="${section.dataset.anchor}"]`);
    link.hidden = inside === 0;
    shown += inside;
  }
  document.getElementById("nothing-found").hidden = shown > 0;
}

document.addEventListener("input", (event) => {
  if (event.target.id === "find") find();
  else if (form?.contains(event.target)) changed(event.target);
});
document.addEventListener("change", (event) => {
  if (["only-own", "show-later"].includes(event.target.id)) find();
  const row = event.target.closest(".row-of");
  if (row) secret(row);
});
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("find");
  if (event.key === "Escape") closeAll(event);
  if (event.key === "Escape" && event.target === search) {
    search.value = "";
    find();
  }
});

// --- what a value means, at once ---------------------------------------------------------------------

function meaning(row) {
  const place = row.querySelector("[data-meaning]");
  if (!place) return;
  const control = controls(row)[0];
  const unit = row.querySelector(".unit")?.textContent;
  const value = Number(control.value);
  place.textContent = unit === "ms" && value >= 1000 ? `${value.toLocaleString(document.documentElement.lang)} ms = ${span(value)}` : "";
  const { least, most } = control.dataset;
  const outside = control.value.trim() !== "" && (value < Number(least) || value > Number(most));
  control.toggleAttribute("data-outside", row.classList.contains("own") && outside);
}

function span(ms) {
  const units = [[3_600_000, "h"], [60_000, "min"], [1_000, "s"]];
  const [size, name] = units.find(([each]) => ms >= each);
  return `${Math.round((ms / size) * 100) / 100} ${name}`;
}

function json(row) {
  const place = row.querySelector("[data-json]");
  if (!place) return;
  place.textContent = gettext("JSON");
  if (!row.classList.contains("own")) return;
  try {
    JSON.parse(controls(row)[0].value);
  } catch (error) {
    place.textContent = interpolate(gettext("Not JSON yet: %s"), [error.message]);
  }
}

// --- unsaved changes ------------------------------------------------------------------------------------

let dirty = false;

function changed(control) {
  dirty = true;
  const place = document.getElementById("unsaved");
  if (place) place.textContent = gettext("Not saved yet");
  const row = control?.closest(".row-of");
  if (!row) return;
  meaning(row);
  json(row);
}

addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

// --- answers of the gateway -------------------------------------------------------------------------------

function wrong(row, text) {
  const place = row?.querySelector("[data-wrong]");
  if (!place) return;
  place.textContent = text;
  place.className = text ? "wrong" : "";
}

function clearProblems() {
  for (const place of document.querySelectorAll("[data-wrong]")) {
    place.textContent = "";
    place.className = "";
  }
}

function showProblems(list) {
  if (answer.open) answer.close();
  clearProblems();
  for (const problem of list.querySelectorAll("[data-problem]")) {
    const row = document.getElementById(`row-${problem.dataset.problem}`);
    if (row?.classList.contains("row-of")) override(row);
    wrong(row, problem.querySelector("[data-text]").textContent);
    if (row) reveal(row);
  }
  list.focus();
  list.scrollIntoView({ block: "start" });
}

function reveal(row) {
  row.hidden = false;
  const section = row.closest(".section");
  if (section) section.hidden = false;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== form) return;
  const list = document.getElementById("problems");
  list.hidden = true;
  clearProblems();
});

// Passwords are never sent back, so they are carried over to the rows that replace these.
let typedSecrets = new Map();

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "parameters") return;
  const typed = [...event.detail.target.querySelectorAll("input[type=password]")];
  typedSecrets = new Map(typed.map((input) => [input.name, input.value]));
});

document.addEventListener("htmx:afterSwap", () => {
  const list = document.getElementById("problems");
  if (list && !list.hidden && !list.dataset.shown) {
    list.dataset.shown = "yes";
    showProblems(list);
  } else if (answer?.querySelector("[data-open]") && !answer.open) {
    answer.showModal();
  }
  for (const [name, value] of typedSecrets) {
    const input = form?.elements.namedItem(name);
    if (input && value) input.value = value;
  }
  typedSecrets.clear();
  begin();
});

document.addEventListener("htmx:beforeOnLoad", (event) => {
  // On its way to another page: what was typed is stored.
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) dirty = false;
});

for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failure, (event) => {
    const place = document.getElementById("unsaved");
    if (!place) return;
    if (answer?.open) answer.close();
    const status = event.detail.xhr?.status;
    place.textContent = status
      ? interpolate(gettext("Not saved: the gateway answered %s. What you typed is still here."), [status])
      : gettext("Not saved: the gateway cannot be reached. What you typed is still here.");
  });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) answer.close();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

answer?.addEventListener("close", () => answer.replaceChildren());

// --- where a value comes from: on hover and focus, gone with Escape ------------------------------------------

function closeAll(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  event.target.closest(".origin-of")?.classList.add("dismissed");
}

for (const leaving of ["focusout", "mouseout"]) {
  document.addEventListener(leaving, (event) => {
    event.target.closest?.(".origin-of")?.classList.remove("dismissed");
  });
}

// --- the beginning ---------------------------------------------------------------------------------------------

function begin() {
  for (const row of document.querySelectorAll(".row-of")) meaning(row);
  total();
  find();
}

begin();
