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
  function filter(box) {
    var rows = Array.from(box.querySelectorAll("tbody tr"));
    var words = document.createElement("input"), told = document.createElement("output");
    words.type = "search";
    words.placeholder = "filter, such as: flow exact";
    words.setAttribute("aria-label", "filter the rows of the table");
    function look() {
      var wanted = words.value.toLowerCase().split(/\s+/);
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !wanted.every(function (word) { return text.includes(word); });
      });
      told.textContent = rows.filter(function (row) { return !row.hidden; }).length + " of " + rows.length;
    }
    words.addEventListener("input", look);
    var bar = document.createElement("p");
    bar.className = "filter";
    bar.append(words, told);
    box.before(bar);
    look();
  }
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll(".filtered").forEach(filter);
    document.querySelectorAll(".choices .choice").forEach(function (choice) {
      choice.tabIndex = 0;
      choice.setAttribute("role", "button");
    });
  });
})();
