// Search as you type among the parameters of a bot; the URL keeps what is searched for.

const form = document.getElementById("sieve");
const rows = [...document.querySelectorAll("[data-row]")];
const none = document.getElementById("none");

function sift() {
  const words = form.elements.q.value.trim().toLowerCase();
  const onlySet = form.elements.set.checked;
  for (const row of rows) {
    const fits = row.dataset.words.includes(words);
    row.hidden = !fits || (onlySet && !("set" in row.dataset));
  }
  for (const section of document.querySelectorAll(".values")) {
    section.hidden = !section.querySelector("[data-row]:not([hidden])");
  }
  none.hidden = rows.some((row) => !row.hidden);
  const query = new URLSearchParams();
  if (words) query.set("q", form.elements.q.value.trim());
  if (onlySet) query.set("set", "1");
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

form?.addEventListener("input", sift);
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  sift();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && form && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    form.elements.q.focus();
  }
});
