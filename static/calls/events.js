// The table of events of a live call; what the server has listed already is not repeated.
import { offset } from "../console/time.js";
import { side, value } from "./words.js";

// As in calls/views/detail.py.
const NOISY = ["state"];

export class Events {
  constructor(rows) {
    this.rows = rows;
  }

  add({ n, offset_ms, source, name, detail }) {
    const last = Number(this.rows.lastElementChild?.dataset.n ?? 0);
    const query = new URLSearchParams(location.search);
    if (n <= last || (query.get("source") && query.get("source") !== source)) return;
    if (NOISY.includes(name) && query.get("all") !== "1") return;
    const row = document.getElementById("event-row").content.querySelector("tr").cloneNode(true);
    const put = (part, text) => (row.querySelector(`[data-f="${part}"]`).textContent = text);
    row.dataset.n = n;
    row.querySelector("[data-source]").dataset.source = source;
    put("offset", offset(offset_ms));
    put("source", side(source));
    put("name", name);
    put("detail", Object.entries(detail).map(([key, of]) => `${key}: ${value(of)}`).join("\n"));
    this.rows.append(row);
  }
}
