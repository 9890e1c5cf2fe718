// The form for an outbound call: times are those of the reader, and one press places one call.

const form = document.getElementById("dial");

form?.addEventListener("submit", () => {
  form.elements.zone.value = document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;
  // After this turn of the loop, so that the press itself still counts.
  setTimeout(() => {
    form.querySelector("button[type=submit]").disabled = true;
  });
});

// Coming back by the browser's own button shows the form as it was left.
window.addEventListener("pageshow", () => {
  const button = form?.querySelector("button[type=submit]");
  if (button) button.disabled = false;
});
