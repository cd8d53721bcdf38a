"use strict";
(function () {
  var form = document.getElementById("filter");
  if (!form) return;
  document.documentElement.classList.add("scripted");
  var cases = Array.prototype.slice.call(document.querySelectorAll(".case"));
  var count = document.getElementById("count");
  var words = cases.map(function () { return null; });

  function fold(text) {
    return text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  }

  function shown(item, at, want) {
    if (want.split && item.dataset.split !== want.split) return false;
    if (want.tag && item.dataset.tags.split("\n").indexOf(want.tag) < 0) return false;
    var any = false;
    item.querySelectorAll("article").forEach(function (one) {
      var here = !want.candidate || one.dataset.candidate === want.candidate;
      one.hidden = !here;
      if (!here) return;
      if (!want.state || want.state === "disagree" || one.dataset.state === want.state) any = true;
    });
    item.querySelectorAll("summary .is").forEach(function (one) {
      one.hidden = !!want.candidate && one.dataset.candidate !== want.candidate;
    });
    if (!any) return false;
    if (want.state === "disagree" && item.dataset.disagree !== "yes") return false;
    if (!want.text) return true;
    if (words[at] === null) words[at] = fold(item.textContent);
    return words[at].indexOf(fold(want.text)) >= 0;
  }

  function apply() {
    var want = {};
    ["candidate", "split", "state", "tag", "text"].forEach(function (name) {
      want[name] = form.elements[name].value.trim();
    });
    var seen = 0;
    cases.forEach(function (item, at) {
      var here = shown(item, at, want);
      item.hidden = !here;
      if (here) seen += 1;
    });
    count.textContent = seen + " / " + cases.length;
  }

  var waiting = 0;
  form.addEventListener("input", function () {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  apply();
})();
