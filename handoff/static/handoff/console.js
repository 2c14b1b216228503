/* The console's pages follow along by asking every few seconds. Without this file they work too: by loading again.
   Nothing that somebody is typing is ever replaced. */
"use strict";

(() => {
  const PERIOD = 2500, SLOWEST = 30000; // milliseconds
  const byId = (id) => document.getElementById(id);
  const put = (id, text) => { const found = byId(id); if (found && found.textContent !== text) found.textContent = text; };
  const typing = (element) => element instanceof Element && element.closest("input:not([type=checkbox]), textarea, select") !== null;

  /* Ask again and again; slower while the server does not answer, not at all while nobody looks. */
  function follow(ask) {
    let timer = 0, delay = PERIOD, running = false;
    async function round() {
      clearTimeout(timer);
      if (document.hidden || running) return;
      running = true;
      try {
        if (await ask() === false) return; // signed out: asking again is of no use
        delay = PERIOD;
        put("hf-live-state", "Live: this page follows along by itself.");
      } catch {
        delay = Math.min(delay * 2, SLOWEST);
        put("hf-live-state", "No answer from the server: this page shows what was known. It keeps trying.");
      } finally {
        running = false;
      }
      timer = setTimeout(round, delay);
    }
    document.addEventListener("visibilitychange", round);
    window.addEventListener("online", round);
    timer = setTimeout(round, PERIOD);
  }

  /* Return the answer's text, null where nothing has changed, false where this reader was signed out. */
  async function fetched(address, tag, options = {}) {
    const headers = Object.assign({}, options.headers, tag.value ? { "If-None-Match": tag.value } : {});
    const given = Object.assign({ cache: "no-store", redirect: "manual" }, options, { headers });
    const response = await fetch(address, given);
    if (response.type === "opaqueredirect") {
      put("hf-live-state", "You were signed out. Sign in again in another tab, then go on here: what you typed is kept.");
      return false;
    }
    if (response.status === 304) return null;
    const html = (response.headers.get("Content-Type") || "").startsWith("text/html");
    if (!response.ok && !(html && response.headers.has("X-Case"))) throw new Error(String(response.status));
    tag.value = response.headers.get("ETag") || "";
    return response.text();
  }

  function parsed(html) {
    const found = document.createElement("template");
    found.innerHTML = html;
    return found.content;
  }

  function queuePage(list) {
    const tag = { value: "" };
    follow(async () => {
      const html = await fetched(list.dataset.live, tag);
      if (html === false) return false;
      const fresh = document.createElement("div");
      fresh.innerHTML = html;
      if (html === null || fresh.innerHTML === list.innerHTML) return true;
      const held = list.contains(document.activeElement) && document.activeElement.closest("[data-case]");
      list.replaceChildren(...fresh.childNodes);
      put("hf-news", "The queue has changed.");
      if (held) list.querySelector(`[data-case="${held.dataset.case}"] [data-row]`)?.focus();
      return true;
    });
  }

  function casePage(form) {
    const thread = byId("hf-thread"), box = thread.parentElement, tag = { value: "" };
    const drawn = new Map([...form.querySelectorAll("[data-part]")].map((part) => [part, part.innerHTML]));
    let asking = Promise.resolve();

    const place = () => "seq" in thread.dataset
      ? `?seq=${encodeURIComponent(thread.dataset.seq)}&event=${encodeURIComponent(thread.dataset.event)}` : "";

    /* Replace a part, and put back what is typed, chosen, unfolded or focused in it. */
    function replace(part, fresh) {
      if (drawn.get(part) === fresh.innerHTML) return;
      if (part.contains(document.activeElement) && typing(document.activeElement)) return; // the next round brings it
      const focused = part.contains(document.activeElement) ? document.activeElement.id || document.activeElement.value : "";
      const open = [...part.querySelectorAll("details[open][id]")].map((found) => found.id);
      const kept = [...part.querySelectorAll("textarea, select, input:not([type=hidden])")].filter(changed)
        .map((found) => [found.id || found.name, found.value, found.checked]);
      drawn.set(part, fresh.innerHTML);
      part.replaceChildren(...fresh.childNodes);
      for (const id of open) if (byId(id)) byId(id).open = true;
      for (const [name, value, checked] of kept) {
        const found = byId(name) || part.querySelector(`[name="${CSS.escape(name)}"]`);
        if (found) { found.value = value; found.checked = checked; }
      }
      if (focused) (byId(focused) || part.querySelector(`button[value="${CSS.escape(focused)}"]`))?.focus();
    }

    function changed(control) {
      if (control.type === "checkbox") return control.checked !== control.defaultChecked;
      if (control.tagName === "SELECT") return [...control.options].some((one) => one.selected !== one.defaultSelected);
      return control.value !== control.defaultValue;
    }

    function atEnd() { return box.scrollHeight - box.scrollTop - box.clientHeight < 80; }
    function toEnd() { box.scrollTop = box.scrollHeight; }

    function append(news) {
      const stay = atEnd();
      const added = [...news.querySelectorAll("[data-entry]")].filter((entry) => !byId(entry.id));
      if (news.dataset.seq !== undefined && "seq" in thread.dataset) {
        thread.dataset.seq = Math.max(Number(thread.dataset.seq), Number(news.dataset.seq));
        thread.dataset.event = Math.max(Number(thread.dataset.event), Number(news.dataset.event));
      }
      if (!added.length) return;
      byId("hf-nothing-said")?.remove();
      thread.append(...added);
      if (stay) toEnd();
      const last = added.at(-1).textContent.replace(/\s+/g, " ").trim().slice(0, 200);
      put("hf-news", added.length === 1 ? `New: ${last}` : `${added.length} new entries. The last one: ${last}`);
    }

    function show(html, withOutcome) {
      const fresh = parsed(html);
      for (const part of fresh.querySelectorAll("[data-for]")) {
        const old = byId(part.dataset.for);
        if (!old) continue;
        if (part.dataset.for !== "hf-said") replace(old, part);
        else if (withOutcome) old.replaceChildren(...part.childNodes);
      }
      const news = fresh.querySelector("[data-new]");
      if (news) append(news);
    }

    /* One at a time, so that what is shown never goes back. */
    function inTurn(work) {
      asking = asking.then(work, work);
      return asking;
    }

    const update = () => inTurn(async () => {
      const html = await fetched(form.dataset.live + place(), tag);
      if (html) show(html, false);
      return html !== false;
    });

    async function send(button) {
      const body = new FormData(form, button);
      // The buttons work again in any case; a reply has an id of its own and is sent once.
      for (const one of form.querySelectorAll("button[name]")) one.disabled = true;
      try {
        const options = { method: "POST", body, headers: { "X-Live": "1" } };
        const html = await fetched(form.getAttribute("action") + place(), { value: "" }, options);
        if (html === false) { outcome("You were signed out. Sign in again in another tab, then press the button again."); return; }
        used(parsed(html).querySelector("[data-used]"));
        tag.value = "";
        show(html, true);
      } catch (error) {
        const why = error.message === "403" ? "The server refused it." : "The server did not answer, so nobody knows whether it was done.";
        outcome(`${why} What you typed is still here. Press the button again: a reply is sent only once.`);
      } finally {
        for (const one of form.querySelectorAll("button[name]")) one.disabled = false;
      }
    }

    function used(line) {
      if (!line) return;
      if (line.dataset.requestId) form.elements.request_id.value = line.dataset.requestId;
      const draft = line.dataset.used && form.elements[line.dataset.used];
      if (!draft) return;
      draft.value = draft.defaultValue = "";
      if (form.contains(document.activeElement) && document.activeElement === draft && draft.closest("[data-part]")) draft.blur();
      const fold = draft.closest("details");
      if (fold) fold.open = false;
    }

    function outcome(text) {
      const line = document.createElement("p");
      line.className = "hf-said-line hf-bad";
      line.textContent = text;
      byId("hf-said").replaceChildren(line);
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter) inTurn(() => send(event.submitter));
    });
    window.addEventListener("beforeunload", (event) => {
      if ([...form.querySelectorAll("textarea")].some((one) => one.value.trim() && one.value !== one.defaultValue)) event.preventDefault();
    });
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[data-turn]"), turn = link && byId(`turn-${link.dataset.turn}`);
      if (!turn) return;
      event.preventDefault();
      for (const one of thread.querySelectorAll(".hf-asked")) one.classList.remove("hf-asked");
      turn.classList.add("hf-asked");
      turn.scrollIntoView({ block: "center" });
    });
    cannedReplies(byId("hf-canned"), byId("hf-reply"));
    const asked = thread.querySelector(".hf-asked");
    if (asked) asked.scrollIntoView({ block: "center" }); else toEnd();
    follow(update);
  }

  function cannedReplies(select, reply) {
    if (!select || !reply) return;
    select.disabled = false;
    select.addEventListener("change", async () => {
      const chosen = select.value;
      select.value = "";
      if (!chosen) return;
      const response = await fetch(`${select.dataset.canned}?id=${encodeURIComponent(chosen)}`, { redirect: "manual" }).catch(() => null);
      if (!response || !response.ok) { put("hf-news", "The canned reply could not be fetched."); return; }
      reply.setRangeText(await response.text(), reply.selectionStart, reply.selectionEnd, "end");
      reply.focus();
    });
  }

  function boxes(form) {
    form.querySelector("[data-no-script]")?.remove();
    form.addEventListener("change", () => form.requestSubmit());
    form.addEventListener("submit", () => {
      for (const box of form.querySelectorAll("select")) box.disabled = box.value === "";
    });
    window.addEventListener("pageshow", () => { for (const box of form.querySelectorAll("select")) box.disabled = false; });
  }

  function keyboard(form) {
    const help = byId("hf-keys");
    const opener = document.querySelector("[data-keys]");
    if (opener && help) { opener.hidden = false; opener.addEventListener("click", () => help.showModal()); }
    document.addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.isComposing) return;
      if (typing(event.target)) { whileTyping(event, form); return; }
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const act = {
        "?": () => help?.showModal(),
        j: () => step(1), k: () => step(-1),
        r: () => byId("hf-reply")?.focus(),
        n: () => byId("hf-note")?.focus(),
        c: () => form?.querySelector('button[data-key="c"]')?.click(),
        u: () => { if (form) location.assign(form.dataset.queue); },
      }[event.key];
      if (act) { event.preventDefault(); act(); }
    });
  }

  function whileTyping(event, form) {
    if (event.key === "Escape" && event.target.matches("textarea")) event.target.blur();
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !form || !form.contains(event.target)) return;
    const button = event.target.parentElement.querySelector('button[name="act"]');
    if (button) { event.preventDefault(); form.requestSubmit(button); }
  }

  function step(by) {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (!rows.length) return;
    const here = rows.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + by, 0), rows.length - 1);
    rows[next].focus();
  }

  function begin() {
    const list = byId("hf-queue"), form = byId("hf-case");
    for (const found of document.querySelectorAll("[data-submit-on-change]")) boxes(found);
    if (list) queuePage(list);
    if (form) casePage(form);
    keyboard(form);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
