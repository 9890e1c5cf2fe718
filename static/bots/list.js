// The list of bots: ticking rows shows what can be done to them; j and k are the frame's.
const boxes = () => [...document.querySelectorAll("tbody input[name=bot]")];

function show() {
  const bar = document.getElementById("ticked");
  if (!bar) return;
  const ticked = boxes().filter((box) => box.checked).length;
  const count = document.getElementById("ticked-count");
  count.textContent = ticked
    ? interpolate(ngettext("%s bot ticked", "%s bots ticked", ticked), [ticked])
    : count.dataset.none;
  bar.querySelector(".when-ticked").hidden = ticked === 0;
  const all = document.getElementById("tick-all");
  if (!all) return;
  all.checked = ticked > 0 && ticked === boxes().length;
  all.indeterminate = ticked > 0 && !all.checked;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "tick-all") {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.matches("#tick-all, input[name=bot]")) show();
});

// Of the open menus one is enough; a click beside it or Escape closes it.
document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close(null);
});

function close(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("htmx:afterSwap", show);
// A browser that goes back shows the ticks of before.
addEventListener("pageshow", show);
show();
