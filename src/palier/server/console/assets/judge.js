// Verdicts by the keyboard, while the form has the focus: y and n of the first answer that has none, s to skip.
"use strict";

(() => {
  const form = document.getElementById("judge");
  if (!form) return;
  const open = () => [...form.querySelectorAll("fieldset")].find((one) => !one.querySelector("input:checked"));
  form.focus();
  form.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "s") {
      document.getElementById("skip").click();
    } else if (event.key === "y" || event.key === "n") {
      const input = open()?.querySelector(`input[value=${event.key === "y" ? "right" : "wrong"}]`);
      if (input) input.checked = true;
      if (!open()) form.querySelector("button[type=submit]").focus();
    } else {
      return;
    }
    event.preventDefault();
  });
})();
