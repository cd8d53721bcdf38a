// What every page shares. Nothing here is needed to use the console: it only makes it quicker.
"use strict";

const palier = {
  // Text from anywhere, with what cannot be seen as its code point; as `inert.visible` on the server.
  visible(text) {
    const odd = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
    return text.replace(/\r\n/g, "\n").replace(odd, (c) =>
      "\u27e8U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
  },

  // Moves the keyboard's focus to what a link within the page leads to, so that reading goes on from there.
  follow(event) {
    const link = event.target.closest("a.mark");
    if (!link) return;
    const source = document.getElementById(link.getAttribute("href").slice(1));
    if (source) {
      source.tabIndex = -1;
      source.focus({ preventScroll: true });
    }
  },
};

document.addEventListener("click", palier.follow);
// A list that was filtered in place has another address than the one the page came with: the language leads back to it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.language");
  if (!link) return;
  const there = new URL(link.href);
  there.searchParams.set("back", location.pathname + location.search);
  link.href = there.href;
});
// Why something was refused stands until it is tried again.
document.addEventListener("htmx:before:request", (event) => {
  const target = event.detail.ctx.target;
  if (target instanceof Element) for (const old of target.querySelectorAll(":scope > .problem")) old.remove();
});
document.querySelector("nav.pages [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
