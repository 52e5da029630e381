// The page is whole without this script: it opens what a link leads to, and closes the contents.
(() => {
  const contents = document.getElementById("page-contents");
  const open = () => {
    let place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    const target = place;
    for (; place; place = place.parentElement) if (place.matches("details")) place.open = true;
    target.scrollIntoView();
  };
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a")) contents.open = false;
  });
  contents.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    contents.open = false;
    contents.querySelector("summary").focus();
  });
  addEventListener("hashchange", open);
  if (location.hash) open();
})();
