// Files one after the other, with how far each is. Without this script the form sends them all at once.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const bar = document.getElementById("sent");
  const said = document.getElementById("sending");
  const list = document.getElementById("uploaded");
  const reading = document.getElementById("reading");
  const SENT = 0.1; // of a file's time, at most: the rest is the indexing

  // One file's request: what is said of it, as a page's part that the gateway made and escaped.
  function send(file, ticket, told) {
    const fields = new FormData(form);
    fields.set("files", file, file.name);
    fields.set("ticket", ticket);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => told(event.loaded, event.total));
    return new Promise((done) => {
      request.addEventListener("load", () => {
        const elsewhere = request.getResponseHeader("HX-Redirect");
        if (elsewhere) location.assign(elsewhere);
        done(request.responseText);
      });
      for (const failed of ["error", "timeout", "abort"]) request.addEventListener(failed, () => done(null));
      request.send(fields);
    });
  }

  // How far the indexing is, each second, until `going` says that it is over.
  async function follow(ticket, going, told) {
    while (going()) {
      await new Promise((done) => setTimeout(done, 1000));
      const query = new URLSearchParams({ ticket });
      const reply = await fetch(`/console/knowledge/reading?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
      const part = reply && reply.ok ? await reply.text() : "";
      if (!part || !going()) continue;
      reading.innerHTML = part; // made and escaped by the gateway
      const share = Number(reading.querySelector("[data-share]")?.dataset.share);
      if (share) told(share);
    }
  }

  function show(html, name, why) {
    const shown = document.createElement("div");
    if (html == null) {
      shown.className = "problem";
      shown.textContent = `${palier.visible(name)}: ${why}`;
    } else {
      shown.innerHTML = html;
    }
    list.append(shown);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    const files = [...form.elements.files.files];
    form.setAttribute("aria-busy", "true");
    list.replaceChildren();
    bar.hidden = false;
    for (const [n, file] of files.entries()) {
      const where = `${palier.visible(file.name)} (${n + 1}/${files.length})`;
      const told = (loaded, total) => {
        bar.value = (n + SENT * (total ? loaded / total : 0)) / files.length;
        said.textContent = `${loaded < total ? form.dataset.sending : form.dataset.reading}: ${where}`;
      };
      if (file.size > Number(form.dataset.most)) {
        show(null, file.name, form.dataset.large);
        continue;
      }
      told(0, file.size || 1);
      const ticket = `${Date.now()}-${n}`;
      let going = true;
      follow(ticket, () => going, (share) => { bar.value = (n + SENT + (1 - SENT) * share) / files.length; });
      show(await send(file, ticket, told), file.name, form.dataset.failed);
      going = false;
      reading.replaceChildren();
      bar.value = (n + 1) / files.length;
    }
    bar.hidden = true;
    said.textContent = "";
    form.elements.files.value = "";
    form.setAttribute("aria-busy", "false");
    document.body.dispatchEvent(new Event("uploaded"));
  });
})();
