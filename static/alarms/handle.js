// "Tomorrow 8:00" is meant in the zone in which the reader sees times.
const zone = document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;

for (const field of document.querySelectorAll("[data-zone]")) field.value = zone;

// Of the open menus one is enough; a click beside it or Escape closes it.
document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.target.closest("details.menu[open]")?.querySelector("summary").focus();
  close(null);
});

function close(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}
