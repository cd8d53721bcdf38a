// The queue by the keyboard: keys count only while a lesson has the focus, and not in its fields.
"use strict";

(() => {
  const list = document.getElementById("list");
  const cards = () => [...list.querySelectorAll(".lesson")];

  function move(card, by) {
    const all = cards();
    all[all.indexOf(card) + by]?.focus();
  }

  list.addEventListener("keydown", (event) => {
    const card = event.target.closest(".lesson");
    if (!card || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("textarea, input, select")) return;
    if (event.key === "j" || event.key === "k") {
      move(card, event.key === "j" ? 1 : -1);
    } else if (["a", "e", "r"].includes(event.key)) {
      const control = card.querySelector(`[data-key="${event.key}"]`);
      if (!control) return;
      control.click();
      if (event.key === "e") card.querySelector("details.edit textarea")?.focus();
    } else {
      return;
    }
    event.preventDefault();
  });

  // What was decided is put in the place of its card, which has the focus again: it goes on to the next that waits.
  new MutationObserver((changes) => {
    const done = changes.flatMap((change) => [...change.addedNodes]).find((node) => node.classList?.contains("done"));
    if (!done) return;
    setTimeout(() => {
      const active = document.activeElement;
      if (active && active !== document.body && active !== done) return;
      const all = cards();
      const next = all.slice(all.indexOf(done) + 1).find((card) => !card.classList.contains("done"));
      (next || done).focus();
    }, 50);
  }).observe(list, { childList: true, subtree: true });
})();
