// Times in the reader's own zone. Every <time> keeps the exact moment in `datetime` and tooltip.

const timeZone = document.documentElement.dataset.timeZone || undefined;
const language = document.documentElement.lang || undefined;

const clock = new Intl.DateTimeFormat(language, { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(language, { timeZone, day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat(language, { timeZone, day: "numeric", month: "short", year: "numeric" });

const steps = [
  [60, 1, "s"],
  [3_600, 60, "min"],
  [86_400, 3_600, "h"],
  [Infinity, 86_400, "d"],
];

export function ago(moment, now = Date.now()) {
  const seconds = Math.max(0, Math.floor((now - moment) / 1_000));
  const [, unit, name] = steps.find(([limit]) => seconds < limit);
  if (seconds < 5) return gettext("now");
  return interpolate(gettext("%(span)s ago"), { span: `${Math.floor(seconds / unit)} ${name}` }, true);
}

// "1:02:03" or "2:03", cut to whole seconds.
export function span(milliseconds) {
  const total = Math.max(0, Math.floor(milliseconds / 1_000));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(total / 3_600), Math.floor(total / 60) % 60, total % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

// "2:03.4"
export function offset(milliseconds) {
  return `${span(milliseconds)}.${Math.floor(milliseconds / 100) % 10}`;
}

function shown(moment, how) {
  if (how === "ago") return ago(moment.getTime());
  const now = new Date();
  if (how !== "full" && dayAndYear.format(now) === dayAndYear.format(moment)) return clock.format(moment);
  const date = now.getFullYear() === moment.getFullYear() ? day : dayAndYear;
  return `${date.format(moment)}, ${clock.format(moment)}`;
}

export function localise(root, only = null) {
  const selector = only ? `time[data-show="${only}"]` : "time[data-show]";
  for (const element of root.querySelectorAll(selector)) {
    const moment = new Date(element.dateTime);
    element.title = element.dateTime;
    element.textContent = shown(moment, element.dataset.show);
  }
}
