// Sliders over frames, and choices that open what they ask about.
(function () {
  function show(frames, index) {
    var images = frames.querySelectorAll("img");
    images.forEach(function (image, i) { image.hidden = i !== index; });
    frames.querySelector("output").textContent = images[index].dataset.label;
  }
  document.addEventListener("input", function (event) {
    var frames = event.target.closest("figure.frames");
    if (frames) show(frames, Number(event.target.value));
  });
  function choose(choice) {
    choice.parentElement.querySelectorAll(".choice").forEach(function (other) {
      other.classList.toggle("chosen", other === choice);
    });
    var hidden = choice.closest(".predict").querySelector("details.reveal");
    if (hidden) hidden.open = true;
  }
  document.addEventListener("click", function (event) {
    var choice = event.target.closest(".choices .choice");
    if (choice) choose(choice);
  });
  document.addEventListener("keydown", function (event) {
    var choice = event.target.closest && event.target.closest(".choices .choice");
    if (choice && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(choice);
    }
  });
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll(".choices .choice").forEach(function (choice) {
      choice.tabIndex = 0;
      choice.setAttribute("role", "button");
    });
  });
})();
