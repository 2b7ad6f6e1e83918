// Keeps a page fresh while somebody looks at it. Without it, reloading does the same.
"use strict";
(() => {
  const EVERY = 2000;

  const busy = (main) => {
    const at = document.activeElement;
    const writes = main.contains(at) && at.matches("input, select, textarea");
    return document.hidden || writes || main.querySelector("input[type=checkbox]:checked") !== null;
  };

  const refresh = async (main) => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    if (fresh === null || busy(main)) return;
    const at = document.activeElement;
    const link = main.contains(at) && at.matches("a[href]") ? at.getAttribute("href") : null;
    const moved = main.querySelector(".graph")?.scrollLeft ?? 0;
    main.replaceChildren(...fresh.childNodes);
    main.dataset.revision = fresh.dataset.revision;
    const graph = main.querySelector(".graph");
    if (graph !== null) graph.scrollLeft = moved;
    if (link !== null) main.querySelector(`a[href="${CSS.escape(link)}"]`)?.focus();
  };

  const look = async () => {
    const main = document.getElementById("main");
    try {
      if (main?.dataset.revision !== undefined && !busy(main)) {
        const answer = await fetch("/revision");
        if (answer.ok && String((await answer.json()).revision) !== main.dataset.revision) await refresh(main);
      }
    } catch {
      // The worker is away: asked again.
    }
    setTimeout(look, EVERY);
  };

  if (document.querySelector("main[data-revision]") !== null && document.querySelector(".note[role=alert]") === null) {
    setTimeout(look, EVERY);
  }
})();
