// One slide at a time: arrows, space, a click on the buttons, or a swipe; #12 opens the twelfth.
(function () {
  var cards = [], now = 0;
  function fit(card) {
    var inside = card.querySelector(".fit");
    inside.style.transform = "none";
    var room = card.getBoundingClientRect(), own = inside.getBoundingClientRect();
    var scale = Math.min(0.94 * room.width / own.width, 0.94 * room.height / own.height, 1.6);
    inside.style.transform = "scale(" + scale + ")";
  }
  function show(n) {
    cards[now].classList.remove("now");
    now = Math.max(0, Math.min(cards.length - 1, n));
    cards[now].classList.add("now");
    document.querySelector("nav.deck output").textContent = (now + 1) + " / " + cards.length;
    history.replaceState(null, "", "#" + (now + 1));
    fit(cards[now]);
  }
  function typed(event) {
    if (event.target.matches("input, summary, .choice")) return;
    if (event.key === " " && event.target.matches("button, a")) return;  // which it presses
    var step = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 }[event.key];
    if (step) { event.preventDefault(); show(now + step); }
    if (event.key === "Home") show(0);
    if (event.key === "End") show(cards.length - 1);
  }
  function printed() { cards.forEach(fit); }
  document.addEventListener("DOMContentLoaded", function () {
    cards = Array.from(document.querySelectorAll("section.card"));
    show((Number(location.hash.slice(1)) || 1) - 1);
    document.addEventListener("keydown", typed);
    document.querySelectorAll("nav.deck button").forEach(function (button) {
      button.addEventListener("click", function () { show(now + Number(button.dataset.step)); });
    });
    var x = null;
    document.addEventListener("touchstart", function (e) { x = e.touches[0].clientX; });
    document.addEventListener("touchend", function (e) {
      var moved = e.changedTouches[0].clientX - x;
      if (Math.abs(moved) > 60 && !e.target.matches("input")) show(now + (moved < 0 ? 1 : -1));
    });
    window.addEventListener("resize", function () { fit(cards[now]); });
    window.addEventListener("hashchange", function () { show((Number(location.hash.slice(1)) || 1) - 1); });
    window.addEventListener("beforeprint", printed);
    document.addEventListener("toggle", function () { fit(cards[now]); }, true);
    if (window.MathJax && MathJax.startup && MathJax.startup.promise) {
      MathJax.startup.promise.then(function () { fit(cards[now]); });
    }
  });
})();
