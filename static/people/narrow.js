// The search in a long list of bots: those that do not match are out of sight but stay chosen.

const list = document.querySelector("[data-narrow]");
const field = list?.querySelector("input[type=search]");

field?.addEventListener("input", () => {
  const text = field.value.trim().toLowerCase();
  for (const choice of list.querySelectorAll("[data-name]")) {
    choice.hidden = !choice.dataset.name.includes(text) && !choice.querySelector("input").checked;
  }
});

field?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault();
});
