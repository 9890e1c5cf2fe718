// The filter of the call history: the reader's time zone, addresses without empty parts, menus.

const form = document.getElementById("filters");
const days = ["today", "yesterday", "custom"];

function zone() {
  return document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// Only days and moments without a zone depend on where the reader is.
function keepZone() {
  form.elements.zone.value = days.includes(form.elements.range.value) ? zone() : "";
}

for (const name of ["from", "to"]) {
  form.elements[name].addEventListener("input", () => {
    form.elements.range.value = "custom";
  });
}

form.elements.range.addEventListener("change", () => {
  if (form.elements.range.value === "custom") {
    form.querySelector(".more").open = true;
    form.elements.from.focus();
  }
});

form.addEventListener("change", keepZone, { capture: true });
form.addEventListener("submit", keepZone, { capture: true });
keepZone();

form.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  keepZone();
  const custom = form.elements.range.value === "custom";
  for (const [name, value] of Object.entries(parameters)) {
    if (value === "" || (!custom && (name === "from" || name === "to"))) delete parameters[name];
  }
  if (form.elements.zone.value) parameters.zone = form.elements.zone.value;
});

// The columns chosen are one part of the address, and views that everybody has know no zone.
document.addEventListener("submit", (event) => {
  const chooser = event.target.closest("form");
  const boxes = chooser?.querySelectorAll("[type=checkbox][name=columns]");
  if (!boxes?.length) return;
  event.preventDefault();
  const address = new URLSearchParams();
  for (const [name, value] of new FormData(chooser)) {
    if (name !== "columns" && value) address.append(name, value);
  }
  address.set("columns", new FormData(chooser).getAll("columns").join(","));
  location.search = address.toString();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest(".toolbar .menu a[href*='range=today'], .toolbar .menu a[href*='range=yesterday']");
  if (link && !link.search.includes("zone=")) link.search += `&zone=${encodeURIComponent(zone())}`;
  for (const menu of document.querySelectorAll(".toolbar details[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.(".toolbar details[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
