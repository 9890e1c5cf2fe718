// The page of one alarm, which is read anew when the alarm has changed and nobody is at work in it;
// a comment that was begun stays.
import { alarms } from "./feed.js";
import "./handle.js";

let known = null;

alarms.addEventListener("alarms", ({ detail }) => {
  const page = document.getElementById("alarm"); // another element after each time that it is read anew
  if (known !== null && known !== detail.version && !document.hidden && !page.contains(document.activeElement)) {
    htmx.trigger(page, "alarms:changed");
  }
  known = detail.version;
});
