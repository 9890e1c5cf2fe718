// Which alarms somebody in front of this tab has not heard of: a fold over what is loud. Kept over
// pages of the tab; what is active when the tab opens is no news.
const KEY = "alarms-heard";

export function fresh(loud, store) {
  const stored = store.getItem(KEY);
  const heard = new Map(stored ? JSON.parse(stored) : loud);
  store.setItem(KEY, JSON.stringify(loud));
  return loud.filter(([id, severity]) => severity > (heard.get(id) ?? 0)).map(([id]) => id);
}
