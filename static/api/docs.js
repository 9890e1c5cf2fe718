// The page about the REST API: filters operations, opens the one that the address names.

const filter = document.getElementById("api-filter");
const found = document.getElementById("api-found");

function narrow() {
  const wanted = filter.value.trim().toLowerCase().split(/\s+/);
  let count = 0;
  for (const operation of document.querySelectorAll(".operation")) {
    const fits = wanted.every((word) => operation.dataset.text.includes(word));
    count += fits;
    operation.classList.toggle("is-hidden", !fits);
    document.querySelector(`[data-of="${operation.id}"]`).classList.toggle("is-hidden", !fits);
  }
  for (const section of document.querySelectorAll(".api-section")) {
    const empty = !section.querySelector(".operation:not(.is-hidden)");
    section.classList.toggle("is-hidden", empty);
    document.querySelector(`[data-section="${section.id}"]`).classList.toggle("is-hidden", empty);
  }
  found.textContent = filter.value.trim()
    ? interpolate(ngettext("%s operation", "%s operations", count), [count])
    : "";
}

function open() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

filter.addEventListener("input", narrow);
window.addEventListener("hashchange", open);
narrow();
open();
