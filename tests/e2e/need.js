// Asks the page's own module what a list of calls needs; run in the page by test_supervisor.py.
async () => {
  const url = [...document.scripts].map((script) => script.src).find((src) => src.includes("console/console"));
  const { need, ordered, matches, silence } = await import(new URL("../calls/need.js", url));
  const now = 1_000_000;
  const at = (ms) => new Date(now - ms).toISOString();
  const calls = [
    { id: "fine", started_at: at(1), state: "bot speaking", state_at: at(60_000), delay_ms: 2_499 },
    { id: "older", started_at: at(2), flags: { "no-input": 1, "not-understood": 1, "barge-in": 2 } },
    { id: "slow", delay_ms: 2_500 },
    { id: "barge-in", flags: { "barge-in": 3 } },
    { id: "transfer", flags: { transfer: "failed: busy" } },
    { id: "fault", flags: { fault: "stt:timeout" } },
    { id: "not-understood", flags: { "not-understood": 2 } },
    { id: "no-input", flags: { "no-input": 3, fault: "stt:timeout" } },
    { id: "waits for the bot", started_at: at(4), state: "thinking", state_at: at(7_000) },
    { id: "silent", started_at: at(3), state: "listening", state_at: at(9_400), flags: { "no-input": 2 } },
  ];
  const words = ordered(calls, now).map((call) => [call.id, need(call, now)?.words ?? ""]);
  const call = { bot: "demo", state: "thinking", caller: "+491", callee: "+492", last_line: "My Bill" };
  const filters = [{}, { bot: "demo" }, { bot: "x" }, { state: "thinking" }, { state: "x" }, { number: "92" },
    { number: "3" }, { text: " my b " }, { text: "x" }, { need: "1" }];
  return [words, filters.map((filter) => matches(call, filter, now)), silence({ state: "thinking", state_at: at(500) }, now)];
}
