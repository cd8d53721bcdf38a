// The answer as it is written. Without this script the form works too, and the answer comes whole.
"use strict";

(() => {
  const form = document.getElementById("ask-form");
  if (!form) return;
  const question = form.elements.question;
  const turns = document.getElementById("turns");
  const buttons = { send: form.querySelector("#send"), stop: form.querySelector("#stop"), again: form.querySelector("#again") };
  const said = [];
  let leaving = null;

  function begin(text) {
    const turn = document.getElementById("turn").content.cloneNode(true).firstElementChild;
    turn.querySelector(".question .words").textContent = palier.visible(text);
    turns.append(turn);
    turn.scrollIntoView({ block: "start" });
    return turn.querySelector(".outcome");
  }

  function working(on) {
    buttons.send.hidden = on;
    buttons.stop.hidden = !on;
    buttons.again.hidden = on || !said.length;
    form.setAttribute("aria-busy", String(on));
  }

  // Server-sent events, as they come: name and data of each.
  async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const frames = rest.split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const lines = frame.split("\n");
        const name = lines.find((line) => line.startsWith("event: "));
        const data = lines.find((line) => line.startsWith("data: "));
        if (data) yield [name ? name.slice(7) : "message", JSON.parse(data.slice(6))];
      }
    }
  }

  function problem(outcome, words, hint) {
    const shown = document.createElement("p");
    shown.className = "problem";
    shown.setAttribute("role", "alert");
    shown.textContent = palier.visible(hint ? `${words} ${hint}` : words);
    outcome.querySelector(".status")?.remove();
    outcome.append(shown);
  }

  async function ask(text) {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("turns", JSON.stringify(said));
    const outcome = begin(text);
    const words = outcome.querySelector(".words");
    leaving = new AbortController();
    working(true);
    try {
      const reply = await fetch(form.action, {
        method: "POST", body: fields, signal: leaving.signal,
        headers: { Accept: "text/event-stream", "HX-Request": "true" },
      });
      const elsewhere = reply.headers.get("HX-Redirect");
      if (elsewhere) { location.assign(elsewhere); return; }
      if (!(reply.headers.get("content-type") || "").startsWith("text/event-stream")) {
        outcome.innerHTML = await reply.text(); // a page's part: made and escaped by the gateway
        return;
      }
      for await (const [name, data] of events(reply.body)) {
        if (name === "delta") {
          outcome.querySelector(".status")?.remove();
          words.textContent += palier.visible(data.text);
        } else if (name === "done") {
          outcome.innerHTML = data.html;
          htmx.process(outcome);
          said.push({ role: "user", content: text }, { role: "assistant", content: data.text });
        } else if (name === "error") {
          problem(outcome, form.dataset.failed, data.error.message);
        }
      }
    } catch (error) {
      problem(outcome, error.name === "AbortError" ? form.dataset.stopped : form.dataset.failed);
    } finally {
      outcome.setAttribute("aria-busy", "false");
      working(false);
      question.focus();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (!text || form.getAttribute("aria-busy") === "true") return;
    const asked = ask(text);
    question.value = "";
    return asked;
  });
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  buttons.stop.addEventListener("click", () => leaving?.abort());
  buttons.again.addEventListener("click", () => {
    said.length = 0;
    turns.replaceChildren();
    working(false);
    question.focus();
  });
})();
