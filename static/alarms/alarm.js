// The page of one alarm, which is read anew when the alarm has changed and nobody writes a comment.
import { alarms } from "./feed.js";
import "./handle.js";

const page = document.getElementById("alarm");
let known = null;

alarms.addEventListener("alarms", ({ detail }) => {
  if (known !== null && known !== detail.version && !document.hidden && !page.contains(document.activeElement)) {
    htmx.ajax("GET", location.href, { target: page, select: "#alarm", swap: "outerHTML" });
  }
  known = detail.version;
});
