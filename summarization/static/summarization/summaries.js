/* Sampling by keyboard, and a night that follows along. Without this file both work: by clicks, and by loading again. */
"use strict";

(() => {
  const PERIOD = 3000, SLOWEST = 30000; // milliseconds
  const byId = (id) => document.getElementById(id);

  function lead(link) {
    const turn = link && byId(`turn-${link.dataset.turn}`);
    if (!turn) return false;
    for (const one of document.querySelectorAll(".hf-asked")) one.classList.remove("hf-asked");
    turn.classList.add("hf-asked");
    turn.scrollIntoView({ block: "center" });
    return true;
  }

  function judge(form) {
    const press = (name) => form.requestSubmit(form.querySelector(`button[data-key="${name}"]`));
    const reason = byId("hf-reason");
    const asked = document.querySelector(".hf-pair-text .hf-asked");
    if (asked) asked.scrollIntoView({ block: "center" });
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (event.submitter?.value === "bad" && !reason.value.trim()) { event.preventDefault(); reason.focus(); return; }
      if (sent) event.preventDefault(); // one judgement a page
      sent = true;
    });
    window.addEventListener("pageshow", () => { sent = false; });
    document.addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.isComposing || event.altKey) return;
      if (event.target === reason) {
        if (event.key === "Escape") reason.blur();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); press("b"); }
        return;
      }
      if (event.ctrlKey || event.metaKey || event.target.closest?.("input, textarea, select")) return;
      if (["g", "b", "s"].includes(event.key)) { event.preventDefault(); press(event.key); }
      const link = /^[1-9]$/.test(event.key) && document.querySelectorAll(".hf-judge a[data-turn]")[Number(event.key) - 1];
      if (link && lead(link)) event.preventDefault();
    });
  }

  function follow(part) {
    let delay = PERIOD, drawn = "";
    const line = byId("hf-live");
    async function round() {
      if (!document.hidden) {
        try {
          const response = await fetch(part.dataset.live, { cache: "no-store", redirect: "manual" });
          if (response.type === "opaqueredirect") { line.textContent = "You were signed out. Sign in again to follow this night."; return; }
          if (!response.ok) throw new Error(String(response.status));
          const html = await response.text();
          delay = PERIOD;
          line.textContent = "Live: this page follows along by itself.";
          if (html !== drawn) part.innerHTML = drawn = html;
          if (part.querySelector("[data-ended]")) { location.reload(); return; }
        } catch {
          delay = Math.min(delay * 2, SLOWEST);
          line.textContent = "No answer from the server: this page shows what was known. It keeps trying.";
        }
      }
      setTimeout(round, delay);
    }
    setTimeout(round, PERIOD);
  }

  function begin() {
    const form = byId("hf-judge"), night = byId("hf-night");
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[data-turn]");
      if (link && lead(link)) event.preventDefault();
    });
    if (form) judge(form);
    if (night?.dataset.live) follow(night);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
