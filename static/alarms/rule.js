// The rule of a type of alarm: a suggested name is added to the list that it stands under.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-adds]");
  if (!button) return;
  const list = button.closest(".field").querySelector("textarea");
  const lines = list.value.split("\n").map((line) => line.trim());
  if (!lines.includes(button.dataset.adds)) {
    list.value = [...lines.filter(Boolean), button.dataset.adds].join("\n");
    list.dispatchEvent(new Event("change", { bubbles: true }));
  }
  list.focus();
});
