// Keeps the page up to date: when the server tells that something has changed, the page is asked for anew, and the parts that differ
// are put in the place of the old ones. Without this script, the page is as it was when it was loaded.
(() => {
  "use strict";

  const LEAST_WAIT = 900; // milliseconds between two refreshes
  const TICK = 5000; // how often "3 min ago" is written anew
  let skew = 0; // how far the server's clock is ahead of this one
  let last = 0;
  let timer;
  const shown = new Map(); // what each part was made of when it was put in its place

  const connection = () => document.querySelector("#connection dd");
  let state = ["offline", "as the page was loaded"];
  const show = (className, text) => {
    state = [className, text];
    const place = connection();
    if (!place) return;
    const word = document.createElement("span");
    word.className = className;
    word.textContent = text;
    place.replaceChildren(word);
  };

  const coarse = (s) => {
    const two = (n, unit, rest, restUnit) => (rest ? `${n} ${unit} ${rest} ${restUnit}` : `${n} ${unit}`);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
    if (s < 3 * 86400) return two(Math.floor(s / 86400), s < 2 * 86400 ? "day" : "days", Math.floor((s % 86400) / 3600), "h");
    return `${Math.floor(s / 86400)} days`;
  };
  const relative = (s) => (Math.abs(s) < 5 ? "now" : s > 0 ? `in ${coarse(s)}` : `${coarse(-s)} ago`);

  const tick = () => {
    const now = Date.now() + skew;
    for (const time of document.querySelectorAll("time[data-relative]")) {
      time.textContent = relative(Math.trunc((Date.parse(time.dateTime) - now) / 1000));
    }
  };

  // Puts a new part in the place of an old one, and leaves the reader where they were.
  const swap = (old, part) => {
    const open = [...old.querySelectorAll("details[open][id]")].map((each) => each.id);
    const scrolled = [...old.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
    const focused = old.contains(document.activeElement) && document.activeElement;
    const focusPath = focused && path(old, focused);
    part = document.importNode(part, true);
    for (const id of open) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    old.replaceWith(part);
    part.querySelectorAll(".scroll").forEach((each, index) => {
      if (scrolled[index]) [each.scrollLeft, each.scrollTop] = scrolled[index];
    });
    if (focusPath) focusPath.reduce((node, index) => node?.children[index], part)?.focus({ preventScroll: true });
  };
  const path = (root, node) => {
    const steps = [];
    for (; node !== root; node = node.parentElement) steps.unshift([...node.parentElement.children].indexOf(node));
    return steps;
  };
  const isSelecting = (part) => {
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  };

  const refresh = async () => {
    timer = undefined;
    last = Date.now();
    try {
      const response = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
      if (response.redirected || response.status === 401) return location.reload();
      if (!response.ok) throw new Error(response.statusText);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const part = page.getElementById(old.id);
        const html = part?.outerHTML;
        if (part && html !== shown.get(part.id) && !isSelecting(old)) {
          shown.set(part.id, html);
          swap(old, part);
        }
      }
      document.body.dataset.tone = page.body.dataset.tone;
      clock();
      show("online", "live");
    } catch {
      show("offline", "interrupted; trying again");
    }
  };
  const soon = () => {
    if (timer || document.hidden) return;
    timer = setTimeout(refresh, Math.max(0, last + LEAST_WAIT - Date.now()));
  };
  // The server's time, as the page has it.
  const clock = () => {
    const time = document.querySelector("#facts time:not([data-relative])");
    if (time) skew = Date.parse(time.dateTime) - Date.now();
  };

  clock();
  setInterval(tick, TICK);
  if (!document.querySelector("[data-live]")) return;
  const changes = new EventSource("/api/live");
  changes.addEventListener("open", () => {
    show("online", "live");
    soon();
  });
  changes.addEventListener("changed", soon);
  changes.addEventListener("error", () => show("offline", "interrupted; trying again"));
  document.addEventListener("visibilitychange", soon);
})();
